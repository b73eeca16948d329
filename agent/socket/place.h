/* SPDX-License-Identifier: Apache-2.0 */
/* The place of the agent's socket: its directory, the lock that says who serves it, its file. */
#ifndef CS_AGENT_PLACE_H
#define CS_AGENT_PLACE_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

typedef void cs_place_lost(void *user);

struct cs_place {
    char path[108];
    int lock; /* held while the agent serves this path; -1 */
    bool made_directory, made_socket, watching;
    dev_t device; /* of the socket file, ... */
    ino_t inode;  /* ... 0 as long as none is known */
    uv_fs_event_t watch;
    cs_place_lost *lost;
    void *user;
};

/* Nothing is touched yet. CS_ERR_CONFIG when the path cannot be one of a socket. */
int cs_place_init(struct cs_place *place, const char *path, struct cs_fault *fault);

/* Makes the directory if need be, takes the lock, clears a dead socket away and listens.
 * CS_ERR_BUSY when somebody else listens there or will, CS_ERR_CONFIG when the place is not safe.
 */
int cs_place_bind(struct cs_place *place, int *fdp, struct cs_fault *fault);

/* A supervisor made the socket at path (NULL: it has none) and handed it over. An agent that served
 * the place before is leaving: its lock is waited for, for a while. */
void cs_place_inherit(struct cs_place *place, const char *path);

/* Calls lost, once, from the loop, when the socket file is gone or is another's. */
void cs_place_watch(struct cs_place *place, uv_loop_t *loop, cs_place_lost *lost, void *user);
void cs_place_unwatch(struct cs_place *place);

/* Removes what bind made, if it still is ours. */
void cs_place_deinit(struct cs_place *place);

#endif
