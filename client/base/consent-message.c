/* SPDX-License-Identifier: Apache-2.0 */
/* As message.c: put and get side by side, in the order of the fields in PROTOCOL.md. */
#include "base/consent-message.h"

#include <countersign/error.h>
#include <countersign/protocol.h>

void cs_msg_consent_put(struct cs_buf *buf, const struct cs_msg_consent *m)
{
    cs_buf_put_u32(buf, m->number);
    cs_buf_put_bytes(buf, m->program);
    cs_buf_put_bytes(buf, m->id);
    cs_buf_put_bytes(buf, m->label);
    cs_buf_put_bytes(buf, m->token);
    cs_buf_put_bytes(buf, m->what);
    cs_buf_put_bytes(buf, m->server);
    cs_buf_put_u64(buf, m->since);
    cs_buf_put_u64(buf, m->uses);
}

void cs_msg_consent_read(struct cs_reader *reader, struct cs_msg_consent *m)
{
    m->number = cs_get_u32(reader);
    m->program = cs_get_string(reader);
    m->id = cs_get_bytes(reader);
    m->label = cs_get_string(reader);
    m->token = cs_get_string(reader);
    m->what = cs_get_string(reader);
    m->server = cs_get_string(reader);
    m->since = cs_get_u64(reader);
    m->uses = cs_get_u64(reader);
    if (!reader->error && (m->number == 0 || m->id.len != CS_ID_SIZE))
        reader->error = CS_ERR_PROTOCOL;
}

void cs_msg_use_put(struct cs_buf *buf, const struct cs_msg_use *m)
{
    cs_buf_put_bytes(buf, m->program);
    cs_buf_put_u64(buf, m->signatures);
    cs_buf_put_u64(buf, m->proven);
    cs_buf_put_u64(buf, m->denied);
}

void cs_msg_use_read(struct cs_reader *reader, struct cs_msg_use *m)
{
    m->program = cs_get_string(reader);
    m->signatures = cs_get_u64(reader);
    m->proven = cs_get_u64(reader);
    m->denied = cs_get_u64(reader);
    if (!reader->error && m->proven > m->signatures)
        reader->error = CS_ERR_PROTOCOL;
}

void cs_msg_record_put(struct cs_buf *buf, const struct cs_msg_record *m)
{
    cs_buf_put_u8(buf, m->on);
    cs_buf_put_bytes(buf, m->path);
    cs_buf_put_bytes(buf, m->trouble);
    cs_buf_put_u64(buf, m->lost);
}

int cs_msg_record_get(struct cs_bytes body, struct cs_msg_record *m)
{
    struct cs_reader reader = cs_reader_of(body);
    uint8_t on = cs_get_u8(&reader);

    m->on = on == 1;
    m->path = cs_get_string(&reader);
    m->trouble = cs_get_string(&reader);
    m->lost = cs_get_u64(&reader);
    return on > 1 ? CS_ERR_PROTOCOL : cs_reader_end(&reader);
}

void cs_msg_number_put(struct cs_buf *buf, uint32_t number)
{
    cs_buf_put_u32(buf, number);
}

int cs_msg_number_get(struct cs_bytes body, uint32_t *numberp)
{
    struct cs_reader reader = cs_reader_of(body);

    *numberp = cs_get_u32(&reader);
    return cs_reader_end(&reader);
}
