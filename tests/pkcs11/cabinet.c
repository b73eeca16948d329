/* SPDX-License-Identifier: Apache-2.0 */
/* The lists and WATCH; signatures are the keyring's. */
#undef NDEBUG
#include "cabinet.h"

#include "base/scheme.h"

#include <assert.h>
#include <countersign/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t n_present(const struct cabinet *cabinet)
{
    size_t n = 0;

    for (size_t i = 0; i < CABINET_TOKENS; i++)
        n += cabinet->tokens[i].present;
    return n;
}

static const struct cabinet_token *nth(const struct cabinet *cabinet, size_t n, char *uri)
{
    for (size_t i = 0; i < CABINET_TOKENS; i++)
        if (cabinet->tokens[i].present && n-- == 0) {
            sprintf(uri, "pkcs11:serial=%zu", i);
            return &cabinet->tokens[i];
        }
    return NULL;
}

static void put_token(const struct cabinet *cabinet, struct cs_buf *body, size_t n)
{
    char uri[64];
    const struct cabinet_token *token = nth(cabinet, n, uri);

    cs_msg_token_put(body, &(struct cs_msg_token){
                               .uri = cs_bytes_of(uri),
                               .label = cs_bytes_of(token->label),
                               .manufacturer = cs_bytes_of("Joiner"),
                               .model = cs_bytes_of("Oak"),
                               .serial = cs_bytes_of(strrchr(uri, '=') + 1),
                               .flags = CS_TOKEN_INITIALIZED | CS_TOKEN_LOGIN_REQUIRED,
                           });
}

static void put_identity(
    const struct cabinet *cabinet, struct cs_buf *body, const char *token, size_t key, size_t copy)
{
    const struct keyring_entry *entry = &cabinet->keyring.entries[key];
    struct cs_buf certificates = CS_BUF_INIT(65536), schemes = CS_BUF_INIT(64);
    uint16_t codes[CS_SCHEMES_MAX];
    uint32_t bits = (uint32_t)EVP_PKEY_get_bits(entry->key);
    size_t n = cs_scheme_list(entry->type, bits, codes, CS_SCHEMES_MAX);
    uint8_t id[CS_ID_SIZE];
    char label[64];

    memcpy(id, entry->id, sizeof(id));
    id[0] = (uint8_t)(id[0] + copy); /* the first copy is the key itself */
    id[1] = (uint8_t)(id[1] + (copy >> 8));
    snprintf(label, sizeof(label), copy ? "%s %zu" : "%s", entry->name, copy);
    for (size_t i = 0; i < n; i++)
        cs_buf_put_u16(&schemes, codes[i]);
    cs_buf_put_bytes(&certificates, CS_BYTES(entry->der, entry->der_len));
    cs_msg_identity_put(
        body, &(struct cs_msg_identity){
                  .id = CS_BYTES(id, sizeof(id)),
                  .uri = cs_bytes_of(token),
                  .token = cs_bytes_of(token),
                  .label = cs_bytes_of(cabinet->label ? cabinet->label : label),
                  .cka_id = cabinet->cka_id ? cs_bytes_of(cabinet->cka_id) : CS_BYTES(id, 4),
                  .key_type = (uint8_t)entry->type,
                  .bits = bits,
                  .group = cs_bytes_of(entry->group ? entry->group : ""),
                  .spki = CS_BYTES(entry->spki, entry->spki_len),
                  .schemes = cs_buf_bytes(&schemes),
                  .n_certificates = 1,
                  .certificates = cs_buf_bytes(&certificates),
              });
    cs_buf_deinit(&certificates);
    cs_buf_deinit(&schemes);
}

