/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client at the socket. Everything it sends is strange until decoded: a message that breaks the
 * protocol gets an error and ends that request, broken framing ends the connection. Here is only
 * decoding and encoding; what is done is done by request.c. A request of a client that went is
 * cancelled.
 */
#include "socket/peer.h"
#include "inventory/chain.h"
#include "inventory/page.h"
#include "policy/description.h"
#include "request/request.h"
#include "base/consent-message.h"
#include "base/log.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* A request under way. */
struct pending {
    TAILQ_ENTRY(pending) link;
    struct cs_peer *peer;
    struct cs_request *request;
    uint16_t type;
    uint32_t id;
    uint32_t first; /* of a page */
};

struct cs_peer {
    struct cs_channel channel;
    uv_timer_t hello; /* until the client has said it */
    TAILQ_ENTRY(cs_peer) link;
    struct cs_service *service;
    struct cs_peers *peers;
    const char *socket_path;
    struct cs_caller caller;
    bool greeted;
    bool refused;
    bool closing;
    unsigned n_open; /* handles */
    TAILQ_HEAD(pending_list, pending) pending;
    size_t n_pending;
    struct cs_watcher watcher;
    bool watches;
    uint32_t watch_id;
};

/* Frames are written here: one at a time, and sent before the next. */
static struct cs_buf output = {.max = CS_FRAME_HEADER + CS_FRAME_MAX};

static void send_error(struct cs_peer *peer, uint32_t id, int code, const char *text)
{
    const struct cs_msg_error m = {
        .code = code, .text = cs_bytes_of(text && *text ? text : cs_error_text(code))};
    size_t at;

    cs_buf_reset(&output);
    at = cs_frame_begin(&output, CS_MSG_ERROR, id);
    cs_msg_error_put(&output, &m);
    if (cs_frame_end(&output, at) == 0)
        cs_channel_send(&peer->channel, cs_buf_bytes(&output), -1);
}

static size_t begin(uint16_t type, uint32_t id)
{
    cs_buf_reset(&output);
    return cs_frame_begin(&output, type | CS_MSG_REPLY, id);
}

static void finish(struct cs_peer *peer, size_t at, uint32_t id)
{
    int r = cs_frame_end(&output, at);

    if (r < 0)
        send_error(peer, id, r, NULL);
    else
        cs_channel_send(&peer->channel, cs_buf_bytes(&output), -1);
    if (output.cap > CS_PAGE_MAX)
        cs_buf_deinit(&output);
}

/* Replies */

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

static void put_reply(const struct pending *pending, const struct cs_reply *reply)
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

static void pending_free(struct pending *pending)
{
    TAILQ_REMOVE(&pending->peer->pending, pending, link);
    pending->peer->n_pending--;
    free(pending);
}

static void on_reply(void *user, const struct cs_reply *reply)
{
    struct pending *pending = user;
    struct cs_peer *peer = pending->peer;

    if (reply->code < 0) {
        send_error(peer, pending->id, reply->code, reply->text);
    } else {
        size_t at = begin(pending->type, pending->id);

        put_reply(pending, reply);
        finish(peer, at, pending->id);
    }
    pending_free(pending);
}

/* STATUS needs no waiting, least of all for hosts. */
static void reply_status(struct cs_peer *peer, uint32_t id)
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
    size_t at = begin(CS_MSG_STATUS, id);

    cs_msg_status_put(&output, &m);
    for (size_t i = 0; i < service->supervisor.n_hosts; i++) {
        struct cs_msg_module module;

        cs_host_describe(service->supervisor.hosts[i], &module);
        cs_msg_module_put(&output, &module);
    }
    finish(peer, at, id);
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

/* What is known without asking anybody; of PING, that somebody is here. */
static int reply_account(struct cs_peer *peer, const struct cs_frame *frame)
{
    const struct cs_service *service = peer->service;
    size_t at;

    if (frame->body.len > 0)
        return CS_ERR_PROTOCOL;
    at = begin(frame->type, frame->id);
    if (frame->type == CS_MSG_CONSENTS)
        cs_consents_put(&service->consents, &output);
    else if (frame->type == CS_MSG_USES)
        cs_usage_put(&service->usage, &output);
    else if (frame->type == CS_MSG_POLICY)
        put_policy(service);
    else if (frame->type == CS_MSG_RECORD)
        put_record(&service->audit);
    finish(peer, at, frame->id);
    return 0;
}

/* Requests */

