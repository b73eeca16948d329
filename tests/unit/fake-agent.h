/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that does what a test tells it: a Unix socket, a thread for each connection. */
#ifndef CS_TESTS_FAKE_AGENT_H
#define CS_TESTS_FAKE_AGENT_H

#include "base/message.h"
#include "base/wire.h"

#include <pthread.h>
#include <stdatomic.h>

#define FAKE_CONNECTIONS_MAX 64

struct fake_agent;

/* Answers one frame on fd, on the connection's own thread; false closes the connection. */
typedef bool (*fake_handler)(struct fake_agent *agent, int fd, const struct cs_frame *frame);

struct fake_agent {
    char directory[64];
    char path[96];
    _Atomic(fake_handler) handler;
    void *data;            /* the handler's */
    atomic_bool own_hello; /* the handler answers HELLO itself */
    bool keep_socket;      /* stop leaves a stale socket behind */
    atomic_int n_connections, n_requests;
    int listener;
    pthread_t thread;
    pthread_t workers[FAKE_CONNECTIONS_MAX];
    int fds[FAKE_CONNECTIONS_MAX];
    pthread_mutex_t mutex;
    struct cs_buf hello; /* the body of the last HELLO */
    _Atomic int passed;  /* the last descriptor that came along, or -1 */
};

/* Listens in a new directory of its own and sets COUNTERSIGN_SOCKET to it. */
void fake_agent_start(struct fake_agent *agent, fake_handler handler, void *data);
/* Listens again where a stopped one did. */
void fake_agent_restart(struct fake_agent *agent);
/* Closes all connections. */
void fake_agent_stop(struct fake_agent *agent);
/* After stop: removes the directory. */
void fake_agent_remove(struct fake_agent *agent);

/* These return false when the client is gone. */
bool fake_send(int fd, const void *data, size_t len);
bool fake_welcome(int fd, const struct cs_frame *frame);
bool fake_reply(int fd, const struct cs_frame *frame, struct cs_bytes body);
bool fake_error(int fd, uint32_t id, int code, const char *text);

#endif