static bool answer_list(struct cabinet *cabinet, int fd, const struct cs_frame *frame)
{
    struct cs_buf body = CS_BUF_INIT(CS_FRAME_MAX);
    size_t keys = cabinet->keyring.n_entries * cabinet->copies, tokens = n_present(cabinet);
    size_t total = frame->type == CS_MSG_TOKENS       ? tokens
                   : frame->type == CS_MSG_IDENTITIES ? tokens * keys
                                                      : (cabinet->plain ? tokens : 0);
    struct cs_msg_page page = {.generation = cabinet->generation, .total = (uint32_t)total};
    uint32_t first;
    bool sent;

    assert(cs_msg_first_get(frame->body, &first) == 0);
    cs_msg_page_put(&body, &page);
    for (size_t i = first; i < total && body.len < CS_PAGE_MAX; i++) {
        char uri[64];

        if (cabinet->page && page.n == cabinet->page)
            break;
        if (frame->type == CS_MSG_TOKENS) {
            put_token(cabinet, &body, i);
        } else if (frame->type == CS_MSG_IDENTITIES) {
            nth(cabinet, i / keys, uri);
            put_identity(cabinet, &body, uri, i % keys % cabinet->keyring.n_entries,
                i % keys / cabinet->keyring.n_entries);
        } else {
            nth(cabinet, i, uri);
            cs_msg_certificate_put(&body, &(struct cs_msg_certificate){
                                              .uri = cs_bytes_of(uri),
                                              .token = cs_bytes_of(uri),
                                              .label = cs_bytes_of("ca"),
                                              .cka_id = cs_bytes_of("ca"),
                                              .der = CS_BYTES(cabinet->plain, cabinet->plain_len),
                                          });
        }
        page.n++;
    }
    cs_buf_set_u32(&body, 12, page.n);
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

static bool answer_watch(struct cabinet *cabinet, int fd, const struct cs_frame *frame)
{
    struct cs_buf body = CS_BUF_INIT(64);
    bool sent;

    assert(cabinet->n_watchers < CABINET_WATCHERS);
    cabinet->watchers[cabinet->n_watchers] = fd;
    cabinet->watch_ids[cabinet->n_watchers++] = frame->id;
    cs_msg_watching_put(&body, &(struct cs_msg_watching){cabinet->generation});
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

static bool answer(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct cabinet *cabinet = agent->data;
    bool sent = true;

    if (cabinet->deaf)
        return true;
    if (cabinet->refusing && frame->type != CS_MSG_WATCH)
        return fake_error(fd, frame->id, CS_ERR_CONFIG, "the configuration has a mistake");
    if (frame->type == CS_MSG_SIGN)
        return cabinet->sign(agent, fd, frame);
    pthread_mutex_lock(&agent->mutex);
    if (frame->type == CS_MSG_WATCH)
        sent = answer_watch(cabinet, fd, frame);
    else
        sent = answer_list(cabinet, fd, frame);
    pthread_mutex_unlock(&agent->mutex);
    return sent;
}

static void tell(struct cabinet *cabinet, enum cs_event_kind kind)
{
    struct cs_buf buf = CS_BUF_INIT(1024);

    for (size_t i = 0; i < cabinet->n_watchers; i++) {
        size_t at = cs_frame_begin(&buf, CS_MSG_EVENT, cabinet->watch_ids[i]);

        cs_msg_event_put(&buf, &(struct cs_msg_event){.generation = cabinet->generation,
                                   .kind = (uint8_t)kind,
                                   .subject = cs_bytes_of("pkcs11:"),
                                   .text = cs_bytes_of("something happened")});
        assert(cs_frame_end(&buf, at) == 0);
        fake_send(cabinet->watchers[i], buf.data, buf.len);
        cs_buf_reset(&buf);
    }
    cs_buf_deinit(&buf);
}

void cabinet_put(struct cabinet *cabinet, size_t at, const char *label)
{
    pthread_mutex_lock(&cabinet->keyring.agent.mutex);
    cabinet->tokens[at] = (struct cabinet_token){.present = label != NULL, .label = label};
    cabinet->generation++;
    tell(cabinet, label ? CS_EVENT_TOKEN_ADDED : CS_EVENT_TOKEN_REMOVED);
    pthread_mutex_unlock(&cabinet->keyring.agent.mutex);
}

void cabinet_mention(struct cabinet *cabinet)
{
    pthread_mutex_lock(&cabinet->keyring.agent.mutex);
    tell(cabinet, CS_EVENT_SIGNED);
    pthread_mutex_unlock(&cabinet->keyring.agent.mutex);
}

void cabinet_start(struct cabinet *cabinet)
{
    memset(cabinet, 0, sizeof(*cabinet));
    cabinet->generation = 1;
    cabinet->copies = 1;
    cabinet->tokens[0] = (struct cabinet_token){.present = true, .label = "corp"};
    keyring_start(&cabinet->keyring);
    cabinet->sign = cabinet->keyring.agent.handler;
    cabinet->keyring.agent.data = cabinet; /* which begins with the keyring */
    cabinet->keyring.agent.handler = answer;
}

void cabinet_stop(struct cabinet *cabinet)
{
    keyring_stop(&cabinet->keyring);
}
