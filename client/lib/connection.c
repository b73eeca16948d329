/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connected socket. Calls block as long as the agent takes, which may be as long as a person
 * does; but an agent that is silent is asked whether it is there, and given up if it does not say
 * so. Invariant: between two calls of cs_connection_ask nothing is under way, so whatever can be
 * read then is a breach of the protocol, or the end. What the agent sends is read strictly; the
 * one promise relied on is the kernel's, who runs the agent.
 */
#include "lib/connection.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/message.h"
#include "base/own-fd.h"
#include "lib/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#define PING_ID UINT32_MAX /* of a PING; other ids count up from 1 */
#define READ_AT_LEAST 1024 /* all of most replies; malloc has room of this size at hand */

/* Milliseconds of silence before PING, and again before giving up; tests compile their own. */
#ifndef PATIENCE
#define PATIENCE 10000
#endif
#define PATIENCE_IN_DOUBT (PATIENCE / 10)
#define PATIENCE_IN_QUEUE (PATIENCE / 5) /* an agent takes who comes at once, whatever it does */

struct cs_connection {
    struct cs_own_fd own;
    pid_t pid; /* who dialled */
    bool welcome;
    bool pinged;  /* and not answered yet */
    bool endless; /* silence is no bad sign: it waits for events */
    bool doubted; /* the agent said nothing before, and has not greeted yet */
    uint32_t last_id;
};

/* A descriptor up to 2 would make the host program's prints end up in the agent. */
static int socket_new(int flags)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    int high;

    if (fd < 0 || fd > 2)
        return fd;
    high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return high;
}

static int wrong_user(const char *path, uid_t owner, struct cs_fault *fault)
{
    return cs_fail(fault, CS_ERR_WRONG_USER,
        "socket %s belongs to uid %u, you are uid %u: set COUNTERSIGN_SOCKET or "
        "XDG_RUNTIME_DIR to your own agent's",
        path, (unsigned)owner, (unsigned)geteuid());
}

/* Nobody can look into another user's runtime directory, but whose that is everybody sees. */
static uid_t owner_of(const char *path)
{
    char at[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    struct stat st = {0};

    snprintf(at, sizeof(at), "%s", path);
    while (stat(at, &st) < 0 && strrchr(at, '/') > at)
        *strrchr(at, '/') = '\0';
    return st.st_uid;
}

static int silent(struct cs_fault *fault)
{
    return cs_fail(fault, CS_ERR_TIMEOUT,
        "the agent does not answer: it may be stopped; 'countersign status' says more");
}

static int start_agent(const char *path, struct cs_fault *fault)
{
    return cs_fail(fault, CS_ERR_NO_AGENT,
        "no Countersign agent answers at %s: start it with "
        "'systemctl --user start countersign-agent.socket' or run 'countersign-agent'",
        path);
}

/* A Flatpak sees the socket's folder only if it is let. */
static int no_socket(const char *path, struct cs_fault *fault)
{
    const char *id = secure_getenv("FLATPAK_ID");

    if (access("/.flatpak-info", F_OK) == 0)
        return cs_fail(fault, CS_ERR_NO_AGENT,
            "no Countersign agent answers at %s: let this Flatpak see it: flatpak override --user "
            "--filesystem=xdg-run/countersign %.60s",
            path, id ? id : "ID");
    return start_agent(path, fault);
}

static int connect_failed(const char *path, int error, struct cs_fault *fault)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return no_socket(path, fault);
    case ECONNREFUSED:
        return start_agent(path, fault);
    case EACCES:
    case EPERM:
        return wrong_user(path, owner_of(path), fault);
    case EAGAIN:
    case EINTR:
        return silent(fault);
    default:
        return cs_fail(fault, CS_ERR_SYSTEM,
            "cannot connect to an agent at %s: %s: check COUNTERSIGN_SOCKET and XDG_RUNTIME_DIR",
            path, strerrordesc_np(error));
    }
}

/* Another user's program that waits at our path must not learn what we are about to sign. */
static int check_owner(int fd, const char *path, struct cs_fault *fault)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return cs_fail(fault, CS_ERR_SYSTEM, "cannot tell whose socket %s is: %s", path,
            strerrordesc_np(errno));
    if (peer.uid == geteuid() || peer.uid == 0)
        return 0;
    return wrong_user(path, peer.uid, fault);
}

