/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames. The same framing carries the socket protocol and the messages between the agent and its
 * token hosts. The length is judged before anything is allocated for it.
 */
#include "base/wire.h"

#include <countersign/error.h>
#include <countersign/protocol.h>

size_t cs_frame_begin(struct cs_buf *buf, uint16_t type, uint32_t id)
{
    size_t offset = buf->len;

    cs_buf_put_u32(buf, 0);
    cs_buf_put_u16(buf, type);
    cs_buf_put_u16(buf, 0);
    cs_buf_put_u32(buf, id);
    return offset;
}

int cs_frame_end(struct cs_buf *buf, size_t offset)
{
    int r = buf->error;

    if (r == 0 && buf->len - offset - CS_FRAME_HEADER > CS_FRAME_MAX)
        r = CS_ERR_TOO_LARGE;
    if (r < 0) {
        buf->len = offset;
        buf->error = 0;
        return r;
    }
    cs_buf_set_u32(buf, offset, (uint32_t)(buf->len - offset - CS_FRAME_HEADER));
    return 0;
}

int cs_frame_parse(struct cs_bytes bytes, struct cs_frame *frame, size_t *sizep)
{
    struct cs_reader reader = cs_reader_of(bytes);
    uint32_t length;

    if (bytes.len < CS_FRAME_HEADER)
        return 0;
    length = cs_get_u32(&reader);
    frame->type = cs_get_u16(&reader);
    if (cs_get_u16(&reader) != 0)
        return CS_ERR_PROTOCOL;
    frame->id = cs_get_u32(&reader);
    if (length > CS_FRAME_MAX)
        return CS_ERR_TOO_LARGE;
    if (reader.left < length)
        return 0;
    frame->body = cs_get_raw(&reader, length);
    *sizep = CS_FRAME_HEADER + length;
    return 1;
}
