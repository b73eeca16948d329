/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of tokens beyond the time that they, or their host's process, were there. */
#ifndef CS_AGENT_MEMORY_H
#define CS_AGENT_MEMORY_H

#include "inventory/token.h"
#include "limit.h"

/* With zeros it is empty. */
struct cs_memory {
    uint32_t life; /* counts the module's processes, from 1 */
    size_t n;      /* tokens remembered so far: the oldest makes room */
    struct cs_memory_token *tokens[CS_LIMIT_TOKENS_PER_HOST];
    uint8_t recalled[CS_HOST_TRIED_MAX][CS_HOST_SOURCE_SIZE];
};

void cs_memory_deinit(struct cs_memory *memory);

/* After a token was reported: whether it is held, which who reports it may not know any more; and
 * one that is unlocked is well. */
void cs_memory_see(struct cs_memory *memory, struct cs_token *token);
/* It is being locked on purpose. */
void cs_memory_hold(struct cs_memory *memory, const struct cs_token *token);
/* A PIN of this source, of CS_HOST_SOURCE_SIZE octets, is on its way to it. */
void cs_memory_try(struct cs_memory *memory, const struct cs_token *token, struct cs_bytes source);
/* It has refused a PIN that its process has in mind. */
void cs_memory_refuse(struct cs_memory *memory, const struct cs_token *token);
/* Whether a token refused a PIN in this life and has not been unlocked since: the process knows
 * what is not to be sent again, and another would not. */
bool cs_memory_has_refused(const struct cs_memory *memory);

/* Fills held and tried, for a login. Borrowed until the next one. */
void cs_memory_recall(
    struct cs_memory *memory, const struct cs_token *token, struct cs_host_login_request *m);

#endif
