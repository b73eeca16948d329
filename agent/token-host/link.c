/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames between this host and its agent. One thread at a time receives; every thread may send,
 * and what one call sends stays together. When the agent is gone sending does nothing: who
 * receives sees the end of the stream and ends the process.
 */
#include "token-host/link.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "token-host/host-message.h"
#include "prompt/words.h"

#include <countersign/error.h>
#include <countersign/protocol.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define READ_SIZE 16384

void cs_link_init(struct cs_link *link, int fd)
{
    *link = (struct cs_link){
        .fd = fd, .in = CS_BUF_INIT((size_t)CS_FRAME_MAX + CS_FRAME_HEADER + READ_SIZE)};
    pthread_mutex_init(&link->write_lock, NULL);
}

void cs_link_deinit(struct cs_link *link)
{
    int fd;

    while ((fd = cs_link_take_fd(link)) >= 0)
        close(fd);
    cs_buf_deinit(&link->in);
}

int cs_link_take_fd(struct cs_link *link)
{
    int fd;

    if (link->n_fds == 0)
        return -1;
    fd = link->fds[0];
    memmove(link->fds, link->fds + 1, --link->n_fds * sizeof(link->fds[0]));
    return fd;
}

static void keep_fds(struct cs_link *link, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (link->n_fds < CS_LINK_FDS_MAX)
                link->fds[link->n_fds++] = fd;
            else
                close(fd);
        }
    }
}

int cs_link_read(struct cs_link *link)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * 4)];
    } control;
    struct iovec iov = {.iov_len = READ_SIZE};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space};
    ssize_t n;

    iov.iov_base = cs_buf_extend(&link->in, READ_SIZE);
    if (!iov.iov_base)
        return link->in.error;
    do {
        msg.msg_controllen = sizeof(control.space);
        n = recvmsg(link->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    link->in.len -= READ_SIZE - (n > 0 ? (size_t)n : 0);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        return n == 0 || errno == ECONNRESET ? CS_ERR_CLOSED : CS_ERR_SYSTEM;
    keep_fds(link, &msg);
    return 1;
}

int cs_link_next(struct cs_link *link, struct cs_frame *frame)
{
    cs_buf_consume(&link->in, link->used);
    link->used = 0;
    return cs_frame_parse(cs_buf_bytes(&link->in), frame, &link->used);
}

void cs_link_send(struct cs_link *link, const struct cs_buf *frames)
{
    size_t sent = 0;

    if (frames->error) {
        cs_log_r(CS_LOG_ERROR, frames->error, "a message to the agent was dropped");
        return;
    }
    pthread_mutex_lock(&link->write_lock);
    while (sent < frames->len) {
        ssize_t n = send(link->fd, frames->data + sent, frames->len - sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        sent += (size_t)n;
    }
    pthread_mutex_unlock(&link->write_lock);
}

void cs_link_done(struct cs_link *link, uint32_t id)
{
    uint8_t room[64];
    struct cs_buf buf = CS_BUF_IN(room);
    size_t frame = cs_frame_begin(&buf, CS_HOST_DONE, id);

    cs_frame_end(&buf, frame);
    cs_link_send(link, &buf);
}

void cs_link_signed(struct cs_link *link, uint32_t id, struct cs_bytes signature)
{
    uint8_t room[4096];
    struct cs_buf buf = CS_BUF_IN(room);
    struct cs_msg_signed m = {.signature = signature};
    size_t frame = cs_frame_begin(&buf, CS_HOST_SIGNED, id);

    cs_msg_signed_put(&buf, &m);
    cs_frame_end(&buf, frame);
    cs_link_send(link, &buf);
}

void cs_link_failed(struct cs_link *link, uint32_t id, int code, const struct cs_failure *failure)
{
    uint8_t room[4096];
    struct cs_buf buf = CS_BUF_IN(room);
    struct cs_host_failed m = {.code = code};
    size_t frame = cs_frame_begin(&buf, CS_HOST_FAILED, id);
    char text[sizeof(failure->fault.text)];

    cs_words_clean(
        text, sizeof(text), cs_bytes_of(cs_fault_text(failure ? &failure->fault : NULL, code)));
    m.ckr = failure ? (uint32_t)failure->rv : 0;
    m.text = cs_bytes_of(text);
    cs_host_failed_put(&buf, &m);
    cs_frame_end(&buf, frame);
    cs_link_send(link, &buf);
}
