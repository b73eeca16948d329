/* SPDX-License-Identifier: Apache-2.0 */
/* agent/channel: frames and descriptors over a socket on the loop. */
#include "socket/channel.h"

#include <countersign/error.h>
#include <countersign/protocol.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define OUT_MAX (256u * 1024u)

static struct {
    uv_loop_t loop;
    struct cs_channel channel;
    int other; /* the test's end */
    unsigned n_frames, n_ends;
    struct cs_frame last;
    size_t last_len;
    int end_code, fd;
    bool take_fd, close_at_frame;
    size_t answer; /* bytes to send for each frame */
} t;

static void on_frame(void *user, const struct cs_frame *frame)
{
    static uint8_t answer[64 * 1024];

    (void)user;
    t.n_frames++;
    t.last = *frame;
    t.last_len = frame->body.len;
    if (t.take_fd)
        t.fd = cs_channel_take_fd(&t.channel);
    if (t.answer)
        cs_channel_send(&t.channel, CS_BYTES(answer, t.answer), -1);
    if (t.close_at_frame)
        cs_channel_close(&t.channel);
}

static void on_end(void *user, int code)
{
    (void)user;
    t.n_ends++;
    t.end_code = code;
}

static void on_closed(void *user)
{
    (void)user;
}

static const struct cs_channel_events events = {on_frame, on_end, on_closed};

static int setup(void **state)
{
    int pair[2];

    (void)state;
    memset(&t, 0, sizeof(t));
    t.fd = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    t.other = pair[1];
    assert_int_equal(uv_loop_init(&t.loop), 0);
    return cs_channel_init(
        &t.channel, &t.loop, pair[0], CS_LIMIT_OUTPUT_PAUSE, OUT_MAX, &events, NULL);
}

static int teardown(void **state)
{
    (void)state;
    if (t.other >= 0)
        close(t.other);
    if (t.fd >= 0)
        close(t.fd);
    cs_channel_close(&t.channel);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&t.loop);
}

static void turn(void)
{
    for (int i = 0; i < 8; i++)
        uv_run(&t.loop, UV_RUN_NOWAIT);
}

