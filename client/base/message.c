/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the socket's messages. Each type has its put and its get side by side, in the
 * order of the fields in PROTOCOL.md; the two must change together.
 */
#include "base/message.h"

#include <countersign/error.h>

/* n entries of bytes behind one another, already in wire form. */
static struct cs_bytes read_list(struct cs_reader *reader, uint32_t *np)
{
    const uint8_t *start;
    uint32_t n = cs_get_count(reader, 4);

    start = reader->data;
    for (uint32_t i = 0; i < n && !reader->error; i++)
        cs_get_bytes(reader);
    if (reader->error)
        return (struct cs_bytes){0};
    *np = n;
    return CS_BYTES(start, n ? (size_t)(reader->data - start) : 0);
}

static void put_list(struct cs_buf *buf, uint32_t n, struct cs_bytes entries)
{
    cs_buf_put_u32(buf, n);
    cs_buf_put(buf, entries.data, entries.len);
}

void cs_environment_put(struct cs_buf *buf, const struct cs_environment *environment)
{
    cs_buf_put_u32(buf, environment->n);
    for (uint32_t i = 0; i < environment->n; i++) {
        cs_buf_put_bytes(buf, environment->entries[i].name);
        cs_buf_put_bytes(buf, environment->entries[i].value);
    }
}

void cs_environment_read(struct cs_reader *reader, struct cs_environment *environment)
{
    environment->n = cs_get_count(reader, 8);
    if (environment->n > CS_ENVIRONMENT_MAX)
        reader->error = CS_ERR_PROTOCOL;
    if (reader->error)
        environment->n = 0;
    for (uint32_t i = 0; i < environment->n; i++) {
        environment->entries[i].name = cs_get_string(reader);
        environment->entries[i].value = cs_get_string(reader);
    }
}

void cs_msg_hello_put(struct cs_buf *buf, const struct cs_msg_hello *m)
{
    cs_buf_put_u16(buf, m->min_version);
    cs_buf_put_u16(buf, m->max_version);
    cs_buf_put_bytes(buf, m->program);
    cs_environment_put(buf, &m->environment);
}

int cs_msg_hello_get(struct cs_bytes body, struct cs_msg_hello *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->min_version = cs_get_u16(&reader);
    m->max_version = cs_get_u16(&reader);
    m->program = cs_get_string(&reader);
    cs_environment_read(&reader, &m->environment);
    return cs_reader_end(&reader);
}

void cs_msg_welcome_put(struct cs_buf *buf, const struct cs_msg_welcome *m)
{
    cs_buf_put_u16(buf, m->version);
    cs_buf_put_bytes(buf, m->agent);
}

int cs_msg_welcome_get(struct cs_bytes body, struct cs_msg_welcome *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->version = cs_get_u16(&reader);
    m->agent = cs_get_string(&reader);
    return cs_reader_end(&reader);
}

void cs_msg_error_put(struct cs_buf *buf, const struct cs_msg_error *m)
{
    cs_buf_put_u16(buf, (uint16_t)-m->code);
    cs_buf_put_bytes(buf, m->text);
}