static int take_revoke(struct cs_peer *peer, const struct cs_frame *frame)
{
    uint32_t number;
    char text[96];
    size_t at;
    int r = cs_msg_number_get(frame->body, &number);

    if (r < 0)
        return r;
    r = cs_consent_revoke(&peer->service->consents, number, &peer->caller);
    if (r < 0) {
        snprintf(
            text, sizeof(text), "there is no consent %u: 'countersign consent' lists them", number);
        send_error(peer, frame->id, r, text);
        return 0;
    }
    at = begin(frame->type, frame->id);
    cs_msg_number_put(&output, (uint32_t)r);
    finish(peer, at, frame->id);
    return 0;
}

static int new_pending(
    struct cs_peer *peer, const struct cs_frame *frame, struct pending **pendingp)
{
    struct pending *pending = NULL;
    int r;

    if (peer->n_pending >= CS_LIMIT_REQUESTS_PER_CLIENT)
        return CS_ERR_BUSY;
    pending = calloc(1, sizeof(*pending));
    if (!pending)
        return CS_ERR_MEMORY;
    pending->peer = peer;
    pending->type = frame->type;
    pending->id = frame->id;
    r = cs_request_new(peer->service, &peer->caller, on_reply, pending, &pending->request);
    if (r < 0) {
        free(pending);
        return r;
    }
    TAILQ_INSERT_TAIL(&peer->pending, pending, link);
    peer->n_pending++;
    *pendingp = pending;
    return 0;
}

static int take_list(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct pending *pending = NULL;
    uint32_t first;
    int r = cs_msg_first_get(frame->body, &first);

    if (r == 0)
        r = new_pending(peer, frame, &pending);
    if (r < 0)
        return r;
    pending->first = first;
    cs_request_inventory(pending->request);
    return 0;
}

static int take_resolve(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_resolve m;
    struct pending *pending = NULL;
    int r = cs_msg_resolve_get(frame->body, &m);

    if (r == 0)
        r = new_pending(peer, frame, &pending);
    if (r < 0)
        return r;
    cs_request_resolve(pending->request, &m);
    return 0;
}

static int take_find(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_find m;
    struct pending *pending = NULL;
    int r = cs_msg_find_get(frame->body, &m);

    if (r == 0)
        r = new_pending(peer, frame, &pending);
    if (r < 0)
        return r;
    cs_request_find(pending->request, &m, frame->type == CS_MSG_CHOOSE);
    return 0;
}

static int take_sign(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_sign m;
    struct pending *pending = NULL;
    int r = cs_msg_sign_get(frame->body, &m);

    if (r == 0)
        r = new_pending(peer, frame, &pending);
    if (r < 0)
        return r;
    cs_request_sign(pending->request, &m);
    return 0;
}

static int take_policy_check(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_policy_check m;
    struct pending *pending = NULL;
    int r = cs_msg_policy_check_get(frame->body, &m);

    if (r == 0)
        r = new_pending(peer, frame, &pending);
    if (r < 0)
        return r;
    cs_request_check_policy(pending->request, &m);
    return 0;
}

static int take_unlock(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_unlock m;
    struct pending *pending = NULL;
    CS_AUTO(cs_closep) int fd = -1;
    int r = cs_msg_unlock_get(frame->body, &m);

    if (r == 0 && (m.how & CS_UNLOCK_FD)) {
        fd = cs_channel_take_fd(&peer->channel);
        if (fd < 0)
            r = CS_ERR_PROTOCOL;
    }
    if (r == 0)
        r = new_pending(peer, frame, &pending);
    if (r < 0)
        return r;
    cs_request_unlock(pending->request, &m, cs_steal_fd(&fd));
    return 0;
}

static int take_pin_change(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_unlock m;
    struct pending *pending = NULL;
    int fds[2] = {-1, -1};
    int r = cs_msg_unlock_get(frame->body, &m);

    if (r == 0 && (m.how & CS_UNLOCK_FD) && !cs_channel_take_fds(&peer->channel, fds, 2))
        r = CS_ERR_PROTOCOL;
    if (r == 0)
        r = new_pending(peer, frame, &pending);
    if (r == 0) {
        cs_request_change_pin(pending->request, &m, fds);
        return 0;
    }
    cs_closep(&fds[0]);
    cs_closep(&fds[1]);
    return r;
}

static int take_lock(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_lock m;
    struct pending *pending = NULL;
    int r = cs_msg_lock_get(frame->body, &m);

    if (r == 0)
        r = new_pending(peer, frame, &pending);
    if (r < 0)
        return r;
    cs_request_lock(pending->request, &m);
    return 0;
}

