/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request to countersign-prompt; put (in who asks) and get (there) side by side.
 */
#include "prompt/prompt.h"

#include <countersign/error.h>

void cs_prompt_request_put(struct cs_buf *buf, const struct cs_prompt_request *m)
{
    cs_buf_put_u8(buf, m->kind);
    cs_buf_put_u32(buf, m->flags);
    cs_buf_put_u32(buf, m->timeout);
    cs_buf_put_u32(buf, m->min_len);
    cs_buf_put_u32(buf, m->max_len);
    cs_buf_put_bytes(buf, m->pinentry);
    cs_buf_put_bytes(buf, m->token);
    cs_buf_put_bytes(buf, m->program);
    cs_buf_put_bytes(buf, m->command);
    cs_buf_put_bytes(buf, m->certificate);
    cs_buf_put_bytes(buf, m->key);
    cs_buf_put_bytes(buf, m->host);
    cs_buf_put_bytes(buf, m->error);
    cs_environment_put(buf, &m->environment);
}

int cs_prompt_request_get(struct cs_bytes body, struct cs_prompt_request *m)
{
    struct cs_reader reader = cs_reader_of(body);

    m->kind = cs_get_u8(&reader);
    m->flags = cs_get_u32(&reader);
    m->timeout = cs_get_u32(&reader);
    m->min_len = cs_get_u32(&reader);
    m->max_len = cs_get_u32(&reader);
    m->pinentry = cs_get_string(&reader);
    m->token = cs_get_bytes(&reader);
    m->program = cs_get_bytes(&reader);
    m->command = cs_get_bytes(&reader);
    m->certificate = cs_get_bytes(&reader);
    m->key = cs_get_bytes(&reader);
    m->host = cs_get_bytes(&reader);
    m->error = cs_get_bytes(&reader);
    cs_environment_read(&reader, &m->environment);
    if (!reader.error && (m->kind < CS_PROMPT_PIN || m->kind > CS_PROMPT_CONSENT ||
                             m->timeout > CS_PROMPT_TIMEOUT_MAX))
        return CS_ERR_PROTOCOL;
    return cs_reader_end(&reader);
}