int cs_msg_error_get(struct cs_bytes body, struct cs_msg_error *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->code = -(int)cs_get_u16(&reader);
    m->text = cs_get_string(&reader);
    if (!reader.error && m->code == 0)
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_msg_first_put(struct cs_buf *buf, uint32_t first)
{
    cs_buf_put_u32(buf, first);
}

int cs_msg_first_get(struct cs_bytes body, uint32_t *firstp)
{
    struct cs_reader reader = cs_reader_of(body);

    *firstp = cs_get_u32(&reader);
    return cs_reader_end(&reader);
}

void cs_msg_page_put(struct cs_buf *buf, const struct cs_msg_page *m)
{
    cs_buf_put_u64(buf, m->generation);
    cs_buf_put_u32(buf, m->total);
    cs_buf_put_u32(buf, m->n);
}

void cs_msg_page_read(struct cs_reader *reader, struct cs_msg_page *m)
{
    m->generation = cs_get_u64(reader);
    m->total = cs_get_u32(reader);
    m->n = cs_get_count(reader, 4);
}

void cs_msg_token_put(struct cs_buf *buf, const struct cs_msg_token *m)
{
    cs_buf_put_bytes(buf, m->uri);
    cs_buf_put_bytes(buf, m->label);
    cs_buf_put_bytes(buf, m->manufacturer);
    cs_buf_put_bytes(buf, m->model);
    cs_buf_put_bytes(buf, m->serial);
    cs_buf_put_bytes(buf, m->module);
    cs_buf_put_u32(buf, m->flags);
    cs_buf_put_u64(buf, m->since);
    cs_buf_put_bytes(buf, m->why);
}

void cs_msg_token_read(struct cs_reader *reader, struct cs_msg_token *m)
{
    m->uri = cs_get_string(reader);
    m->label = cs_get_bytes(reader);
    m->manufacturer = cs_get_bytes(reader);
    m->model = cs_get_bytes(reader);
    m->serial = cs_get_bytes(reader);
    m->module = cs_get_string(reader);
    m->flags = cs_get_u32(reader);
    m->since = cs_get_u64(reader);
    m->why = cs_get_string(reader);
}

void cs_msg_identity_put(struct cs_buf *buf, const struct cs_msg_identity *m)
{
    cs_buf_put_bytes(buf, m->id);
    cs_buf_put_bytes(buf, m->uri);
    cs_buf_put_bytes(buf, m->token);
    cs_buf_put_bytes(buf, m->label);
    cs_buf_put_bytes(buf, m->cka_id);
    cs_buf_put_u8(buf, m->key_type);
    cs_buf_put_u32(buf, m->bits);
    cs_buf_put_bytes(buf, m->group);
    cs_buf_put_bytes(buf, m->spki);
    cs_buf_put_u32(buf, m->flags);
    cs_buf_put_bytes(buf, m->schemes);
    put_list(buf, m->n_certificates, m->certificates);
}

void cs_msg_identity_read(struct cs_reader *reader, struct cs_msg_identity *m)
{
    m->id = cs_get_bytes(reader);
    m->uri = cs_get_string(reader);
    m->token = cs_get_string(reader);
    m->label = cs_get_bytes(reader);
    m->cka_id = cs_get_bytes(reader);
    m->key_type = cs_get_u8(reader);
    m->bits = cs_get_u32(reader);
    m->group = cs_get_string(reader);
    m->spki = cs_get_bytes(reader);
    m->flags = cs_get_u32(reader);
    m->schemes = cs_get_bytes(reader);
    m->certificates = read_list(reader, &m->n_certificates);
    if (!reader->error && (m->id.len != CS_ID_SIZE || m->schemes.len % 2 != 0))
        reader->error = CS_ERR_PROTOCOL;
}

void cs_msg_certificate_put(struct cs_buf *buf, const struct cs_msg_certificate *m)
{
    cs_buf_put_bytes(buf, m->uri);
    cs_buf_put_bytes(buf, m->token);
    cs_buf_put_bytes(buf, m->label);
    cs_buf_put_bytes(buf, m->cka_id);
    cs_buf_put_bytes(buf, m->der);
}

void cs_msg_certificate_read(struct cs_reader *reader, struct cs_msg_certificate *m)
{
    m->uri = cs_get_string(reader);
    m->token = cs_get_string(reader);
    m->label = cs_get_bytes(reader);
    m->cka_id = cs_get_bytes(reader);
    m->der = cs_get_bytes(reader);
}

void cs_msg_resolve_put(struct cs_buf *buf, const struct cs_msg_resolve *m)
{
    cs_buf_put_bytes(buf, m->name);
    cs_buf_put_u8(buf, m->expect);
}

int cs_msg_resolve_get(struct cs_bytes body, struct cs_msg_resolve *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->name = cs_get_string(&reader);
    m->expect = cs_get_u8(&reader);
    if (m->expect > CS_EXPECT_CERTIFICATE)
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_msg_resolved_put(struct cs_buf *buf, const struct cs_msg_resolved *m)
{
    cs_buf_put_u8(buf, m->has_identity);
    if (m->has_identity)
        cs_msg_identity_put(buf, &m->identity);
    put_list(buf, m->n_chain, m->chain);
}

static void read_resolved(struct cs_reader *reader, struct cs_msg_resolved *m)
{
    uint8_t has_identity = cs_get_u8(reader);

    if (has_identity > 1)
        reader->error = CS_ERR_PROTOCOL;
    m->has_identity = has_identity;
    if (m->has_identity)
        cs_msg_identity_read(reader, &m->identity);
    m->chain = read_list(reader, &m->n_chain);
}

int cs_msg_resolved_get(struct cs_bytes body, struct cs_msg_resolved *m)
{
    struct cs_reader reader = cs_reader_of(body);

    read_resolved(&reader, m);
    return cs_reader_end(&reader);
}

void cs_msg_find_put(struct cs_buf *buf, const struct cs_msg_find *m)
{
    cs_buf_put_bytes(buf, m->host);
    put_list(buf, m->n_issuers, m->issuers);
    cs_buf_put_bytes(buf, m->schemes);
}

int cs_msg_find_get(struct cs_bytes body, struct cs_msg_find *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->host = cs_get_string(&reader);
    m->issuers = read_list(&reader, &m->n_issuers);
    m->schemes = cs_get_bytes(&reader);
    if (!reader.error && m->schemes.len % 2 != 0)
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_msg_found_put(struct cs_buf *buf, const struct cs_msg_found *m)
{
    cs_buf_put_bytes(buf, m->why);
    cs_msg_resolved_put(buf, &m->resolved);
}

int cs_msg_found_get(struct cs_bytes body, struct cs_msg_found *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->why = cs_get_string(&reader);
    read_resolved(&reader, &m->resolved);
    return cs_reader_end(&reader);
}

void cs_msg_watching_put(struct cs_buf *buf, const struct cs_msg_watching *m)
{
    cs_buf_put_u64(buf, m->generation);
}

int cs_msg_watching_get(struct cs_bytes body, struct cs_msg_watching *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->generation = cs_get_u64(&reader);
    return cs_reader_end(&reader);
}

void cs_msg_event_put(struct cs_buf *buf, const struct cs_msg_event *m)
{
    cs_buf_put_u64(buf, m->generation);
    cs_buf_put_u8(buf, m->kind);
    cs_buf_put_bytes(buf, m->subject);
    cs_buf_put_bytes(buf, m->text);
}

int cs_msg_event_get(struct cs_bytes body, struct cs_msg_event *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->generation = cs_get_u64(&reader);
    m->kind = cs_get_u8(&reader);
    m->subject = cs_get_string(&reader);
    m->text = cs_get_string(&reader);
    return cs_reader_end(&reader);
}

void cs_msg_sign_put(struct cs_buf *buf, const struct cs_msg_sign *m)
{
    cs_buf_put_bytes(buf, m->id);
    cs_buf_put_u16(buf, m->scheme);
    cs_buf_put_u8(buf, m->input);
    cs_buf_put_bytes(buf, m->data);
}

int cs_msg_sign_get(struct cs_bytes body, struct cs_msg_sign *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->id = cs_get_bytes(&reader);
    m->scheme = cs_get_u16(&reader);
    m->input = cs_get_u8(&reader);
    m->data = cs_get_bytes(&reader);
    if (!reader.error && (m->id.len != CS_ID_SIZE || m->input > CS_INPUT_DIGEST))
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_msg_signed_put(struct cs_buf *buf, const struct cs_msg_signed *m)
{
    cs_buf_put_bytes(buf, m->signature);
}

int cs_msg_signed_get(struct cs_bytes body, struct cs_msg_signed *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->signature = cs_get_bytes(&reader);
    return cs_reader_end(&reader);
}

void cs_msg_unlock_put(struct cs_buf *buf, const struct cs_msg_unlock *m)
{
    cs_buf_put_bytes(buf, m->token);
    cs_buf_put_u8(buf, m->how);
}

int cs_msg_unlock_get(struct cs_bytes body, struct cs_msg_unlock *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->token = cs_get_string(&reader);
    m->how = cs_get_u8(&reader);
    if (m->how > (CS_UNLOCK_FD | CS_UNLOCK_FORCE))
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}

void cs_msg_lock_put(struct cs_buf *buf, const struct cs_msg_lock *m)
{
    cs_buf_put_bytes(buf, m->token);
}

int cs_msg_lock_get(struct cs_bytes body, struct cs_msg_lock *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->token = cs_get_string(&reader);
    return cs_reader_end(&reader);
}

void cs_msg_token_names_put(struct cs_buf *buf, const struct cs_msg_token_names *m)
{
    put_list(buf, m->n, m->labels);
}

int cs_msg_token_names_get(struct cs_bytes body, struct cs_msg_token_names *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->labels = read_list(&reader, &m->n);
    return cs_reader_end(&reader);
}

void cs_msg_status_put(struct cs_buf *buf, const struct cs_msg_status *m)
{
    cs_buf_put_bytes(buf, m->version);
    cs_buf_put_u32(buf, m->pid);
    cs_buf_put_u64(buf, m->started);
    cs_buf_put_bytes(buf, m->socket);
    cs_buf_put_u32(buf, m->clients);
    cs_buf_put_u64(buf, m->signatures);
    cs_buf_put_u32(buf, m->n_modules);
}

void cs_msg_status_read(struct cs_reader *reader, struct cs_msg_status *m)
{
    m->version = cs_get_string(reader);
    m->pid = cs_get_u32(reader);
    m->started = cs_get_u64(reader);
    m->socket = cs_get_string(reader);
    m->clients = cs_get_u32(reader);
    m->signatures = cs_get_u64(reader);
    m->n_modules = cs_get_count(reader, 24);
}

void cs_msg_module_put(struct cs_buf *buf, const struct cs_msg_module *m)
{
    cs_buf_put_bytes(buf, m->name);
    cs_buf_put_bytes(buf, m->path);
    cs_buf_put_bytes(buf, m->state);
    cs_buf_put_u32(buf, m->pid);
    cs_buf_put_u32(buf, m->restarts);
    cs_buf_put_bytes(buf, m->error);
}

void cs_msg_module_read(struct cs_reader *reader, struct cs_msg_module *m)
{
    m->name = cs_get_string(reader);
    m->path = cs_get_string(reader);
    m->state = cs_get_string(reader);
    m->pid = cs_get_u32(reader);
    m->restarts = cs_get_u32(reader);
    m->error = cs_get_string(reader);
}

void cs_msg_policy_put(struct cs_buf *buf, const struct cs_msg_policy *m)
{
    cs_buf_put_u64(buf, m->loaded);
    cs_buf_put_bytes(buf, m->error);
    cs_buf_put_u32(buf, m->n_rules);
}

void cs_msg_policy_read(struct cs_reader *reader, struct cs_msg_policy *m)
{
    m->loaded = cs_get_u64(reader);
    m->error = cs_get_string(reader);
    m->n_rules = cs_get_count(reader, 40);
}

void cs_msg_rule_put(struct cs_buf *buf, const struct cs_msg_rule *m)
{
    cs_buf_put_bytes(buf, m->name);
    cs_buf_put_bytes(buf, m->where);
    cs_buf_put_bytes(buf, m->identity);
    cs_buf_put_bytes(buf, m->program);
    cs_buf_put_bytes(buf, m->hosts);
    cs_buf_put_bytes(buf, m->sign);
    cs_buf_put_bytes(buf, m->consent);
    cs_buf_put_bytes(buf, m->rate);
    cs_buf_put_u32(buf, m->flags);
    cs_buf_put_u32(buf, m->keys);
}

void cs_msg_rule_read(struct cs_reader *reader, struct cs_msg_rule *m)
{
    m->name = cs_get_string(reader);
    m->where = cs_get_string(reader);
    m->identity = cs_get_string(reader);
    m->program = cs_get_string(reader);
    m->hosts = cs_get_string(reader);
    m->sign = cs_get_string(reader);
    m->consent = cs_get_string(reader);
    m->rate = cs_get_string(reader);
    m->flags = cs_get_u32(reader);
    m->keys = cs_get_u32(reader);
}

void cs_msg_policy_check_put(struct cs_buf *buf, const struct cs_msg_policy_check *m)
{
    cs_buf_put_bytes(buf, m->identity);
    cs_buf_put_bytes(buf, m->program);
    cs_buf_put_bytes(buf, m->proof);
    cs_buf_put_bytes(buf, m->host);
}

int cs_msg_policy_check_get(struct cs_bytes body, struct cs_msg_policy_check *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->identity = cs_get_string(&reader);
    m->program = cs_get_string(&reader);
    m->proof = cs_get_string(&reader);
    m->host = cs_get_string(&reader);
    return cs_reader_end(&reader);
}

void cs_msg_decision_put(struct cs_buf *buf, const struct cs_msg_decision *m)
{
    cs_buf_put_u8(buf, m->verdict);
    cs_buf_put_bytes(buf, m->rule);
    cs_buf_put_bytes(buf, m->where);
    cs_buf_put_bytes(buf, m->text);
}

int cs_msg_decision_get(struct cs_bytes body, struct cs_msg_decision *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->verdict = cs_get_u8(&reader);
    m->rule = cs_get_string(&reader);
    m->where = cs_get_string(&reader);
    m->text = cs_get_string(&reader);
    if (m->verdict > CS_VERDICT_DENY)
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}
