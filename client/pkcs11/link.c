/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection, on which the agent is asked once to tell what happens (WATCH) and, whenever
 * something did, for its three lists. All of it is sent and read without waiting, so an agent that
 * is stopped costs the host program nothing: the answer is taken whenever it is there. The lists
 * make one picture only if all their pages tell the same generation; else the round begins anew.
 * Called by module.c, under its lock.
 */
#include "pkcs11/link.h"
#include "base/message.h"
#include "base/runtime.h"
#include "base/wire.h"
#include "lib/connection.h"
#include "lib/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define WATCH_ID 2
#define RETRY 1000 /* milliseconds, after an agent that is there but of no use */
#define CHUNK 65536

static const uint16_t questions[CS_VIEW_LISTS] = {
    [CS_VIEW_TOKENS] = CS_MSG_TOKENS,
    [CS_VIEW_IDENTITIES] = CS_MSG_IDENTITIES,
    [CS_VIEW_CERTIFICATES] = CS_MSG_CERTIFICATES,
};

uint64_t cs_link_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int cs_link_init(struct cs_link *link)
{
    *link = (struct cs_link){.own = CS_OWN_FD_NONE};
    link->path_error = cs_runtime_socket_path(link->path, sizeof(link->path));
    link->hello = CS_BUF_INIT(CS_REPLY_MAX);
    link->in = CS_BUF_INIT(CS_REPLY_MAX + CHUNK);
    return cs_hello_put(&link->hello, NULL);
}

static void hang_up(struct cs_link *link)
{
    cs_own_fd_close(&link->own);
    if (!link->proved)
        link->retry = cs_link_now() + RETRY;
    cs_view_free(link->next);
    link->next = NULL;
    link->stale = link->slow = false;
    cs_buf_deinit(&link->in);
}

void cs_link_deinit(struct cs_link *link)
{
    hang_up(link);
    cs_buf_deinit(&link->hello);
}

bool cs_link_is_waiting(const struct cs_link *link)
{
    return link->own.fd >= 0 && link->next && !link->slow;
}

int cs_link_dup(const struct cs_link *link)
{
    return link->own.fd < 0 ? -1 : fcntl(link->own.fd, F_DUPFD_CLOEXEC, 3);
}

/* What we say is short: an agent that has no room for it is not listening. */
static int say(struct cs_link *link, struct cs_buf *frames)
{
    ssize_t n;

    if (frames->error < 0)
        return frames->error;
    do
        n = send(link->own.fd, frames->data, frames->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)frames->len ? 0 : CS_ERR_CLOSED;
}

static void put_question(
    const struct cs_link *link, struct cs_buf *frames, enum cs_view_list list, uint32_t first)
{
    size_t at = cs_frame_begin(frames, questions[list], link->round * CS_VIEW_LISTS + list);

    cs_msg_first_put(frames, first);
    cs_frame_end(frames, at);
}

/* Begins a round: the first page of each list is asked for at once. */
static int ask_all(struct cs_link *link, struct cs_buf *frames)
{
    cs_view_free(link->next);
    link->next = cs_view_new();
    if (!link->next)
        return CS_ERR_MEMORY;
    link->stale = false;
    link->round++;
    for (int list = 0; list < CS_VIEW_LISTS; list++)
        put_question(link, frames, (enum cs_view_list)list, 0);
    return say(link, frames);
}

static int ask_again(struct cs_link *link)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf frames = CS_BUF_INIT(1024);

    return ask_all(link, &frames);
}

static int dial(struct cs_link *link)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf frames = CS_BUF_INIT(CS_REPLY_MAX);
    int fd, r = link->path_error;

    link->proved = false;
    if (r == 0)
        r = cs_connection_open(&fd, link->path, 0, NULL);
    if (r != 0)
        return r;
    link->own = cs_own_fd_of(fd);
    link->round = 0;
    cs_buf_put(&frames, link->hello.data, link->hello.len);
    cs_frame_end(&frames, cs_frame_begin(&frames, CS_MSG_WATCH, WATCH_ID));
    return ask_all(link, &frames);
}

