/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to a client: one is begun, written and sent before the next. */
#ifndef CS_AGENT_REPLY_H
#define CS_AGENT_REPLY_H

#include "socket/peer-state.h"

void cs_reply_error(struct cs_peer *peer, uint32_t id, int code, const char *text);

/* Begins a frame of that type, which cs_reply_finish sends; its body is put into *bufp. */
size_t cs_reply_begin(uint16_t type, uint32_t id, struct cs_buf **bufp);
void cs_reply_finish(struct cs_peer *peer, size_t at, uint32_t id);

/* What came of a request. */
void cs_reply_send(const struct cs_pending *pending, const struct cs_reply *reply);

/* What is known without asking anybody: STATUS, CONSENTS, USES, POLICY, RECORD, PING. */
void cs_reply_account(struct cs_peer *peer, const struct cs_frame *frame);

#endif
