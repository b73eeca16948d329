/* SPDX-License-Identifier: Apache-2.0 */
/* A client at the socket: its frames in, replies out. */
#ifndef CS_AGENT_PEER_H
#define CS_AGENT_PEER_H

#include "service.h"

struct cs_peer;
TAILQ_HEAD(cs_peers, cs_peer);

/* Takes the connected socket, in every case. The peer puts itself into the list and leaves it when
 * the client goes, is refused, or cs_peer_close is called. */
void cs_peer_accept(
    struct cs_service *service, struct cs_peers *peers, const char *socket_path, int fd);
void cs_peer_close(struct cs_peer *peer);

#endif
