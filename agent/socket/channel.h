/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of frames over a Unix socket on the loop, with descriptors: to a client, or to a host.
 */
#ifndef CS_AGENT_CHANNEL_H
#define CS_AGENT_CHANNEL_H

#include "limit.h"
#include "base/wire.h"

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

#define CS_CHANNEL_FDS_MAX 2 /* that go with one frame */

struct cs_channel;

struct cs_channel_events {
    /* A frame; its body is valid until the return. The handler may close the channel. */
    void (*frame)(void *user, const struct cs_frame *frame);
    /* It ended, once, and is to be closed: 0 at the end of the stream, CS_ERR_PROTOCOL or
     * CS_ERR_TOO_LARGE when the framing is broken, CS_ERR_CLOSED when sending failed. Nothing comes
     * after it. */
    void (*end)(void *user, int code);
    /* After cs_channel_close: its memory may be freed or used anew. */
    void (*closed)(void *user);
};

struct cs_channel {
    uv_poll_t poll;
    int fd;
    int events; /* what the loop waits for */
    bool closing;
    bool ended;       /* end was called */
    bool failed;      /* sending failed */
    struct cs_buf in; /* what came of a frame that is not whole */
    TAILQ_HEAD(cs_channel_queue, cs_channel_output) out;
    size_t out_bytes;
    size_t out_pause, out_max;
    int fds[CS_LIMIT_DESCRIPTORS_WAITING]; /* received; -1 is never in here */
    size_t n_fds;
    const struct cs_channel_events *on;
    void *user;
};

/* Takes the connected socket fd, in every case. While more than out_pause waits to be sent nothing
 * is read; more than out_max ends it. */
int cs_channel_init(struct cs_channel *channel, uv_loop_t *loop, int fd, size_t out_pause,
    size_t out_max, const struct cs_channel_events *events, void *user);
void cs_channel_close(struct cs_channel *channel);

/* Sends at once what the socket takes and keeps the rest. Takes fd unless it is -1; it goes with
 * the first byte. Failures come as the event end, from the loop. */
void cs_channel_send(struct cs_channel *channel, struct cs_bytes frame, int fd);
/* The same with several. */
void cs_channel_send_with(
    struct cs_channel *channel, struct cs_bytes frame, const int *fds, size_t n_fds);

/* The one descriptor that came with the frame being handled, now the caller's; -1 when there is
 * none, or not one alone: then they are closed. */
int cs_channel_take_fd(struct cs_channel *channel);
/* The same for exactly n; false: there are not so many, and fds is as it was. */
bool cs_channel_take_fds(struct cs_channel *channel, int *fds, size_t n);

#endif
