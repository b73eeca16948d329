/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's socket: made, or taken from who started the agent; watched, and cleared away. */
#ifndef CS_AGENT_LISTENER_H
#define CS_AGENT_LISTENER_H

#include "socket/peer.h"
#include "socket/place.h"

struct cs_listener {
    uv_poll_t poll;
    uv_timer_t pause; /* when no descriptors are left */
    int fd;
    bool open;
    struct cs_place place;
    struct cs_service *service;
    struct cs_peers peers;
};

/* Whether who started the agent hands a socket over, and so waits for it to serve. */
bool cs_listener_is_handed_over(void);
/* Prepares the socket: of socket activation if there is one, else at path. CS_ERR_BUSY when another
 * agent serves it, CS_ERR_CONFIG when the place is not safe; with sentences. */
int cs_listener_init(struct cs_listener *listener, const char *path, struct cs_fault *fault);
int cs_listener_start(
    struct cs_listener *listener, struct cs_service *service, struct cs_fault *fault);
/* Sends every client away and takes no more. */
void cs_listener_stop(struct cs_listener *listener);
/* Removes what init made. */
void cs_listener_deinit(struct cs_listener *listener);

#endif
