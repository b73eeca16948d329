/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket. Its directory is the user's and nobody else's: whoever can write there could put
 * another socket in its place. One agent serves a path: it holds a lock on a file beside the
 * socket as long as it lives, so that a socket left behind by an agent that was killed is told from
 * one that is in use. Called by main.
 */
#include "listener.h"
#include "base/log.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define ACTIVATION_FD 3 /* sd_listen_fds(3) */
#define BACKLOG 128
#define ACCEPT_AT_ONCE 16
#define PAUSE 1000

static int refuse_errno(struct cs_fault *fault, const char *what, const char *path)
{
    return cs_fail(fault, CS_ERR_CONFIG, "cannot %s %s: %s", what, path, strerror(errno));
}

static void directory_of(const char *path, char *directory, size_t size)
{
    const char *slash = strrchr(path, '/');

    snprintf(directory, size, "%.*s", slash > path ? (int)(slash - path) : 1, path);
}

/* The directory must be ours, closed to others, and no symbolic link to somewhere else. */
static int check_directory(const char *directory, struct cs_fault *fault)
{
    CS_AUTO(cs_closep)
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return cs_fail(fault, CS_ERR_CONFIG,
            "%s is a symbolic link or no directory: the socket must be in a directory of its own",
            directory);
    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse_errno(fault, "open", directory);
    if (st.st_uid != geteuid())
        return cs_fail(fault, CS_ERR_CONFIG,
            "%s belongs to another user: the socket must be in a directory of yours", directory);
    if (st.st_mode & 077)
        return cs_fail(fault, CS_ERR_CONFIG,
            "%s is open to others: run 'chmod 700 %s', or choose a directory of its own", directory,
            directory);
    return 0;
}

static int make_directory(struct cs_listener *listener, struct cs_fault *fault)
{
    char directory[sizeof(listener->path)];

    directory_of(listener->path, directory, sizeof(directory));
    if (mkdir(directory, 0700) == 0)
        listener->made_directory = true;
    else if (errno == ENOENT)
        return cs_fail(fault, CS_ERR_CONFIG,
            "there is no directory for %s: set XDG_RUNTIME_DIR, or use --socket", directory);
    else if (errno != EEXIST)
        return refuse_errno(fault, "make", directory);
    return check_directory(directory, fault);
}

static void lock_path(const struct cs_listener *listener, char *path, size_t size)
{
    snprintf(path, size, "%s.lock", listener->path);
}

/* The file may have been removed by the agent before, between our opening and locking it. */
static bool is_current(int fd, const char *path)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static int take_lock(struct cs_listener *listener, struct cs_fault *fault)
{
    char path[sizeof(listener->path) + 8];

    lock_path(listener, path, sizeof(path));
    for (;;) {
        CS_AUTO(cs_closep)
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
            return refuse_errno(fault, "open", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno != EWOULDBLOCK)
                return refuse_errno(fault, "lock", path);
            return cs_fail(fault, CS_ERR_BUSY,
                "another agent serves %s: stop it first, or use --socket", listener->path);
        }
        if (!is_current(fd, path))
            continue;
        listener->lock = cs_steal_fd(&fd);
        return 0;
    }
}

/* With the lock held, a socket that answers belongs to socket activation or to a stranger. */
static int clear_path(const char *path, const struct sockaddr_un *address, struct cs_fault *fault)
{
    CS_AUTO(cs_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : refuse_errno(fault, "look at", path);
    if (!S_ISSOCK(st.st_mode))
        return cs_fail(fault, CS_ERR_CONFIG, "%s is there and is no socket: move it away", path);
    if (fd < 0)
        return refuse_errno(fault, "make a socket for", path);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
        return cs_fail(fault, CS_ERR_BUSY,
            "something listens at %s already: a systemd socket unit starts the agent by itself",
            path);
    cs_info("a socket left behind at %s is replaced", path);
    return unlink(path) == 0 ? 0 : refuse_errno(fault, "remove", path);
}

static int bind_path(struct cs_listener *listener, struct cs_fault *fault)
{
    CS_AUTO(cs_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int r;

    memcpy(address.sun_path, listener->path, strlen(listener->path) + 1);
    r = clear_path(listener->path, &address, fault);
    if (r < 0)
        return r;
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return refuse_errno(fault, "listen at", listener->path);
    listener->made_socket = true;
    if (chmod(listener->path, 0600) < 0 || listen(fd, BACKLOG) < 0)
        return refuse_errno(fault, "listen at", listener->path);
    listener->fd = cs_steal_fd(&fd);
    return 0;
}

static bool is_listening_unix_socket(int fd)
{
    int listening = 0, domain = 0, type = 0;
    socklen_t len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* 1 when a socket was handed to us, 0 when none was. The variables are not for our children. */
static int take_activation(struct cs_listener *listener, struct cs_fault *fault)
{
    const char *pid = getenv("LISTEN_PID");
    const char *n = getenv("LISTEN_FDS");
    bool ours = pid && n && strtol(pid, NULL, 10) == (long)getpid();
    bool one = n && strcmp(n, "1") == 0;
    struct sockaddr_un address = {0};
    socklen_t len = sizeof(address);

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!ours)
        return 0;
    if (!one || !is_listening_unix_socket(ACTIVATION_FD))
        return cs_fail(fault, CS_ERR_CONFIG,
            "socket activation must hand over one listening Unix stream socket");
    if (fcntl(ACTIVATION_FD, F_SETFD, FD_CLOEXEC) < 0)
        return refuse_errno(fault, "use", "the socket of socket activation");
    if (getsockname(ACTIVATION_FD, (struct sockaddr *)&address, &len) == 0 &&
        address.sun_path[0] == '/')
        snprintf(listener->path, sizeof(listener->path), "%s", address.sun_path);
    listener->fd = ACTIVATION_FD;
    return 1;
}

int cs_listener_init(struct cs_listener *listener, const char *path, struct cs_fault *fault)
{
    int r;

    *listener = (struct cs_listener){.fd = -1, .lock = -1};
    TAILQ_INIT(&listener->peers);
    if (strlen(path) >= sizeof(listener->path) || path[0] != '/')
        return cs_fail(fault, CS_ERR_CONFIG,
            "the socket needs an absolute path of less than %zu bytes: %s", sizeof(listener->path),
            path);
    snprintf(listener->path, sizeof(listener->path), "%s", path);
    r = take_activation(listener, fault);
    if (r != 0)
        return r < 0 ? r : 0;
    r = make_directory(listener, fault);
    if (r == 0)
        r = take_lock(listener, fault);
    if (r == 0)
        r = bind_path(listener, fault);
    if (r < 0)
        cs_listener_deinit(listener);
    return r;
}

void cs_listener_deinit(struct cs_listener *listener)
{
    char path[sizeof(listener->path) + 8];

    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->made_socket)
        unlink(listener->path);
    if (listener->lock >= 0) {
        lock_path(listener, path, sizeof(path));
        unlink(path);
        close(listener->lock);
    }
    if (listener->made_directory) {
        directory_of(listener->path, path, sizeof(path));
        rmdir(path);
    }
    listener->fd = listener->lock = -1;
    listener->made_socket = listener->made_directory = false;
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
            cs_peer_accept(listener->service, &listener->peers, listener->path, fd);
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
        return cs_fail(fault, CS_ERR_SYSTEM, "cannot wait at %s", listener->path);
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
    uv_close((uv_handle_t *)&listener->poll, NULL);
    uv_close((uv_handle_t *)&listener->pause, NULL);
    while ((peer = TAILQ_FIRST(&listener->peers)))
        cs_peer_close(peer);
}
