/* SPDX-License-Identifier: Apache-2.0 */
/* The process of a token host: started with its end of the socket, killed with all it started,
 * reaped. */
#ifndef CS_AGENT_HOST_PROCESS_H
#define CS_AGENT_HOST_PROCESS_H

#include <stdbool.h>
#include <uv.h>

struct cs_host_process_events {
    /* It has ended and is reaped. status is its exit status, or -1: it was killed; why says so to
     * people. Not before cs_host_process_start returns. */
    void (*exit)(void *user, int status, const char *why);
    /* After exit, or when it could not be started: its memory may be used anew. */
    void (*closed)(void *user);
};

struct cs_host_process {
    uv_process_t handle;
    bool alive; /* not reaped */
    bool open;  /* closed has not come */
    const struct cs_host_process_events *on;
    void *user;
};

/* Runs argv, whose descriptor 3 is fd. A code of libuv less than 0 when it cannot. */
int cs_host_process_start(struct cs_host_process *process, uv_loop_t *loop, char **argv, int fd,
    const struct cs_host_process_events *events, void *user);
/* Does nothing to one that is reaped. */
void cs_host_process_kill(struct cs_host_process *process);

#endif
