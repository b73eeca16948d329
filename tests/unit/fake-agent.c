/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's side of the socket for tests of clients. It trusts its client and asserts freely. */
#undef NDEBUG
#include "fake-agent.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

bool fake_send(int fd, const void *data, size_t len)
{
    return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool send_frame(int fd, uint16_t type, uint32_t id, struct cs_bytes body)
{
    struct cs_buf buf = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);
    size_t offset = cs_frame_begin(&buf, type, id);
    bool sent;

    cs_buf_put(&buf, body.data, body.len);
    assert(cs_frame_end(&buf, offset) == 0);
    sent = fake_send(fd, buf.data, buf.len);
    cs_buf_deinit(&buf);
    return sent;
}

bool fake_reply(int fd, const struct cs_frame *frame, struct cs_bytes body)
{
    return send_frame(fd, frame->type | CS_MSG_REPLY, frame->id, body);
}

bool fake_welcome(int fd, const struct cs_frame *frame)
{
    struct cs_buf body = CS_BUF_INIT(256);
    bool sent;

    cs_msg_welcome_put(&body,
        &(struct cs_msg_welcome){.version = CS_PROTOCOL_VERSION, .agent = cs_bytes_of("fake")});
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

bool fake_error(int fd, uint32_t id, int code, const char *text)
{
    struct cs_buf body = CS_BUF_INIT(8192);
    bool sent;

    cs_msg_error_put(&body, &(struct cs_msg_error){.code = code, .text = cs_bytes_of(text)});
    sent = send_frame(fd, CS_MSG_ERROR, id, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

static ssize_t receive(struct fake_agent *agent, int fd, void *data, size_t len)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = data, .iov_len = len};
    struct msghdr message = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

    if (header && header->cmsg_type == SCM_RIGHTS) {
        int passed;

        memcpy(&passed, CMSG_DATA(header), sizeof(passed));
        atomic_store(&agent->passed, passed);
    }
    return n;
}

/* gcc 12 forgets that it is atomic where it is called as it stands. */
static bool handle(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    fake_handler handler = atomic_load(&agent->handler);

    return handler(agent, fd, frame);
}

static bool serve_frame(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    if (frame->type != CS_MSG_HELLO) {
        atomic_fetch_add(&agent->n_requests, 1);
        return handle(agent, fd, frame);
    }
    pthread_mutex_lock(&agent->mutex);
    cs_buf_reset(&agent->hello);
    cs_buf_put(&agent->hello, frame->body.data, frame->body.len);
    pthread_mutex_unlock(&agent->mutex);
    return agent->own_hello ? handle(agent, fd, frame) : fake_welcome(fd, frame);
}

struct worker {
    struct fake_agent *agent;
    int fd;
};

static void *serve(void *argument)
{
    struct worker worker = *(struct worker *)argument;
    struct cs_buf in = CS_BUF_INIT(4 * CS_FRAME_MAX);
    bool open = true;

    free(argument);
    while (open) {
        uint8_t chunk[65536];
        struct cs_frame frame;
        size_t size;
        ssize_t n = receive(worker.agent, worker.fd, chunk, sizeof(chunk));

        if (n <= 0)
            break;
        cs_buf_put(&in, chunk, (size_t)n);
        while (open && cs_frame_parse(cs_buf_bytes(&in), &frame, &size) == 1) {
            open = serve_frame(worker.agent, worker.fd, &frame);
            cs_buf_consume(&in, size);
        }
    }
    shutdown(worker.fd, SHUT_RDWR);
    cs_buf_deinit(&in);
    return NULL;
}

static void *accept_all(void *argument)
{
    struct fake_agent *agent = argument;
    int fd;

    while ((fd = accept4(agent->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        int n = atomic_load(&agent->n_connections);
        struct worker *worker = malloc(sizeof(*worker));

        assert(worker && n < FAKE_CONNECTIONS_MAX);
        *worker = (struct worker){.agent = agent, .fd = fd};
        agent->fds[n] = fd;
        atomic_store(&agent->n_connections, n + 1); /* counted before it is answered */
        assert(pthread_create(&agent->workers[n], NULL, serve, worker) == 0);
    }
    return NULL;
}

void fake_agent_restart(struct fake_agent *agent)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    unlink(agent->path);
    atomic_store(&agent->n_connections, 0);
    atomic_store(&agent->n_requests, 0);
    atomic_store(&agent->passed, -1);
    strcpy(address.sun_path, agent->path);
    agent->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(bind(agent->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    assert(listen(agent->listener, 64) == 0);
    assert(pthread_create(&agent->thread, NULL, accept_all, agent) == 0);
}

void fake_agent_start(struct fake_agent *agent, fake_handler handler, void *data)
{
    *agent = (struct fake_agent){
        .handler = handler,
        .data = data,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .hello = CS_BUF_INIT(65536),
    };
    strcpy(agent->directory, "/tmp/countersign-unit-XXXXXX");
    assert(mkdtemp(agent->directory));
    assert(chmod(agent->directory, 0711) == 0);
    snprintf(agent->path, sizeof(agent->path), "%s/agent.sock", agent->directory);
    setenv("COUNTERSIGN_SOCKET", agent->path, 1);
    fake_agent_restart(agent);
}

void fake_agent_stop(struct fake_agent *agent)
{
    shutdown(agent->listener, SHUT_RDWR);
    pthread_join(agent->thread, NULL);
    close(agent->listener);
    if (!agent->keep_socket)
        unlink(agent->path);
    for (int i = 0; i < atomic_load(&agent->n_connections); i++) {
        shutdown(agent->fds[i], SHUT_RDWR);
        pthread_join(agent->workers[i], NULL);
        close(agent->fds[i]);
    }
}

void fake_agent_remove(struct fake_agent *agent)
{
    cs_buf_deinit(&agent->hello);
    unlink(agent->path);
    rmdir(agent->directory);
}