static int take_page(struct cs_link *link, const struct cs_frame *frame, struct cs_view **viewp)
{
    enum cs_view_list list = (enum cs_view_list)(frame->id % CS_VIEW_LISTS);
    CS_AUTO(cs_buf_deinit) struct cs_buf frames = CS_BUF_INIT(1024);
    uint32_t first;
    int r;

    if (frame->id / CS_VIEW_LISTS != link->round || !link->next)
        return 0;
    if (frame->type != (questions[list] | CS_MSG_REPLY))
        return CS_ERR_PROTOCOL;
    r = cs_view_add_page(link->next, list, frame->body);
    if (r == CS_ERR_BUSY)
        return ask_again(link);
    if (r < 0)
        return r;
    if (cs_view_wants(link->next, list, &first)) {
        put_question(link, &frames, list, first);
        return say(link, &frames);
    }
    if (!cs_view_is_whole(link->next))
        return 0;
    link->proved = true;
    link->slow = false;
    link->generation = link->next->generation;
    r = cs_view_finish(link->next);
    if (r < 0)
        return r;
    cs_view_free(*viewp);
    *viewp = cs_steal(&link->next);
    return 0;
}

static int take_event(struct cs_link *link, struct cs_bytes body)
{
    struct cs_msg_event event;
    int r = cs_msg_event_get(body, &event);

    /* A signature, for one, changes nothing. */
    if (r == 0 && (link->next || event.generation != link->generation))
        link->stale = true;
    return r;
}

static int take_frame(struct cs_link *link, const struct cs_frame *frame, struct cs_view **viewp)
{
    switch (frame->type) {
    case CS_MSG_HELLO | CS_MSG_REPLY:
    case CS_MSG_WATCH | CS_MSG_REPLY:
        return 0;
    case CS_MSG_EVENT:
        return take_event(link, frame->body);
    case CS_MSG_ERROR:
        return CS_ERR_CLOSED;
    default:
        return take_page(link, frame, viewp);
    }
}

static int take_frames(struct cs_link *link, struct cs_view **viewp)
{
    size_t taken = 0;
    int r;

    for (;;) {
        struct cs_frame frame;
        size_t size;

        r = cs_frame_parse(CS_BYTES(link->in.data + taken, link->in.len - taken), &frame, &size);
        if (r <= 0)
            break;
        r = take_frame(link, &frame, viewp);
        if (r < 0)
            break;
        taken += size;
    }
    cs_buf_consume(&link->in, taken);
    if (link->in.len == 0 && link->in.cap > 2 * CHUNK)
        cs_buf_deinit(&link->in); /* a large picture need not be paid for ever */
    return r;
}

/* 1: something came. 0: nothing is there. */
static int hear(struct cs_link *link)
{
    uint8_t *at = cs_buf_extend(&link->in, CHUNK);
    ssize_t n;

    if (!at)
        return link->in.error;
    do
        n = recv(link->own.fd, at, CHUNK, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    link->in.len -= CHUNK - (n > 0 ? (size_t)n : 0);
    if (n < 0 && errno == EAGAIN)
        return 0;
    return n > 0 ? 1 : CS_ERR_CLOSED;
}

static int converse(struct cs_link *link, struct cs_view **viewp)
{
    int r;

    if (!cs_own_fd_is(&link->own))
        return CS_ERR_CLOSED;
    do {
        r = hear(link);
        if (r > 0)
            r = take_frames(link, viewp) < 0 ? CS_ERR_PROTOCOL : 1;
    } while (r > 0);
    if (r == 0 && link->stale && !link->next)
        r = ask_again(link);
    return r;
}

void cs_link_poll(struct cs_link *link, struct cs_view **viewp)
{
    /* An agent that went may have been started again: once more, at once. */
    for (int tries = 0; tries < 2; tries++) {
        int r = 0;

        if (link->own.fd < 0) {
            if (cs_link_now() < link->retry)
                return;
            r = dial(link);
            if (r == CS_ERR_NO_AGENT)
                return;
        }
        if (r == 0)
            r = converse(link, viewp);
        if (r == 0)
            return;
        hang_up(link);
    }
}