/* Whether a call that a signal of the program interrupted is made again. One that comes over and
 * over, of an interval timer, say, would begin every wait anew. */
static bool goes_on(long long deadline)
{
    return errno == EINTR && cs_clock_ms() < deadline;
}

/* To connect and to send, or to receive, ends after so many milliseconds; a socket without that
 * limit works, too. */
static void limit_waits(int fd, int option, int ms)
{
    const struct timeval patience = {ms / 1000, ms % 1000 * 1000};

    setsockopt(fd, SOL_SOCKET, option, &patience, sizeof(patience));
}

int cs_connection_open(int *fdp, const char *path, int ms, struct cs_fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CS_AUTO(cs_closep) int fd = socket_new(ms > 0 ? 0 : SOCK_NONBLOCK);
    long long deadline = cs_clock_ms() + ms;
    int r;

    if (fd < 0)
        return cs_fail(fault, CS_ERR_SYSTEM, "cannot create a socket: %s", strerrordesc_np(errno));
    limit_waits(fd, SO_SNDTIMEO, ms);
    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    do
        r = connect(fd, (struct sockaddr *)&address, sizeof(address));
    while (r < 0 && goes_on(deadline));
    if (r < 0 && errno != EISCONN)
        return connect_failed(path, errno, fault);
    limit_waits(fd, SO_SNDTIMEO, PATIENCE);
    r = check_owner(fd, path, fault);
    if (r < 0)
        return cs_trace(r);
    *fdp = cs_steal_fd(&fd);
    return 0;
}

int cs_connection_dial(
    struct cs_connection **connectionp, const char *path, bool doubted, struct cs_fault *fault)
{
    CS_AUTO(cs_connection_freep) struct cs_connection *connection = NULL;
    int fd, r;

    connection = calloc(1, sizeof(*connection));
    if (!connection)
        return CS_ERR_MEMORY;
    connection->pid = getpid();
    connection->last_id = CS_HELLO_ID;
    connection->own = CS_OWN_FD_NONE;
    connection->doubted = doubted;
    r = cs_connection_open(&fd, path, doubted ? PATIENCE_IN_DOUBT : PATIENCE_IN_QUEUE, fault);
    if (r < 0)
        return r;
    connection->own = cs_own_fd_of(fd);
    *connectionp = cs_steal(&connection);
    return 0;
}

void cs_connection_free(struct cs_connection *connection)
{
    if (!connection)
        return;
    cs_own_fd_close(&connection->own);
    free(connection);
}

bool cs_connection_is_idle(const struct cs_connection *connection)
{
    uint8_t byte;

    if (connection->pid != getpid() || !connection->welcome || !cs_own_fd_is(&connection->own))
        return false;
    return recv(connection->own.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EINTR);
}

static int send_failed(struct cs_fault *fault)
{
    if (errno == EPIPE || errno == ECONNRESET)
        return CS_ERR_CLOSED;
    if (errno == EAGAIN || errno == EINTR)
        return silent(fault);
    return cs_fail(fault, CS_ERR_SYSTEM, "cannot send to the agent: %s", strerrordesc_np(errno));
}

/* Sends all of it; the descriptors, if there are any, go with the first octet. A program may close
 * our socket while we wait, and have its number for another, which must not get what is ours. */
static int send_all(const struct cs_own_fd *own, struct iovec *iov, size_t n_iov, const int *fds,
    size_t n_fds, struct cs_fault *fault)
{
    union {
        char room[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = n_iov};
    long long deadline = cs_clock_ms() + PATIENCE;

    if (n_fds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        *CMSG_FIRSTHDR(&message) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
            .cmsg_type = SCM_RIGHTS,
            .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, n_fds * sizeof(int));
    }
    while (message.msg_iovlen > 0) {
        ssize_t n;

        if (!cs_own_fd_is(own))
            return CS_ERR_CLOSED;
        n = sendmsg(own->fd, &message, MSG_NOSIGNAL);
        if (n < 0 && goes_on(deadline))
            continue;
        if (n < 0)
            return send_failed(fault);
        message.msg_control = NULL;
        message.msg_controllen = 0;
        while (message.msg_iovlen > 0 && (size_t)n >= message.msg_iov->iov_len) {
            n -= (ssize_t)message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + n;
            message.msg_iov->iov_len -= (size_t)n;
        }
    }
    return 0;
}

