/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes what clients are told. Called by peer.c and take.c. */
#include "socket/reply.h"
#include "inventory/chain.h"
#include "inventory/page.h"
#include "policy/description.h"
#include "base/consent-message.h"

#include <countersign/error.h>
#include <time.h>
#include <unistd.h>

/* Frames are written here: one at a time, and sent before the next. */
static struct cs_buf output = {.max = CS_FRAME_HEADER + CS_FRAME_MAX};

static size_t begin(uint16_t type, uint32_t id)
{
    cs_buf_reset(&output);
    return cs_frame_begin(&output, type, id);
}

void cs_reply_error(struct cs_peer *peer, uint32_t id, int code, const char *text)
{
    const struct cs_msg_error m = {
        .code = code, .text = cs_bytes_of(text && *text ? text : cs_error_text(code))};
    size_t at = begin(CS_MSG_ERROR, id);

    cs_msg_error_put(&output, &m);
    if (cs_frame_end(&output, at) == 0)
        cs_channel_send(&peer->channel, cs_buf_bytes(&output), -1);
}

size_t cs_reply_begin(uint16_t type, uint32_t id, struct cs_buf **bufp)
{
    *bufp = &output;
    return begin(type, id);
}

void cs_reply_finish(struct cs_peer *peer, size_t at, uint32_t id)
{
    int r = cs_frame_end(&output, at);

    if (r < 0)
        cs_reply_error(peer, id, r, NULL);
    else
        cs_channel_send(&peer->channel, cs_buf_bytes(&output), -1);
    if (output.cap > CS_PAGE_MAX)
        cs_buf_deinit(&output);
}

static void put_resolved(
    const struct cs_peer *peer, const struct cs_name_match *match, const char *why)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf space = CS_BUF_INIT(CS_PAGE_MAX);
    CS_AUTO(cs_buf_deinit) struct cs_buf chain = CS_BUF_INIT(CS_PAGE_MAX);
    struct cs_msg_resolved m = {.has_identity = match->identity != NULL};
    time_t now = time(NULL);

    if (match->identity)
        cs_identity_describe(match->identity, now, &space, &m.identity);
    if (match->leaf)
        m.n_chain = cs_chain_put(&peer->service->inventory, match->leaf, now, &chain);
    if (chain.error < 0)
        output.error = chain.error;
    m.chain = cs_buf_bytes(&chain);
    if (why)
        cs_msg_found_put(&output, &(const struct cs_msg_found){cs_bytes_of(why), m});
    else
        cs_msg_resolved_put(&output, &m);
}

static void put_reply(const struct cs_pending *pending, const struct cs_reply *reply)
{
    const struct cs_inventory *inventory = &pending->peer->service->inventory;

    switch (pending->type) {
    case CS_MSG_TOKENS:
        cs_page_put_tokens(&output, inventory, pending->first);
        break;
    case CS_MSG_IDENTITIES:
        cs_page_put_identities(&output, inventory, pending->first, time(NULL));
        break;
    case CS_MSG_CERTIFICATES:
        cs_page_put_certificates(&output, inventory, pending->first);
        break;
    case CS_MSG_RESOLVE:
    case CS_MSG_FIND:
    case CS_MSG_CHOOSE:
        put_resolved(pending->peer, &reply->match, reply->why);
        break;
    case CS_MSG_POLICY_CHECK:
        cs_msg_decision_put(&output, &reply->decision);
        break;
    case CS_MSG_SIGN:
        cs_msg_signed_put(&output, &(const struct cs_msg_signed){reply->signature});
        break;
    case CS_MSG_UNLOCK:
    case CS_MSG_LOCK:
    case CS_MSG_PIN_CHANGE:
        cs_msg_token_names_put(&output, &reply->tokens);
        break;
    }
}

void cs_reply_send(const struct cs_pending *pending, const struct cs_reply *reply)
{
    struct cs_peer *peer = pending->peer;
    size_t at;

    if (reply->code < 0) {
        cs_reply_error(peer, pending->id, reply->code, reply->text);
        return;
    }
    at = begin(pending->type | CS_MSG_REPLY, pending->id);
    put_reply(pending, reply);
    cs_reply_finish(peer, at, pending->id);
}

static void put_status(const struct cs_peer *peer)
{
    const struct cs_service *service = peer->service;
    const struct cs_msg_status m = {
        .version = cs_bytes_of(CS_VERSION),
        .pid = (uint32_t)getpid(),
        .started = service->started,
        .socket = cs_bytes_of(peer->socket_path),
        .clients = service->clients,
        .signatures = service->signatures,
        .n_modules = (uint32_t)service->supervisor.n_hosts,
    };

    cs_msg_status_put(&output, &m);
    for (size_t i = 0; i < service->supervisor.n_hosts; i++) {
        struct cs_msg_module module;

        cs_host_describe(service->supervisor.hosts[i], &module);
        cs_msg_module_put(&output, &module);
    }
}

static void put_policy(const struct cs_service *service)
{
    const struct cs_policy *policy = &service->config->policy;
    const struct cs_msg_policy m = {
        .loaded = service->rulebook.loaded,
        .error = cs_bytes_of(service->rulebook.error),
        .n_rules = (uint32_t)policy->n_rules,
    };

    cs_msg_policy_put(&output, &m);
    cs_policy_put_rules(policy, &service->inventory, &output);
}

static void put_record(const struct cs_audit *audit)
{
    cs_msg_record_put(&output, &(const struct cs_msg_record){.on = audit->on,
                                   .path = cs_bytes_of(audit->file.path),
                                   .trouble = cs_bytes_of(audit->trouble),
                                   .lost = audit->lost});
}

void cs_reply_account(struct cs_peer *peer, const struct cs_frame *frame)
{
    const struct cs_service *service = peer->service;
    size_t at = begin(frame->type | CS_MSG_REPLY, frame->id);

    switch (frame->type) {
    case CS_MSG_STATUS:
        put_status(peer);
        break;
    case CS_MSG_CONSENTS:
        cs_consents_put(&service->consents, &output);
        break;
    case CS_MSG_USES:
        cs_usage_put(&service->usage, &output);
        break;
    case CS_MSG_POLICY:
        put_policy(service);
        break;
    case CS_MSG_RECORD:
        put_record(&service->audit);
        break;
    }
    cs_reply_finish(peer, at, frame->id);
}
