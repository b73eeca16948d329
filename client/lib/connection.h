/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the agent: dial, then ask and be answered, one request at a time. */
#ifndef CS_LIB_CONNECTION_H
#define CS_LIB_CONNECTION_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/wire.h"

/* A request on its way: one frame, whose id the connection fills in. */
struct cs_request {
    uint16_t type;
    struct cs_buf frame;
    int fd;       /* a descriptor to send with it, or -1 */
    int fd2;      /* one more */
    bool fd_gone; /* they have been sent: the request cannot be repeated */
    bool stream;  /* frames may follow the reply; they stay behind it in the buffer */
};

#define CS_REPLY_MAX (CS_FRAME_HEADER + CS_FRAME_MAX)

/*
 * A connected socket, after a look at whose agent it is; for a conversation of one's own. An agent
 * whose queue is full is given ms milliseconds; with 0 that is an error at once, and the socket is
 * one that does not block.
 */
int cs_connection_open(int *fdp, const char *path, int ms, struct cs_fault *fault);

struct cs_connection;

/* doubted: it is given up soon if the agent does not greet; then it is waited for as ever. */
int cs_connection_dial(
    struct cs_connection **connectionp, const char *path, bool doubted, struct cs_fault *fault);
/* Says nothing to the agent, so that a forked child may drop what belongs to its parent; and closes
 * nothing that took the number of a descriptor which the program has closed. */
void cs_connection_free(struct cs_connection *connection);
CS_DEFINE_CLEANUP(struct cs_connection *, cs_connection_free);

/* Whether this process dialled it and has not closed it, the agent still welcomes it, and nothing
 * unasked for came. */
bool cs_connection_is_idle(const struct cs_connection *connection);

/*
 * Sends the request, behind the HELLO frame if it is the connection's first, and waits for the
 * answer: the reply of the right type, or an ERROR; frame borrows from buf. CS_ERR_CLOSED when
 * the agent hung up before it answered. After any failure the connection is good for nothing.
 */
int cs_connection_ask(struct cs_connection *connection, struct cs_bytes hello,
    struct cs_request *request, struct cs_buf *buf, struct cs_frame *frame, struct cs_fault *fault);

/* Waits for the next frame, on a connection that a stream was asked on. It is the caller's to
 * consume *sizep bytes of buf after use. */
int cs_connection_listen(struct cs_connection *connection, struct cs_buf *buf,
    struct cs_frame *frame, size_t *sizep, struct cs_fault *fault);
int cs_connection_fd(const struct cs_connection *connection);

#endif