static void write_all(const void *data, size_t len)
{
    assert_int_equal(send(t.other, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static struct cs_buf frames(size_t n, size_t len)
{
    struct cs_buf buf = CS_BUF_INIT(16u * 1024u * 1024u);

    for (size_t i = 0; i < n; i++) {
        size_t at = cs_frame_begin(&buf, 7, (uint32_t)i);

        memset(cs_buf_extend(&buf, len), 'x', len);
        assert_int_equal(cs_frame_end(&buf, at), 0);
    }
    return buf;
}

static size_t read_all(void)
{
    static char buffer[1 << 20];
    size_t total = 0;
    ssize_t n;

    while ((n = read(t.other, buffer, sizeof(buffer))) > 0)
        total += (size_t)n;
    return total;
}

static void test_several_frames_in_one_piece(void **state)
{
    struct cs_buf buf = frames(5, 10);

    (void)state;
    write_all(buf.data, buf.len);
    turn();
    assert_int_equal(t.n_frames, 5);
    assert_int_equal(t.last.id, 4);
    assert_int_equal(t.last_len, 10);
    cs_buf_deinit(&buf);
}

static void test_a_frame_in_many_pieces(void **state)
{
    struct cs_buf buf = frames(2, 10);

    (void)state;
    for (size_t i = 0; i < buf.len; i++) {
        write_all(buf.data + i, 1);
        uv_run(&t.loop, UV_RUN_NOWAIT);
        assert_int_equal(t.n_frames, (i + 1) / (buf.len / 2));
    }
    assert_int_equal(t.channel.in.cap, 0); /* what is idle holds no memory */
    cs_buf_deinit(&buf);
}

static void test_the_largest_frame(void **state)
{
    struct cs_buf buf = frames(1, CS_FRAME_MAX);
    size_t at = 0;

    (void)state;
    while (at < buf.len) {
        ssize_t n = send(t.other, buf.data + at, buf.len - at, MSG_NOSIGNAL);

        if (n > 0)
            at += (size_t)n;
        uv_run(&t.loop, UV_RUN_NOWAIT);
    }
    turn();
    assert_int_equal(t.n_frames, 1);
    assert_int_equal(t.last_len, CS_FRAME_MAX);
    cs_buf_deinit(&buf);
}

static void test_the_end_comes_once_and_behind_the_frames(void **state)
{
    struct cs_buf buf = frames(3, 10);

    (void)state;
    write_all(buf.data, buf.len);
    close(t.other);
    t.other = -1;
    turn();
    assert_int_equal(t.n_frames, 3);
    assert_int_equal(t.n_ends, 1);
    assert_int_equal(t.end_code, 0);
    cs_buf_deinit(&buf);
}

static void test_a_reset_is_an_end(void **state)
{
    struct cs_buf buf = frames(1, 10);

    (void)state;
    write_all(buf.data, buf.len);
    cs_channel_send(&t.channel, cs_buf_bytes(&buf), -1); /* not read by the other end */
    close(t.other);
    t.other = -1;
    turn();
    assert_int_equal(t.n_frames, 1);
    assert_int_equal(t.n_ends, 1);
    cs_buf_deinit(&buf);
}

static void test_broken_framing_ends_it(void **state)
{
    (void)state;
    write_all("\xff\xff\xff\xff\0\1\0\0\0\0\0\1", 12);
    write_all("more", 4);
    turn();
    assert_int_equal(t.n_ends, 1);
    assert_int_equal(t.end_code, CS_ERR_TOO_LARGE);
}

static void test_closing_while_a_frame_is_handled(void **state)
{
    struct cs_buf buf = frames(3, 10);

    (void)state;
    t.close_at_frame = true;
    write_all(buf.data, buf.len);
    turn();
    assert_int_equal(t.n_frames, 1);
    assert_int_equal(t.n_ends, 0);
    cs_buf_deinit(&buf);
}

static void test_sending_is_done_at_once(void **state)
{
    struct cs_buf buf = frames(1, 10);

    (void)state;
    cs_channel_send(&t.channel, cs_buf_bytes(&buf), -1);
    assert_int_equal(read_all(), buf.len);
    cs_buf_deinit(&buf);
}

static void test_nothing_is_read_while_much_waits_to_be_sent(void **state)
{
    struct cs_buf buf = frames(1000, 4);
    size_t taken = 0;

    (void)state;
    t.answer = 8 * 1024;
    write_all(buf.data, buf.len);
    turn();
    assert_true(t.n_frames < 1000);
    assert_int_equal(t.n_ends, 0);
    assert_true(t.channel.out_bytes <= CS_LIMIT_OUTPUT_PAUSE + t.answer);
    assert_false(t.channel.events & UV_READABLE);
    for (int i = 0; i < 10000 && t.n_frames < 1000; i++) {
        taken += read_all();
        turn();
    }
    turn();
    taken += read_all();
    turn();
    taken += read_all();
    assert_int_equal(t.n_frames, 1000);
    assert_int_equal(taken, 1000 * t.answer);
    cs_buf_deinit(&buf);
}

/* It leaves requests unread by us, and answers unread by it. */
static void test_a_deaf_one_that_goes_is_at_an_end(void **state)
{
    struct cs_buf buf = frames(100, 100);

    (void)state;
    t.answer = 64 * 1024;
    write_all(buf.data, buf.len);
    turn();
    assert_true(t.n_frames < 100);
    assert_int_equal(t.n_ends, 0);
    close(t.other);
    t.other = -1;
    turn();
    assert_int_equal(t.n_frames, 100);
    assert_int_equal(t.n_ends, 1);
    assert_int_equal(t.end_code, CS_ERR_CLOSED);
    cs_buf_deinit(&buf);
}

static void test_sending_to_who_went_raises_no_signal(void **state)
{
    struct cs_buf buf = frames(1, 10);

    (void)state;
    close(t.other);
    t.other = -1;
    cs_channel_send(&t.channel, cs_buf_bytes(&buf), -1);
    turn();
    assert_int_equal(t.n_ends, 1);
    assert_int_equal(t.end_code, CS_ERR_CLOSED);
    cs_buf_deinit(&buf);
}

static void test_too_much_to_send_ends_it(void **state)
{
    struct cs_buf buf = frames(1, 60000);

    (void)state;
    for (int i = 0; i < 40; i++)
        cs_channel_send(&t.channel, cs_buf_bytes(&buf), -1);
    turn();
    assert_int_equal(t.n_ends, 1);
    assert_int_equal(t.end_code, CS_ERR_CLOSED);
    cs_buf_deinit(&buf);
}

static void send_with(struct cs_bytes bytes, const int *fds, size_t n)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 8)];
    } control = {0};
    struct iovec iov = {(void *)bytes.data, bytes.len};
    struct msghdr message = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = CMSG_SPACE(sizeof(int) * n)};

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int) * n);
    memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n);
    assert_int_equal(sendmsg(t.other, &message, MSG_NOSIGNAL), (ssize_t)bytes.len);
}

