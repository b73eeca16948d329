/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Framed streams. Sending is tried at once, so that a short answer costs one system call and no
 * further turn of the loop. Nothing of a client is read while much waits to be sent to it: who does
 * not take answers gets no more of them. A host that is busy with telling us something takes
 * nothing until we have read it. Used by peer.c for clients and by host-talk.c for token hosts.
 */
#include "socket/channel.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <countersign/error.h>
#include <countersign/protocol.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Descriptors that go with a frame. */
struct parcel {
    int fds[CS_CHANNEL_FDS_MAX];
    size_t n;
};

struct cs_channel_output {
    TAILQ_ENTRY(cs_channel_output) link;
    size_t len, sent;
    struct parcel fds;
    uint8_t data[];
};

/* One for all: it is in use during a single read only. */
static uint8_t input[64 * 1024];

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct cs_channel *channel)
{
    int events = 0;

    if (channel->closing || channel->ended)
        return;
    if (channel->out_bytes <= channel->out_pause || channel->failed)
        events |= UV_READABLE;
    if (channel->out_bytes > 0)
        events |= UV_WRITABLE;
    if (events == channel->events)
        return;
    channel->events = events;
    uv_poll_start(&channel->poll, events, on_poll);
}

int cs_channel_init(struct cs_channel *channel, uv_loop_t *loop, int fd, size_t out_pause,
    size_t out_max, const struct cs_channel_events *events, void *user)
{
    *channel = (struct cs_channel){
        .fd = fd,
        .in = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX + sizeof(input)),
        .out_pause = out_pause,
        .out_max = out_max,
        .on = events,
        .user = user,
    };
    TAILQ_INIT(&channel->out);
    if (uv_poll_init(loop, &channel->poll, fd) < 0) { /* makes it non-blocking, too */
        close(fd);
        return CS_ERR_SYSTEM;
    }
    watch(channel);
    return 0;
}

static void parcel_close(struct parcel *parcel)
{
    while (parcel->n > 0)
        close(parcel->fds[--parcel->n]);
}

static void drop_output(struct cs_channel *channel)
{
    struct cs_channel_output *output;

    while ((output = TAILQ_FIRST(&channel->out))) {
        TAILQ_REMOVE(&channel->out, output, link);
        parcel_close(&output->fds);
        free(output);
    }
    channel->out_bytes = 0;
}

static void drop_fds(struct cs_channel *channel)
{
    while (channel->n_fds > 0)
        close(channel->fds[--channel->n_fds]);
}

static void on_closed(uv_handle_t *handle)
{
    struct cs_channel *channel = (struct cs_channel *)handle;

    channel->on->closed(channel->user);
}

void cs_channel_close(struct cs_channel *channel)
{
    if (channel->closing)
        return;
    channel->closing = true;
    uv_close((uv_handle_t *)&channel->poll, on_closed);
    close(channel->fd);
    channel->fd = -1;
    drop_output(channel);
    drop_fds(channel);
    cs_buf_deinit(&channel->in);
}

static void end(struct cs_channel *channel, int code)
{
    if (channel->closing || channel->ended)
        return;
    channel->ended = true;
    uv_poll_stop(&channel->poll);
    channel->on->end(channel->user, code);
}

/* The loop then finds the end of the stream and tells the user. */
static void fail(struct cs_channel *channel)
{
    channel->failed = true;
    drop_output(channel);
    shutdown(channel->fd, SHUT_RDWR);
    watch(channel);
}

/* How much went; CS_ERR_CLOSED. The descriptors go with the first byte or not at all. */
static int send_some(
    struct cs_channel *channel, struct cs_bytes bytes, const struct parcel *parcel, size_t *sentp)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(CS_CHANNEL_FDS_MAX * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)bytes.data, bytes.len};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    size_t size = parcel->n * sizeof(int);
    ssize_t n;

    if (size > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(size);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(&control.header), parcel->fds, size);
    }
    do
        n = sendmsg(channel->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return CS_ERR_CLOSED;
    *sentp = n > 0 ? (size_t)n : 0;
    return 0;
}

static int keep(struct cs_channel *channel, struct cs_bytes rest, struct parcel *parcel)
{
    struct cs_channel_output *output;

    if (rest.len > channel->out_max || channel->out_bytes > channel->out_max - rest.len)
        return CS_ERR_TOO_LARGE;
    output = malloc(sizeof(*output) + rest.len);
    if (!output)
        return CS_ERR_MEMORY;
    output->len = rest.len;
    output->sent = 0;
    output->fds = *parcel;
    parcel->n = 0;
    memcpy(output->data, rest.data, rest.len);
    TAILQ_INSERT_TAIL(&channel->out, output, link);
    channel->out_bytes += rest.len;
    return 0;
}

void cs_channel_send_with(
    struct cs_channel *channel, struct cs_bytes frame, const int *fds, size_t n_fds)
{
    CS_AUTO(parcel_close) struct parcel parcel = {.n = n_fds};
    size_t sent = 0;
    int r = 0;

