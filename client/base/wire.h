/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: the length, type and request id around every message (PROTOCOL.md, "Frames"). */
#ifndef CS_BASE_WIRE_H
#define CS_BASE_WIRE_H

#include "base/buf.h"

struct cs_frame {
    uint16_t type;
    uint32_t id;
    struct cs_bytes body;
};

/* Begins a frame at the end of buf and returns its offset, for cs_frame_end, which fills the length
 * in. */
size_t cs_frame_begin(struct cs_buf *buf, uint16_t type, uint32_t id);
/* 0, or the buffer's error; the unfinished frame is then dropped and the buffer good again. */
int cs_frame_end(struct cs_buf *buf, size_t offset);

/* 1: a frame, *sizep bytes with its header, its body borrowed from bytes. 0: more bytes are needed.
 * CS_ERR_PROTOCOL, CS_ERR_TOO_LARGE. */
int cs_frame_parse(struct cs_bytes bytes, struct cs_frame *frame, size_t *sizep);

#endif
