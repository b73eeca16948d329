/* SPDX-License-Identifier: Apache-2.0 */
/* Watching the directories of the configuration, those that do not exist yet as well. */
#ifndef CS_AGENT_WATCH_H
#define CS_AGENT_WATCH_H

#include "config/places.h"

#include <sys/types.h>
#include <uv.h>

struct cs_watch;

/* A directory, or the nearest one above it that is there. What was named may be a file as well. */
struct cs_watched {
    struct cs_watch *watch;
    uv_fs_event_t event;
    bool used;
    bool named;
    char target[4096];
    const char *file; /* only this one in it; NULL: any */
    ino_t inode;      /* of what is watched now */
    bool itself;      /* that is the target */
};

struct cs_watch {
    struct cs_watched watched[2];
    uv_timer_t calm;
    uint64_t since; /* the first of the changes that come one upon another; 0: none */
    void (*changed)(void *user);
    void *user;
};

/* changed is called a moment after something has changed there. */
void cs_watch_start(struct cs_watch *watch, uv_loop_t *loop, const struct cs_places *places,
    void (*changed)(void *user), void *user);
/* As if something had changed. */
void cs_watch_look_again(struct cs_watch *watch);
void cs_watch_stop(struct cs_watch *watch);

#endif
