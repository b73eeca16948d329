/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes what clients ask for and begins it; what is done is done by request/. A message that
 * breaks the protocol gets an error, and ends that request alone. Called by peer.c.
 */
#include "socket/peer-state.h"
#include "socket/reply.h"
#include "base/cleanup.h"

#include <countersign/error.h>
#include <stdio.h>
#include <stdlib.h>

static void pending_free(struct cs_pending *pending)
{
    TAILQ_REMOVE(&pending->peer->pending, pending, link);
    pending->peer->n_pending--;
    free(pending);
}

static void on_reply(void *user, const struct cs_reply *reply)
{
    struct cs_pending *pending = user;

    cs_reply_send(pending, reply);
    pending_free(pending);
}

/* For a message whose body was read with result r. */
static int begin(
    struct cs_peer *peer, const struct cs_frame *frame, int r, struct cs_pending **pendingp)
{
    struct cs_pending *pending;

    if (r < 0)
        return r;
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
    struct cs_pending *pending;
    uint32_t first;
    int r = begin(peer, frame, cs_msg_first_get(frame->body, &first), &pending);

    if (r < 0)
        return r;
    pending->first = first;
    cs_request_inventory(pending->request);
    return 0;
}

static int take_resolve(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_resolve m;
    struct cs_pending *pending;
    int r = begin(peer, frame, cs_msg_resolve_get(frame->body, &m), &pending);

    if (r == 0)
        cs_request_resolve(pending->request, &m);
    return r;
}

static int take_find(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_find m;
    struct cs_pending *pending;
    int r = begin(peer, frame, cs_msg_find_get(frame->body, &m), &pending);

    if (r == 0)
        cs_request_find(pending->request, &m, frame->type == CS_MSG_CHOOSE);
    return r;
}

static int take_sign(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_sign m;
    struct cs_pending *pending;
    int r = begin(peer, frame, cs_msg_sign_get(frame->body, &m), &pending);

    if (r == 0)
        cs_request_sign(pending->request, &m);
    return r;
}

static int take_policy_check(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_policy_check m;
    struct cs_pending *pending;
    int r = begin(peer, frame, cs_msg_policy_check_get(frame->body, &m), &pending);

    if (r == 0)
        cs_request_check_policy(pending->request, &m);
    return r;
}

static int take_unlock(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_unlock m;
    struct cs_pending *pending;
    CS_AUTO(cs_closep) int fd = -1;
    int r = cs_msg_unlock_get(frame->body, &m);

    if (r == 0 && (m.how & CS_UNLOCK_FD)) {
        fd = cs_channel_take_fd(&peer->channel);
        if (fd < 0)
            r = CS_ERR_PROTOCOL;
    }
    r = begin(peer, frame, r, &pending);
    if (r == 0)
        cs_request_unlock(pending->request, &m, cs_steal_fd(&fd));
    return r;
}

static int take_pin_change(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_msg_unlock m;
    struct cs_pending *pending;
    int fds[2] = {-1, -1};
    int r = cs_msg_unlock_get(frame->body, &m);

    if (r == 0 && (m.how & CS_UNLOCK_FD) && !cs_channel_take_fds(&peer->channel, fds, 2))
        r = CS_ERR_PROTOCOL;
    r = begin(peer, frame, r, &pending);
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
    struct cs_pending *pending;
    int r = begin(peer, frame, cs_msg_lock_get(frame->body, &m), &pending);

    if (r == 0)
        cs_request_lock(pending->request, &m);
    return r;
}

static int take_refresh(struct cs_peer *peer, const struct cs_frame *frame)
{
    struct cs_pending *pending;
    int r = begin(peer, frame, frame->body.len > 0 ? CS_ERR_PROTOCOL : 0, &pending);

    if (r == 0)
        cs_request_refresh(pending->request);
    return r;
}

static int take_revoke(struct cs_peer *peer, const struct cs_frame *frame)
{
    uint32_t number;
    struct cs_buf *buf;
    char text[96];
    size_t at;
    int r = cs_msg_number_get(frame->body, &number);

    if (r < 0)
        return r;
    r = cs_consent_revoke(&peer->service->consents, number, &peer->caller);
    if (r < 0) {
        snprintf(
            text, sizeof(text), "there is no consent %u: 'countersign consent' lists them", number);
        cs_reply_error(peer, frame->id, r, text);
        return 0;
    }
    at = cs_reply_begin(frame->type | CS_MSG_REPLY, frame->id, &buf);
    cs_msg_number_put(buf, (uint32_t)r);
    cs_reply_finish(peer, at, frame->id);
    return 0;
}

static void on_event(void *user, const struct cs_event *event)
{
    struct cs_peer *peer = user;
    const struct cs_msg_event m = {.generation = peer->service->inventory.generation,
        .kind = (uint8_t)event->kind,
        .subject = event->subject,
        .text = cs_bytes_of(event->text)};
    struct cs_buf *buf;
    size_t at = cs_reply_begin(CS_MSG_EVENT, peer->watch_id, &buf);

    cs_msg_event_put(buf, &m);
    cs_reply_finish(peer, at, peer->watch_id);
}

static int take_watch(struct cs_peer *peer, const struct cs_frame *frame)
{
    const struct cs_msg_watching m = {.generation = peer->service->inventory.generation};
    struct cs_buf *buf;
    size_t at;

    if (frame->body.len > 0 || peer->watches)
        return CS_ERR_PROTOCOL;
    peer->watches = true;
    peer->watch_id = frame->id;
    peer->watcher.event = on_event;
    peer->watcher.user = peer;
    TAILQ_INSERT_TAIL(&peer->service->watchers, &peer->watcher, link);
    at = cs_reply_begin(CS_MSG_WATCH | CS_MSG_REPLY, frame->id, &buf);
    cs_msg_watching_put(buf, &m);
    cs_reply_finish(peer, at, frame->id);
    return 0;
}

int cs_peer_take_request(struct cs_peer *peer, const struct cs_frame *frame)
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
    case CS_MSG_CONSENTS:
    case CS_MSG_USES:
    case CS_MSG_RECORD:
    case CS_MSG_POLICY:
    case CS_MSG_PING:
        if (frame->body.len > 0)
            return CS_ERR_PROTOCOL;
        cs_reply_account(peer, frame);
        return 0;
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

void cs_peer_cancel_requests(struct cs_peer *peer)
{
    struct cs_pending *pending;

    while ((pending = TAILQ_FIRST(&peer->pending))) {
        cs_request_cancel(pending->request);
        pending_free(pending);
    }
}
