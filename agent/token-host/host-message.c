/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the messages between the agent and its token hosts; put and get side by side. */
#include "token-host/host-message.h"

#include <countersign/error.h>

void cs_host_configure_put(struct cs_buf *buf, const struct cs_host_configure *m)
{
    cs_buf_put_bytes(buf, m->prompt_program);
    cs_buf_put_bytes(buf, m->pinentry);
    cs_buf_put_u32(buf, m->prompt_timeout);
    cs_buf_put_u32(buf, m->n_sources);
    for (uint32_t i = 0; i < m->n_sources; i++) {
        cs_buf_put_bytes(buf, m->sources[i].token);
        cs_buf_put_bytes(buf, m->sources[i].command);
        cs_buf_put_bytes(buf, m->sources[i].credential);
    }
}

int cs_host_configure_get(struct cs_bytes body, struct cs_host_configure *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->prompt_program = cs_get_string(&reader);
    m->pinentry = cs_get_string(&reader);
    m->prompt_timeout = cs_get_u32(&reader);
    m->n_sources = cs_get_count(&reader, 12);
    if (m->n_sources > CS_HOST_PIN_SOURCES_MAX)
        return CS_ERR_PROTOCOL;
    for (uint32_t i = 0; i < m->n_sources; i++) {
        m->sources[i].token = cs_get_string(&reader);
        m->sources[i].command = cs_get_bytes(&reader);
        m->sources[i].credential = cs_get_string(&reader);
    }
    return cs_reader_end(&reader);
}

void cs_host_login_put(struct cs_buf *buf, const struct cs_host_login_request *m)
{
    cs_buf_put_u32(buf, m->slot);
    cs_buf_put_u8(buf, m->how);
    cs_buf_put_u8(buf, m->on_request);
    cs_buf_put_bytes(buf, m->program);
    cs_buf_put_bytes(buf, m->key);
    cs_environment_put(buf, &m->environment);
    cs_buf_put_u8(buf, m->by_serial);
    cs_buf_put_u8(buf, m->held);
    cs_buf_put_bytes(buf, m->tried);
}

