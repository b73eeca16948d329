/* SPDX-License-Identifier: Apache-2.0 */
/* The host's end of the socketpair to the agent: frames in, frames and answers out. */
#ifndef CS_TOKEN_HOST_LINK_H
#define CS_TOKEN_HOST_LINK_H

#include "base/buf.h"
#include "base/wire.h"
#include "token-host/ckr.h"

#include <pthread.h>

#define CS_LINK_FDS_MAX 16

struct cs_link {
    int fd;
    pthread_mutex_t write_lock;
    struct cs_buf in;
    size_t used; /* bytes at the front of `in` that the last frame took */
    int fds[CS_LINK_FDS_MAX];
    size_t n_fds;
};

void cs_link_init(struct cs_link *link, int fd);
void cs_link_deinit(struct cs_link *link);

/* One read, without waiting. 1: something came; 0: nothing is left; CS_ERR_CLOSED: the agent is
 * gone; another error. */
int cs_link_read(struct cs_link *link);
/* 1: the next whole frame, whose body is good until the next call; 0: there is none yet; or an
 * error: the frames cannot be told from one another. */
int cs_link_next(struct cs_link *link, struct cs_frame *frame);
/* The oldest descriptor that came and was not taken, or -1. */
int cs_link_take_fd(struct cs_link *link);

/* Any thread may send. The frames in buf go out together. */
void cs_link_send(struct cs_link *link, const struct cs_buf *frames);
void cs_link_done(struct cs_link *link, uint32_t id);
void cs_link_signed(struct cs_link *link, uint32_t id, struct cs_bytes signature);
void cs_link_failed(struct cs_link *link, uint32_t id, int code, const struct cs_failure *failure);

#endif
