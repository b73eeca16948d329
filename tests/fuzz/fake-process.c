/* SPDX-License-Identifier: Apache-2.0 */
/* A token host's process that is none. Its end is found by the loop as a child's is: beside what
 * comes on sockets, and its handle closes in the same turn. */
#include "fake-process.h"
#include "octets.h"
#include "socket/channel.h"
#include "token-host/host-message.h"

#include <fcntl.h>

struct fake_process fake_process = {.fd = -1};

static struct cs_host_process *process;
static uv_async_t end;
static struct cs_buf heard = {.max = 64u * 1024u * 1024u};
static size_t fds_heard;

/* Its life */

void fake_process_hang_up(void)
{
    if (fake_process.fd >= 0)
        close(fake_process.fd);
    fake_process.fd = -1;
    cs_buf_deinit(&heard);
    fds_heard = 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct cs_host_process *closed = process;

    (void)handle;
    process = NULL;
    closed->open = false;
    closed->on->closed(closed->user);
}

static void on_end(uv_async_t *handle)
{
    char why[64];

    fake_process_hang_up();
    fake_process.alive = false;
    process->alive = false;
    snprintf(why, sizeof(why), "it ended with status %d", fake_process.status);
    process->on->exit(process->user, fake_process.status, why);
    uv_close((uv_handle_t *)handle, on_closed);
}

void fake_process_end(int status)
{
    if (!fake_process.alive)
        return;
    fake_process.status = status;
    uv_async_send(&end);
}

int cs_host_process_start(struct cs_host_process *started, uv_loop_t *loop, char **argv, int fd,
    const struct cs_host_process_events *events, void *user)
{
    FUZZ_CHECK(!process && !fake_process.alive && argv[0]);
    fake_process_hang_up(); /* of one that was never alive */
    process = started;
    process->on = events;
    process->user = user;
    process->open = true;
    process->alive = !fake_process.absent;
    FUZZ_CHECK(uv_async_init(loop, &end, on_end) == 0);
    fake_process.lives++;
    fake_process.killed = false;
    fake_process.alive = process->alive;
    if (!process->alive) {
        uv_close((uv_handle_t *)&end, on_closed);
        return UV_ENOENT;
    }
    process->handle.pid = 1;
    fake_process.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FUZZ_CHECK(fake_process.fd >= 0);
    return 0;
}

void cs_host_process_kill(struct cs_host_process *killed)
{
    if (!killed->alive)
        return;
    fake_process.killed = true;
    if (!fake_process.stubborn)
        fake_process_end(-9);
}

/* What the agent says */

static size_t check_frame(const struct cs_frame *frame)
{
    union {
        struct cs_host_configure configure;
        struct cs_host_sign_request sign;
        struct cs_host_login_request login;
        struct cs_host_logout_request logout;
        uint32_t number;
    } m;

    switch (frame->type) {
    case CS_HOST_CONFIGURE:
        FUZZ_CHECK(frame->id == 0 && cs_host_configure_get(frame->body, &m.configure) == 0);
        return 0;
    case CS_HOST_SIGN:
        FUZZ_CHECK(frame->id && cs_host_sign_get(frame->body, &m.sign) == 0);
        return 0;
    case CS_HOST_LOGIN:
    case CS_HOST_PIN_CHANGE:
        FUZZ_CHECK(frame->id && cs_host_login_get(frame->body, &m.login) == 0);
        if (!(m.login.how & CS_HOST_LOGIN_FD))
            return 0;
        return frame->type == CS_HOST_LOGIN ? 1 : 2;
    case CS_HOST_LOGOUT:
        FUZZ_CHECK(frame->id && cs_host_logout_get(frame->body, &m.logout) == 0);
        return 0;
    case CS_HOST_REFRESH:
        FUZZ_CHECK(frame->id && frame->body.len == 0);
        return 0;
    default:
        FUZZ_CHECK(frame->type == CS_HOST_CANCEL && frame->id == 0);
        FUZZ_CHECK(cs_host_number_get(frame->body, &m.number) == 0 && m.number > 0);
        return 0;
    }
}

static void close_descriptors(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    size_t n = header ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

    for (size_t i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        close(fd);
    }
    fds_heard += n;
}

static bool receive(void)
{
    static uint8_t octets[65536];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(CS_CHANNEL_FDS_MAX * sizeof(int))];
    } control;
    struct iovec vector = {octets, sizeof(octets)};
    struct msghdr message = {.msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space)};
    ssize_t n = recvmsg(fake_process.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n <= 0)
        return false;
    FUZZ_CHECK(!(message.msg_flags & MSG_CTRUNC));
    close_descriptors(&message);
    cs_buf_put(&heard, octets, (size_t)n);
    return true;
}

bool fake_process_listen(void)
{
    struct cs_frame frame;
    struct cs_bytes left;
    size_t size = 0, fds = 0;
    bool any = false;
    int r;

    while (fake_process.fd >= 0 && receive())
        any = true;
    left = cs_buf_bytes(&heard);
    while ((r = cs_frame_parse(left, &frame, &size)) == 1) {
        fds += check_frame(&frame);
        left = CS_BYTES(left.data + size, left.len - size);
    }
    FUZZ_CHECK(r == 0 && heard.error == 0);
    FUZZ_CHECK(fds <= fds_heard && fds_heard - fds <= (left.len > 0 ? CS_CHANNEL_FDS_MAX : 0));
    fds_heard -= fds;
    cs_buf_consume(&heard, heard.len - left.len);
    return any;
}

/* What the host says */

bool fake_process_say_octets(struct cs_bytes octets, size_t n_fds)
{
    return fake_process.fd >= 0 && fuzz_send(fake_process.fd, octets, n_fds);
}

bool fake_process_say(uint16_t type, uint32_t id, struct cs_bytes body, size_t n_fds)
{
    struct cs_buf frame = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);
    size_t at = cs_frame_begin(&frame, type, id);
    bool said;

    cs_buf_put(&frame, body.data, body.len);
    FUZZ_CHECK(cs_frame_end(&frame, at) == 0);
    said = fake_process_say_octets(cs_buf_bytes(&frame), n_fds);
    cs_buf_deinit(&frame);
    return said;
}