static int send_request(struct cs_connection *connection, struct cs_bytes hello,
    struct cs_request *request, struct cs_fault *fault)
{
    const int fds[] = {request->fd, request->fd2};
    size_t n_fds = request->fd < 0 ? 0 : request->fd2 < 0 ? 1 : 2;
    struct iovec iov[2];
    size_t n = 0;
    int r;

    if (!connection->welcome)
        iov[n++] = (struct iovec){.iov_base = (void *)hello.data, .iov_len = hello.len};
    if (n_fds > 0 && n > 0) {
        r = send_all(&connection->own, iov, n, NULL, 0, fault);
        if (r < 0)
            return r;
        n = 0;
    }
    iov[n++] = (struct iovec){.iov_base = request->frame.data, .iov_len = request->frame.len};
    r = send_all(&connection->own, iov, n, fds, n_fds, fault);
    if (r == 0 && n_fds > 0)
        request->fd_gone = true;
    return r;
}

/* Nothing came for a while: a person may be thinking, or the agent may not be there. */
static int bear_silence(struct cs_connection *connection, struct cs_fault *fault)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf ping = CS_BUF_INIT(CS_FRAME_HEADER);
    struct iovec iov;
    int r;

    if (connection->endless)
        return 0;
    if (!connection->welcome || connection->pinged)
        return silent(fault);
    r = cs_frame_end(&ping, cs_frame_begin(&ping, CS_MSG_PING, PING_ID));
    if (r < 0)
        return r;
    iov = (struct iovec){.iov_base = ping.data, .iov_len = ping.len};
    connection->pinged = true;
    return send_all(&connection->own, &iov, 1, NULL, 0, fault);
}

/* A program that forbade itself all descriptors (RLIMIT_NOFILE 0) may keep those it has, and use
 * them, but poll none. */
static ssize_t receive_asleep(int fd, void *at, size_t size, long long deadline)
{
    ssize_t n;

    do {
        long long left = deadline - cs_clock_ms();

        limit_waits(fd, SO_RCVTIMEO, left > 0 ? (int)left : 1);
        n = recv(fd, at, size, 0);
    } while (n < 0 && goes_on(deadline));
    if (n < 0 && errno == EINTR)
        errno = EAGAIN;
    return n;
}

/*
 * Reads what is there, and waits for it if nothing is: EAGAIN after PATIENCE. Who sleeps in recv is
 * also woken when the agent takes the request, a change of process for nothing; who polls is not.
 * A socket that was taken from us meanwhile is at its end.
 */