    memcpy(parcel.fds, fds, n_fds * sizeof(int));
    if (channel->closing || channel->failed || frame.len == 0)
        return;
    if (channel->out_bytes == 0)
        r = send_some(channel, frame, &parcel, &sent);
    if (sent > 0)
        parcel_close(&parcel);
    if (r == 0 && sent < frame.len)
        r = keep(channel, CS_BYTES(frame.data + sent, frame.len - sent), &parcel);
    if (r < 0) {
        cs_log_r(CS_LOG_DEBUG, r, "a connection is given up");
        fail(channel);
    }
    watch(channel);
}

void cs_channel_send(struct cs_channel *channel, struct cs_bytes frame, int fd)
{
    cs_channel_send_with(channel, frame, &fd, fd >= 0 ? 1 : 0);
}

static void flush(struct cs_channel *channel)
{
    struct cs_channel_output *output;

    while ((output = TAILQ_FIRST(&channel->out))) {
        size_t sent = 0;
        struct cs_bytes rest = CS_BYTES(output->data + output->sent, output->len - output->sent);

        if (send_some(channel, rest, &output->fds, &sent) < 0) {
            fail(channel);
            return;
        }
        if (sent > 0)
            parcel_close(&output->fds);
        output->sent += sent;
        channel->out_bytes -= sent;
        if (output->sent < output->len)
            break;
        TAILQ_REMOVE(&channel->out, output, link);
        free(output);
    }
}

/* Hands whole frames over; returns how many bytes they took. */
static size_t hand_over(struct cs_channel *channel, struct cs_bytes bytes)
{
    size_t taken = 0;

    while (!channel->closing && !channel->ended && channel->out_bytes <= channel->out_pause) {
        struct cs_frame frame;
        size_t size = 0;
        int r = cs_frame_parse(CS_BYTES(bytes.data + taken, bytes.len - taken), &frame, &size);

        if (r < 0)
            end(channel, r);
        if (r <= 0)
            break;
        taken += size;
        channel->on->frame(channel->user, &frame);
    }
    return taken;
}

/* Whether a whole frame waits that was not handed over. */
static bool holds_frame(const struct cs_channel *channel)
{
    struct cs_frame frame;
    size_t size;

    return cs_frame_parse(cs_buf_bytes(&channel->in), &frame, &size) != 0;
}

static void hand_over_kept(struct cs_channel *channel)
{
    size_t taken = hand_over(channel, cs_buf_bytes(&channel->in));

    if (channel->closing)
        return;
    cs_buf_consume(&channel->in, taken);
    if (channel->in.len == 0)
        cs_buf_deinit(&channel->in);
}

static void take_input(struct cs_channel *channel, struct cs_bytes bytes)
{
    if (channel->in.len == 0) {
        size_t taken = hand_over(channel, bytes);

        if (!channel->closing)
            cs_buf_put(&channel->in, bytes.data + taken, bytes.len - taken);
    } else {
        cs_buf_put(&channel->in, bytes.data, bytes.len);
        if (channel->in.error == 0)
            hand_over_kept(channel);
    }
    if (channel->closing)
        return;
    if (channel->in.error < 0)
        end(channel, channel->in.error);
    else if (channel->in.len == 0)
        drop_fds(channel); /* they came with a frame that had no use for them */
}

static void take_fds(struct cs_channel *channel, struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        size_t n;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            if (channel->n_fds < CS_LIMIT_DESCRIPTORS_WAITING)
                channel->fds[channel->n_fds++] = fd;
            else
                close(fd);
        }
    }
}

static void receive(struct cs_channel *channel)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * CS_LIMIT_DESCRIPTORS_WAITING)];
    } control;
    struct iovec iov = {input, sizeof(input)};
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space),
    };
    ssize_t n = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) {
        end(channel, n < 0 || channel->failed ? CS_ERR_CLOSED : 0);
        return;
    }
    if (message.msg_controllen > 0)
        take_fds(channel, &message);
    take_input(channel, CS_BYTES(input, (size_t)n));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct cs_channel *channel = (struct cs_channel *)poll;

    if (status < 0) { /* libuv has stopped; the socket says what is wrong, behind what it holds */
        channel->events = 0;
        events = UV_READABLE;
        if (channel->out_bytes > 0) /* nobody takes that any more, and no input waits for it */
            fail(channel);
    }
    if (events & UV_WRITABLE)
        flush(channel);
    if (!channel->closing && channel->in.len > 0 && holds_frame(channel))
        hand_over_kept(channel);
    else if (!channel->closing && !channel->ended && (events & UV_READABLE))
        receive(channel);
    if (!channel->closing)
        watch(channel);
}

bool cs_channel_take_fds(struct cs_channel *channel, int *fds, size_t n)
{
    bool good = channel->n_fds == n;

    if (good) {
        memcpy(fds, channel->fds, n * sizeof(int));
        channel->n_fds = 0;
    }
    drop_fds(channel);
    return good;
}

int cs_channel_take_fd(struct cs_channel *channel)
{
    int fd = -1;

    cs_channel_take_fds(channel, &fd, 1);
    return fd;
}