/* A pipe whose write end is sent n times; *readp tells when all copies are closed. */
static void make_pipe(int *readp, int *fds, size_t n)
{
    int pair[2];

    assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
    *readp = pair[0];
    for (size_t i = 0; i < n; i++)
        fds[i] = pair[1];
}

static bool all_closed(int reader)
{
    char c;

    return read(reader, &c, 1) == 0;
}

static void test_a_descriptor_comes_with_its_frame(void **state)
{
    struct cs_buf buf = frames(1, 10);
    int reader, fd;

    (void)state;
    make_pipe(&reader, &fd, 1);
    t.take_fd = true;
    send_with(cs_buf_bytes(&buf), &fd, 1);
    close(fd);
    turn();
    assert_true(t.fd >= 0);
    assert_int_equal(fcntl(t.fd, F_GETFD), FD_CLOEXEC);
    assert_false(all_closed(reader));
    close(t.fd);
    t.fd = -1;
    assert_true(all_closed(reader));
    close(reader);
    cs_buf_deinit(&buf);
}

static void test_descriptors_nobody_wants_are_closed(void **state)
{
    struct cs_buf buf = frames(1, 10);
    int reader, fds[8];

    (void)state;
    for (size_t n = 1; n <= 8; n++) {
        make_pipe(&reader, fds, n);
        t.take_fd = n == 2; /* one is wanted, two are wrong */
        send_with(cs_buf_bytes(&buf), fds, n);
        close(fds[0]);
        turn();
        assert_int_equal(t.fd, -1);
        assert_true(all_closed(reader));
        close(reader);
    }
    cs_buf_deinit(&buf);
}

static void test_descriptors_beyond_the_limit_are_closed(void **state)
{
    struct cs_buf buf = frames(1, 10);
    int reader, fds[3];

    (void)state;
    make_pipe(&reader, fds, 3);
    /* A frame that does not come to its end keeps what it may have. */
    for (size_t at = 0; at < 4; at++) {
        send_with(CS_BYTES(buf.data + at, 1), fds, 3);
        turn();
    }
    assert_int_equal(t.channel.n_fds, CS_LIMIT_DESCRIPTORS_WAITING);
    close(fds[0]);
    assert_int_equal(send(t.other, buf.data + 4, buf.len - 4, MSG_NOSIGNAL), (ssize_t)buf.len - 4);
    turn();
    assert_true(all_closed(reader));
    close(reader);
    cs_buf_deinit(&buf);
}

static void test_a_descriptor_goes_with_a_frame_that_waits(void **state)
{
    struct cs_buf big = frames(1, 60000);
    struct cs_buf small = frames(1, 10);
    int reader, fd;

    (void)state;
    make_pipe(&reader, &fd, 1);
    while (t.channel.out_bytes == 0)
        cs_channel_send(&t.channel, cs_buf_bytes(&big), -1);
    cs_channel_send(&t.channel, cs_buf_bytes(&small), fd);
    assert_false(all_closed(reader));
    /* Ours is closed once it went; read as plain bytes, the other's is dropped. */
    for (int i = 0; i < 1000 && t.channel.out_bytes > 0; i++) {
        read_all();
        turn();
    }
    read_all();
    assert_true(all_closed(reader));
    close(reader);
    cs_buf_deinit(&big);
    cs_buf_deinit(&small);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_several_frames_in_one_piece),
        TEST(test_a_frame_in_many_pieces),
        TEST(test_the_largest_frame),
        TEST(test_the_end_comes_once_and_behind_the_frames),
        TEST(test_a_reset_is_an_end),
        TEST(test_broken_framing_ends_it),
        TEST(test_closing_while_a_frame_is_handled),
        TEST(test_sending_is_done_at_once),
        TEST(test_nothing_is_read_while_much_waits_to_be_sent),
        TEST(test_a_deaf_one_that_goes_is_at_an_end),
        TEST(test_sending_to_who_went_raises_no_signal),
        TEST(test_too_much_to_send_ends_it),
        TEST(test_a_descriptor_comes_with_its_frame),
        TEST(test_descriptors_nobody_wants_are_closed),
        TEST(test_descriptors_beyond_the_limit_are_closed),
        TEST(test_a_descriptor_goes_with_a_frame_that_waits),
    };

    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
