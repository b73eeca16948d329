/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket: at its place, or handed over by who started the agent. It takes clients as long as
 * there are descriptors for them. Called by the agent.
 */
#include "socket/listener.h"
#include "base/log.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ACTIVATION_FD 3 /* sd_listen_fds(3) */
#define ACCEPT_AT_ONCE 16
#define PAUSE 1000

static bool is_listening_unix_socket(int fd)
{
    int listening = 0, domain = 0, type = 0;
    socklen_t len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

bool cs_listener_is_handed_over(void)
{
    const char *pid = getenv("LISTEN_PID");

    return pid && getenv("LISTEN_FDS") && strtol(pid, NULL, 10) == (long)getpid();
}

/* 1 when a socket was handed to us, 0 when none was. The variables are not for our children. */
static int take_activation(struct cs_listener *listener, struct cs_fault *fault)
{
    const char *n = getenv("LISTEN_FDS");
    bool ours = cs_listener_is_handed_over();
    bool one = n && strcmp(n, "1") == 0;
    struct sockaddr_un address = {0};
    socklen_t len = sizeof(address);
    bool named;

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!ours)
        return 0;
    if (!one || !is_listening_unix_socket(ACTIVATION_FD))
        return cs_fail(fault, CS_ERR_CONFIG,
            "socket activation must hand over one listening Unix stream socket");
    if (fcntl(ACTIVATION_FD, F_SETFD, FD_CLOEXEC) < 0)
        return cs_fail(fault, CS_ERR_SYSTEM, "cannot use the socket of socket activation: %s",
            strerror(errno));
    named = getsockname(ACTIVATION_FD, (struct sockaddr *)&address, &len) == 0 &&
            address.sun_path[0] == '/' && memchr(address.sun_path, '\0', sizeof(address.sun_path));
    cs_place_inherit(&listener->place, named ? address.sun_path : NULL);
    listener->fd = ACTIVATION_FD;
    return 1;
}

int cs_listener_init(struct cs_listener *listener, const char *path, struct cs_fault *fault)
{
    int r;

    *listener = (struct cs_listener){.fd = -1};
    TAILQ_INIT(&listener->peers);
    r = cs_place_init(&listener->place, path, fault);
    if (r < 0)
        return r;
    r = take_activation(listener, fault);
    if (r == 0)
        r = cs_place_bind(&listener->place, &listener->fd, fault);
    if (r < 0)
        cs_listener_deinit(listener);
    return r < 0 ? r : 0;
}

void cs_listener_deinit(struct cs_listener *listener)
{
    /* The file first: as long as the socket is open, no other can have its inode. */
    cs_place_deinit(&listener->place);
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct cs_listener *listener = timer->data;

    uv_poll_start(&listener->poll, UV_READABLE, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct cs_listener *listener = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            cs_peer_accept(listener->service, &listener->peers, listener->place.path, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            cs_log_errno(CS_LOG_WARNING, "no more clients for now");
            uv_poll_stop(poll);
            uv_timer_start(&listener->pause, on_pause_over, PAUSE, 0);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

int cs_listener_start(
    struct cs_listener *listener, struct cs_service *service, struct cs_fault *fault)
{
    listener->service = service;
    if (uv_poll_init(service->loop, &listener->poll, listener->fd) < 0)
        return cs_fail(fault, CS_ERR_SYSTEM, "cannot wait at %s", listener->place.path);
    uv_timer_init(service->loop, &listener->pause);
    listener->poll.data = listener;
    listener->pause.data = listener;
    listener->open = true;
    uv_poll_start(&listener->poll, UV_READABLE, on_poll);
    return 0;
}

void cs_listener_stop(struct cs_listener *listener)
{
    struct cs_peer *peer;

    if (!listener->open)
        return;
    listener->open = false;
    cs_place_unwatch(&listener->place);
    uv_close((uv_handle_t *)&listener->poll, NULL);
    uv_close((uv_handle_t *)&listener->pause, NULL);
    while ((peer = TAILQ_FIRST(&listener->peers)))
        cs_peer_close(peer);
}