static ssize_t receive(const struct cs_connection *connection, void *at, size_t size)
{
    struct pollfd wait = {.fd = connection->own.fd, .events = POLLIN};
    long long deadline = cs_clock_ms() + (connection->doubted ? PATIENCE_IN_DOUBT : PATIENCE), left;
    bool forbidden;
    int n;

    do {
        left = deadline - cs_clock_ms();
        n = poll(&wait, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && goes_on(deadline));
    forbidden = n < 0 && errno == EINVAL;
    if (n < 0 && errno != EINTR && !forbidden)
        return n;
    if (!cs_own_fd_is(&connection->own))
        return 0;
    if (forbidden)
        return receive_asleep(wait.fd, at, size, deadline);
    return recv(wait.fd, at, size, MSG_DONTWAIT);
}

/* Reads on until buf begins with a whole frame. */
static int receive_frame(struct cs_connection *connection, struct cs_buf *buf,
    struct cs_frame *frame, size_t *sizep, struct cs_fault *fault)
{
    for (;;) {
        int r = cs_frame_parse(cs_buf_bytes(buf), frame, sizep);
        size_t want = READ_AT_LEAST;
        uint8_t *at;
        ssize_t n;

        if (r == 1)
            return 0;
        if (r < 0)
            return cs_fail(fault, CS_ERR_PROTOCOL, "the agent sent a frame %s",
                r == CS_ERR_TOO_LARGE ? "over the size limit" : "with unknown flags");
        if (buf->len >= CS_FRAME_HEADER) {
            struct cs_reader reader = cs_reader_of(cs_buf_bytes(buf));

            want = CS_FRAME_HEADER + cs_get_u32(&reader) - buf->len;
        }
        at = cs_buf_extend(buf, want);
        if (!at)
            return buf->error;
        n = receive(connection, at, want);
        buf->len -= want - (n > 0 ? (size_t)n : 0);
        if (n < 0 && errno == EAGAIN) {
            r = bear_silence(connection, fault);
            if (r < 0)
                return r;
            continue;
        }
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return CS_ERR_CLOSED;
        if (n < 0)
            return cs_fail(
                fault, CS_ERR_SYSTEM, "cannot hear the agent: %s", strerrordesc_np(errno));
    }
}

/* An ERROR is passed on whatever it is about: with id 0 it is the connection that was refused. */
static bool is_answer(const struct cs_frame *frame, uint16_t type, uint32_t id)
{
    if (frame->type == CS_MSG_ERROR)
        return frame->id == id || frame->id == 0;
    return frame->type == (type | CS_MSG_REPLY) && frame->id == id;
}

/* 1: welcome. 0: refused with the ERROR in frame. */
static int receive_welcome(struct cs_connection *connection, struct cs_buf *buf,
    struct cs_frame *frame, struct cs_fault *fault)
{
    struct cs_msg_welcome welcome;
    size_t size;
    int r;

    r = receive_frame(connection, buf, frame, &size, fault);
    if (r < 0)
        return r;
    if (!is_answer(frame, CS_MSG_HELLO, CS_HELLO_ID))
        return cs_fail(fault, CS_ERR_PROTOCOL, "the agent did not answer HELLO with WELCOME");
    if (frame->type == CS_MSG_ERROR)
        return 0;
    if (cs_msg_welcome_get(frame->body, &welcome) < 0 || welcome.version != CS_PROTOCOL_VERSION)
        return cs_fail(fault, CS_ERR_PROTOCOL, "the agent sent a WELCOME that makes no sense");
    cs_buf_consume(buf, size);
    connection->welcome = true;
    connection->doubted = false;
    return 1;
}

/* The next frame but those that only say that the agent is there. */
static int receive_answer(struct cs_connection *connection, struct cs_buf *buf,
    struct cs_frame *frame, size_t *sizep, struct cs_fault *fault)
{
    for (;;) {
        int r = receive_frame(connection, buf, frame, sizep, fault);

        if (r < 0 || !connection->pinged || frame->id != PING_ID)
            return r;
        connection->pinged = false;
        cs_buf_consume(buf, *sizep);
    }
}

int cs_connection_ask(struct cs_connection *connection, struct cs_bytes hello,
    struct cs_request *request, struct cs_buf *buf, struct cs_frame *frame, struct cs_fault *fault)
{
    uint32_t id = ++connection->last_id;
    size_t size;
    int r;

    cs_buf_set_u32(&request->frame, 8, id);
    r = send_request(connection, hello, request, fault);
    /* An agent that refuses us says why before it hangs up, perhaps while we still send. */
    if (r < 0 && r != CS_ERR_CLOSED)
        return cs_trace(r);
    if (!connection->welcome) {
        r = receive_welcome(connection, buf, frame, fault);
        if (r <= 0)
            return r;
    }
    r = receive_answer(connection, buf, frame, &size, fault);
    if (r < 0)
        return r;
    if (!is_answer(frame, request->type, id))
        return cs_fail(fault, CS_ERR_PROTOCOL, "the agent answered what it was not asked");
    if (frame->id == 0 || connection->pinged)
        connection->welcome = false; /* the agent hangs up behind it, or more comes: the last use */
    connection->endless = request->stream;
    if (size != buf->len && !request->stream)
        return cs_fail(fault, CS_ERR_PROTOCOL, "the agent answered more than it was asked");
    return 0;
}

int cs_connection_listen(struct cs_connection *connection, struct cs_buf *buf,
    struct cs_frame *frame, size_t *sizep, struct cs_fault *fault)
{
    return receive_frame(connection, buf, frame, sizep, fault);
}

int cs_connection_fd(const struct cs_connection *connection)
{
    return connection->own.fd;
}
