/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind peer.h share. */
#ifndef CS_AGENT_PEER_STATE_H
#define CS_AGENT_PEER_STATE_H

#include "request/request.h"
#include "socket/channel.h"
#include "socket/peer.h"

/* A request under way. */
struct cs_pending {
    TAILQ_ENTRY(cs_pending) link;
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
    TAILQ_HEAD(cs_pending_list, cs_pending) pending;
    size_t n_pending;
    struct cs_watcher watcher;
    bool watches;
    uint32_t watch_id;
};

/* Decodes a request of a client that has said HELLO, and begins it. What it answers is sent at once
 * or later; a negative code is sent by the caller. */
int cs_peer_take_request(struct cs_peer *peer, const struct cs_frame *frame);

/* Cancels what is under way. */
void cs_peer_cancel_requests(struct cs_peer *peer);

#endif