int cs_host_login_get(struct cs_bytes body, struct cs_host_login_request *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->slot = cs_get_u32(&reader);
    m->how = cs_get_u8(&reader);
    m->on_request = cs_get_u8(&reader);
    m->program = cs_get_string(&reader);
    m->key = cs_get_bytes(&reader);
    cs_environment_read(&reader, &m->environment);
    m->by_serial = cs_get_u8(&reader);
    m->held = cs_get_u8(&reader);
    m->tried = cs_get_bytes(&reader);
    if (!reader.error &&
        (m->how > (CS_HOST_LOGIN_FD | CS_HOST_LOGIN_FORCE) || m->on_request > 1 ||
            m->by_serial > 1 || m->held > 1 || m->tried.len % CS_HOST_SOURCE_SIZE != 0))
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_host_tried_put(struct cs_buf *buf, const struct cs_host_tried *m)
{
    cs_buf_put_u32(buf, m->slot);
    cs_buf_put_bytes(buf, m->source);
}

int cs_host_tried_get(struct cs_bytes body, struct cs_host_tried *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->slot = cs_get_u32(&reader);
    m->source = cs_get_bytes(&reader);
    if (!reader.error && m->source.len != CS_HOST_SOURCE_SIZE)
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_host_logout_put(struct cs_buf *buf, const struct cs_host_logout_request *m)
{
    cs_buf_put_u32(buf, m->slot);
    cs_buf_put_u8(buf, m->hold);
    cs_buf_put_bytes(buf, m->why);
}

int cs_host_logout_get(struct cs_bytes body, struct cs_host_logout_request *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->slot = cs_get_u32(&reader);
    m->hold = cs_get_u8(&reader);
    m->why = cs_get_string(&reader);
    if (!reader.error && m->hold > 1)
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_host_sign_put(struct cs_buf *buf, const struct cs_host_sign_request *m)
{
    cs_buf_put_u32(buf, m->slot);
    cs_buf_put_bytes(buf, m->spki);
    cs_buf_put_bytes(buf, m->cka_id);
    cs_buf_put_u16(buf, m->scheme);
    cs_buf_put_bytes(buf, m->data);
    cs_buf_put_bytes(buf, m->program);
    cs_buf_put_bytes(buf, m->key);
    cs_environment_put(buf, &m->environment);
    cs_buf_put_u8(buf, m->by_serial);
}

int cs_host_sign_get(struct cs_bytes body, struct cs_host_sign_request *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->slot = cs_get_u32(&reader);
    m->spki = cs_get_bytes(&reader);
    m->cka_id = cs_get_bytes(&reader);
    m->scheme = cs_get_u16(&reader);
    m->data = cs_get_bytes(&reader);
    m->program = cs_get_string(&reader);
    m->key = cs_get_bytes(&reader);
    cs_environment_read(&reader, &m->environment);
    m->by_serial = cs_get_u8(&reader);
    if (!reader.error && m->by_serial > 1)
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_host_failed_put(struct cs_buf *buf, const struct cs_host_failed *m)
{
    cs_buf_put_u16(buf, (uint16_t)-m->code);
    cs_buf_put_u32(buf, m->ckr);
    cs_buf_put_bytes(buf, m->text);
}

int cs_host_failed_get(struct cs_bytes body, struct cs_host_failed *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->code = -(int)cs_get_u16(&reader);
    m->ckr = cs_get_u32(&reader);
    m->text = cs_get_string(&reader);
    if (!reader.error && m->code == 0)
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_host_refused_put(struct cs_buf *buf, const struct cs_host_refused *m)
{
    cs_buf_put_u32(buf, m->slot);
    cs_buf_put_u8(buf, m->known);
    cs_host_failed_put(buf, &m->failed);
}

int cs_host_refused_get(struct cs_bytes body, struct cs_host_refused *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->slot = cs_get_u32(&reader);
    m->known = cs_get_u8(&reader);
    if (reader.error)
        return reader.error;
    if (m->known > 1)
        return CS_ERR_PROTOCOL;
    return cs_host_failed_get(CS_BYTES(reader.data, reader.left), &m->failed);
}

void cs_host_trouble_put(struct cs_buf *buf, const struct cs_host_trouble *m)
{
    cs_buf_put_bytes(buf, m->text);
}

int cs_host_trouble_get(struct cs_bytes body, struct cs_host_trouble *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->text = cs_get_string(&reader);
    return cs_reader_end(&reader);
}

void cs_host_ready_put(struct cs_buf *buf, const struct cs_host_ready *m)
{
    cs_buf_put_bytes(buf, m->manufacturer);
    cs_buf_put_bytes(buf, m->description);
}

int cs_host_ready_get(struct cs_bytes body, struct cs_host_ready *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->manufacturer = cs_get_bytes(&reader);
    m->description = cs_get_bytes(&reader);
    return cs_reader_end(&reader);
}

void cs_host_token_put(struct cs_buf *buf, const struct cs_host_token *m)
{
    cs_buf_put_u32(buf, m->slot);
    cs_buf_put_bytes(buf, m->label);
    cs_buf_put_bytes(buf, m->manufacturer);
    cs_buf_put_bytes(buf, m->model);
    cs_buf_put_bytes(buf, m->serial);
    cs_buf_put_u32(buf, m->flags);
    cs_buf_put_u64(buf, m->since);
    cs_buf_put_bytes(buf, m->why);
}

int cs_host_token_get(struct cs_bytes body, struct cs_host_token *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->slot = cs_get_u32(&reader);
    m->label = cs_get_bytes(&reader);
    m->manufacturer = cs_get_bytes(&reader);
    m->model = cs_get_bytes(&reader);
    m->serial = cs_get_bytes(&reader);
    m->flags = cs_get_u32(&reader);
    m->since = cs_get_u64(&reader);
    m->why = cs_get_string(&reader);
    return cs_reader_end(&reader);
}

void cs_host_object_put(struct cs_buf *buf, const struct cs_host_object *m)
{
    cs_buf_put_u32(buf, m->slot);
    cs_buf_put_u8(buf, m->object_class);
    cs_buf_put_u8(buf, m->key_type);
    cs_buf_put_u32(buf, m->flags);
    cs_buf_put_bytes(buf, m->label);
    cs_buf_put_bytes(buf, m->cka_id);
    cs_buf_put_bytes(buf, m->value);
}

int cs_host_object_get(struct cs_bytes body, struct cs_host_object *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->slot = cs_get_u32(&reader);
    m->object_class = cs_get_u8(&reader);
    m->key_type = cs_get_u8(&reader);
    m->flags = cs_get_u32(&reader);
    m->label = cs_get_bytes(&reader);
    m->cka_id = cs_get_bytes(&reader);
    m->value = cs_get_bytes(&reader);
    if (!reader.error && (m->object_class < CS_HOST_CERTIFICATE ||
                             m->object_class > CS_HOST_PRIVATE_KEY || m->key_type > CS_KEY_ED448))
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_host_token_state_put(struct cs_buf *buf, const struct cs_host_token_state *m)
{
    cs_buf_put_u32(buf, m->slot);
    cs_buf_put_u32(buf, m->flags);
    cs_buf_put_u64(buf, m->since);
    cs_buf_put_bytes(buf, m->why);
}

int cs_host_token_state_get(struct cs_bytes body, struct cs_host_token_state *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->slot = cs_get_u32(&reader);
    m->flags = cs_get_u32(&reader);
    m->since = cs_get_u64(&reader);
    m->why = cs_get_string(&reader);
    return cs_reader_end(&reader);
}

void cs_host_number_put(struct cs_buf *buf, uint32_t number)
{
    cs_buf_put_u32(buf, number);
}

int cs_host_number_get(struct cs_bytes body, uint32_t *numberp)
{
    struct cs_reader reader = cs_reader_of(body);

    *numberp = cs_get_u32(&reader);
    return cs_reader_end(&reader);
}