static int take_refresh(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct pending *pending = NULL;
    int r = frame->body.len > 0 ? CS_ERR_PROTOCOL : new_pending(peer, frame, &pending);

    if (r < 0)
        return r;
    cs_request_refresh(pending->request);
    return 0;
}

static void on_event(void *user, const struct cs_event *event)
{
    struct cs_peer *peer = user;
    const struct cs_msg_event m = {.generation = peer->service->inventory.generation,
        .kind = (uint8_t)event->kind,
        .subject = event->subject,
        .text = cs_bytes_of(event->text)};
    size_t at;

    cs_buf_reset(&output);
    at = cs_frame_begin(&output, CS_MSG_EVENT, peer->watch_id);
    cs_msg_event_put(&output, &m);
    finish(peer, at, peer->watch_id);
}

static int take_watch(struct cs_peer *peer, const struct cs_frame *frame)
{
    const struct cs_msg_watching m = {.generation = peer->service->inventory.generation};
    size_t at;

    if (frame->body.len > 0 || peer->watches)
        return CS_ERR_PROTOCOL;
    peer->watches = true;
    peer->watch_id = frame->id;
    peer->watcher.event = on_event;
    peer->watcher.user = peer;
    TAILQ_INSERT_TAIL(&peer->service->watchers, &peer->watcher, link);
    at = begin(CS_MSG_WATCH, frame->id);
    cs_msg_watching_put(&output, &m);
    finish(peer, at, frame->id);
    return 0;
}

static int take_request(struct cs_peer *peer, const struct cs_frame *frame)
{
    switch (frame->type) {
    case CS_MSG_TOKENS:
    case CS_MSG_IDENTITIES:
    case CS_MSG_CERTIFICATES:
        return take_list(peer, frame);
    case CS_MSG_RESOLVE:
        return take_resolve(peer, frame);
    case CS_MSG_FIND:
    case CS_MSG_CHOOSE:
        return take_find(peer, frame);
    case CS_MSG_SIGN:
        return take_sign(peer, frame);
    case CS_MSG_UNLOCK:
        return take_unlock(peer, frame);
    case CS_MSG_LOCK:
        return take_lock(peer, frame);
    case CS_MSG_PIN_CHANGE:
        return take_pin_change(peer, frame);
    case CS_MSG_REFRESH:
        return take_refresh(peer, frame);
    case CS_MSG_WATCH:
        return take_watch(peer, frame);
    case CS_MSG_STATUS:
        if (frame->body.len > 0)
            return CS_ERR_PROTOCOL;
        reply_status(peer, frame->id);
        return 0;
    case CS_MSG_CONSENTS:
    case CS_MSG_USES:
    case CS_MSG_RECORD:
    case CS_MSG_POLICY:
    case CS_MSG_PING:
        return reply_account(peer, frame);
    case CS_MSG_CONSENT_REVOKE:
        return take_revoke(peer, frame);
    case CS_MSG_POLICY_CHECK:
        return take_policy_check(peer, frame);
    case CS_MSG_HELLO:
        return CS_ERR_PROTOCOL;
    default:
        return CS_ERR_UNSUPPORTED;
    }
}

static int take_hello(struct cs_peer *peer, const struct cs_frame *frame)
{
    const struct cs_msg_welcome welcome = {
        .version = CS_PROTOCOL_VERSION, .agent = cs_bytes_of(CS_VERSION)};
    struct cs_msg_hello m;
    size_t at;
    int r = cs_msg_hello_get(frame->body, &m);

    if (r < 0)
        return r;
    if (m.min_version > m.max_version)
        return CS_ERR_PROTOCOL;
    if (m.min_version > CS_PROTOCOL_VERSION || m.max_version < CS_PROTOCOL_VERSION)
        return CS_ERR_VERSION;
    r = cs_caller_introduce(&peer->caller, m.program, &m.environment);
    if (r < 0)
        return r;
    peer->greeted = true;
    uv_timer_stop(&peer->hello);
    at = begin(CS_MSG_HELLO, frame->id);
    cs_msg_welcome_put(&output, &welcome);
    finish(peer, at, frame->id);
    return 0;
}

static void on_frame(void *user, const struct cs_frame *frame)
{
    struct cs_peer *peer = user;
    int r;

    if (peer->refused)
        return;
    if (peer->greeted)
        r = take_request(peer, frame);
    else if (frame->type == CS_MSG_HELLO)
        r = take_hello(peer, frame);
    else
        r = CS_ERR_PROTOCOL;
    if (r < 0) {
        cs_log_r(
            CS_LOG_DEBUG, r, "client with pid %d, message %#x", (int)peer->caller.pid, frame->type);
        send_error(peer, frame->id, r, NULL);
    }
    if (r == CS_ERR_VERSION)
        cs_peer_close(peer);
}

