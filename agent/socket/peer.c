/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client at the socket, from its connection to its end. Everything it sends is strange until
 * decoded, by take.c; broken framing ends the connection. A request of a client that went is
 * cancelled.
 */
#include "socket/peer.h"
#include "socket/peer-state.h"
#include "socket/reply.h"
#include "base/log.h"

#include <countersign/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int take_hello(struct cs_peer *peer, const struct cs_frame *frame)
{
    const struct cs_msg_welcome welcome = {
        .version = CS_PROTOCOL_VERSION, .agent = cs_bytes_of(CS_VERSION)};
    struct cs_msg_hello m;
    struct cs_buf *buf;
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
    at = cs_reply_begin(CS_MSG_HELLO | CS_MSG_REPLY, frame->id, &buf);
    cs_msg_welcome_put(buf, &welcome);
    cs_reply_finish(peer, at, frame->id);
    return 0;
}

static void on_frame(void *user, const struct cs_frame *frame)
{
    struct cs_peer *peer = user;
    int r;

    if (peer->refused)
        return;
    if (peer->greeted)
        r = cs_peer_take_request(peer, frame);
    else if (frame->type == CS_MSG_HELLO)
        r = take_hello(peer, frame);
    else
        r = CS_ERR_PROTOCOL;
    if (r < 0) {
        cs_log_r(
            CS_LOG_DEBUG, r, "client with pid %d, message %#x", (int)peer->caller.pid, frame->type);
        cs_reply_error(peer, frame->id, r, cs_request_refusal(peer->service, r));
    }
    if (r == CS_ERR_VERSION)
        cs_peer_close(peer);
}

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
        cs_reply_error(peer, 0, code, NULL);
    cs_peer_close(peer);
}

static const struct cs_channel_events channel_events = {
    .frame = on_frame,
    .end = on_end,
    .closed = on_channel_closed,
};

void cs_peer_close(struct cs_peer *peer)
{
    if (peer->closing)
        return;
    peer->closing = true;
    cs_peer_cancel_requests(peer);
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
        cs_reply_error(peer, 0, CS_ERR_TIMEOUT, NULL);
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
    cs_reply_error(peer, 0, code,
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
    return cs_channel_init(&peer->channel, peer->service->loop, fd, CS_LIMIT_OUTPUT_PAUSE,
        CS_LIMIT_OUTPUT, &channel_events, peer);
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