/* The life of a peer */

static void on_handle_closed(struct cs_peer *peer)
{
    if (--peer->n_open > 0)
        return;
    cs_caller_deinit(&peer->caller);
    free(peer);
}

static void on_hello_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

static void on_channel_closed(void *user)
{
    on_handle_closed(user);
}

static void on_end(void *user, int code)
{
    struct cs_peer *peer = user;

    if (!peer->refused && (code == CS_ERR_PROTOCOL || code == CS_ERR_TOO_LARGE))
        send_error(peer, 0, code, NULL);
    cs_peer_close(peer);
}

static const struct cs_channel_events channel_events = {
    .frame = on_frame,
    .end = on_end,
    .closed = on_channel_closed,
};

void cs_peer_close(struct cs_peer *peer)
{
    struct pending *pending = NULL;

    if (peer->closing)
        return;
    peer->closing = true;
    while ((pending = TAILQ_FIRST(&peer->pending))) {
        cs_request_cancel(pending->request);
        pending_free(pending);
    }
    if (peer->watches)
        TAILQ_REMOVE(&peer->service->watchers, &peer->watcher, link);
    TAILQ_REMOVE(peer->peers, peer, link);
    peer->service->clients--;
    uv_close((uv_handle_t *)&peer->hello, on_hello_closed);
    cs_channel_close(&peer->channel);
}

static void on_hello_timeout(uv_timer_t *timer)
{
    struct cs_peer *peer = timer->data;

    if (!peer->refused) {
        cs_info("client with pid %d never said HELLO", (int)peer->caller.pid);
        send_error(peer, 0, CS_ERR_TIMEOUT, NULL);
    }
    cs_peer_close(peer);
}

/* 0, or why it is not to be served. */
static int judge(const struct cs_peer *peer)
{
    if (peer->caller.uid != geteuid())
        return CS_ERR_WRONG_USER;
    return peer->service->clients >= CS_LIMIT_CLIENTS ? CS_ERR_BUSY : 0;
}

static void record_stranger(const struct cs_peer *peer)
{
    char text[64];

    snprintf(text, sizeof(text), "a client of uid %u is refused", (unsigned)peer->caller.uid);
    cs_notice("%s", text);
    cs_audit_note(&peer->service->audit, "refused", &peer->caller, text);
}

/* It may be about to send, and would then find the socket closed before it finds out why: so it is
 * told, and listened to for a moment. */
static void refuse(struct cs_peer *peer, int code)
{
    peer->refused = true;
    if (code == CS_ERR_WRONG_USER)
        record_stranger(peer);
    else
        cs_warn("a client is refused: there are %d already", CS_LIMIT_CLIENTS);
    send_error(peer, 0, code,
        code == CS_ERR_WRONG_USER ? "this agent serves its own user alone: start one of your own"
                                  : NULL);
    shutdown(peer->channel.fd, SHUT_WR);
}

static int open_peer(struct cs_peer *peer, int fd)
{
    int r = cs_caller_init(&peer->caller, fd);

    if (r < 0) {
        close(fd);
        return r;
    }
    return cs_channel_init(
        &peer->channel, peer->service->loop, fd, CS_LIMIT_OUTPUT, &channel_events, peer);
}

void cs_peer_accept(
    struct cs_service *service, struct cs_peers *peers, const char *socket_path, int fd)
{
    struct cs_peer *peer = calloc(1, sizeof(*peer));
    int r;

    if (!peer || service->clients >= CS_LIMIT_CLIENTS + CS_LIMIT_CLIENTS_REFUSED) {
        close(fd);
        free(peer);
        return;
    }
    peer->service = service;
    peer->peers = peers;
    peer->socket_path = socket_path;
    TAILQ_INIT(&peer->pending);
    if (open_peer(peer, fd) < 0) {
        cs_caller_deinit(&peer->caller);
        free(peer);
        return;
    }
    peer->n_open = 2;
    uv_timer_init(service->loop, &peer->hello);
    peer->hello.data = peer;
    TAILQ_INSERT_TAIL(peers, peer, link);
    r = judge(peer);
    service->clients++;
    if (r < 0)
        refuse(peer, r);
    uv_timer_start(&peer->hello, on_hello_timeout,
        peer->refused ? CS_LIMIT_REFUSED_TIME : CS_LIMIT_HELLO_TIME, 0);
}
