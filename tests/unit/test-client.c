/* SPDX-License-Identifier: Apache-2.0 */
/* client/lib against an agent that misbehaves: what is asked is answered right, or refused with a
 * sentence, and the client is good for the next question. */
#include "fake-agent.h"
#include "lib/pack.h"

#include <countersign/countersign.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const uint8_t some_id[CS_ID_SIZE] = {1, 2, 3};

struct fixture {
    struct fake_agent agent;
    struct countersign_client *client;
    struct countersign_fault fault;
};

/* Signs by sending back the data. */
static bool echo(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct cs_buf body = CS_BUF_INIT(CS_FRAME_MAX);
    struct cs_msg_sign sign;
    bool sent;

    (void)agent;
    if (frame->type == CS_MSG_HELLO)
        return fake_welcome(fd, frame);
    if (frame->type != CS_MSG_SIGN)
        return fake_error(fd, frame->id, CS_ERR_UNSUPPORTED, "this agent only signs");
    assert_int_equal(cs_msg_sign_get(frame->body, &sign), 0);
    cs_msg_signed_put(&body, &(struct cs_msg_signed){.signature = sign.data});
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    fake_agent_start(&f->agent, echo, f);
    assert_int_equal(countersign_client_new(&f->client, "unit"), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    countersign_client_free(f->client);
    fake_agent_stop(&f->agent);
    fake_agent_remove(&f->agent);
    free(f);
    return 0;
}

static int sign_text(struct fixture *f, const char *text)
{
    uint8_t signature[1024];
    size_t len = sizeof(signature);
    int r;

    memset(&f->fault, 'x', sizeof(f->fault));
    r = countersign_sign(f->client, some_id, 0x0403, CS_INPUT_MESSAGE, text, strlen(text),
        signature, &len, &f->fault);
    if (r == 0) {
        assert_int_equal(len, strlen(text));
        assert_memory_equal(signature, text, len);
    } else {
        assert_int_equal(f->fault.code, r);
        assert_true(strnlen(f->fault.text, sizeof(f->fault.text)) > 5);
    }
    return r;
}

static void assert_works(struct fixture *f)
{
    f->agent.handler = echo;
    f->agent.own_hello = false;
    assert_int_equal(sign_text(f, "works"), 0);
}

static void test_one_connection_serves_many_questions(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 100; i++)
        assert_int_equal(sign_text(f, "again"), 0);
    assert_int_equal(f->agent.n_connections, 1);
}

/* Welcomes only once the first request has come as well. */
static bool wait_for_both(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    static struct cs_frame hello;

    if (frame->type == CS_MSG_HELLO) {
        hello = *frame;
        return true;
    }
    return fake_welcome(fd, &hello) && echo(agent, fd, frame);
}

static void test_a_cold_question_waits_once(void **state)
{
    struct fixture *f = *state;

    f->agent.handler = wait_for_both;
    f->agent.own_hello = true;
    assert_int_equal(sign_text(f, "cold"), 0);
}

static bool drip(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    int pair[2];
    uint8_t bytes[4096];
    ssize_t n;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    echo(agent, pair[0], frame);
    n = recv(pair[1], bytes, sizeof(bytes), 0);
    close(pair[0]);
    close(pair[1]);
    for (ssize_t i = 0; i < n; i++)
        if (!fake_send(fd, bytes + i, 1))
            return false;
    return true;
}

static void test_replies_may_come_byte_by_byte(void **state)
{
    struct fixture *f = *state;

    f->agent.handler = drip;
    f->agent.own_hello = true;
    assert_int_equal(sign_text(f, "drip"), 0);
    assert_int_equal(sign_text(f, "drop"), 0);
    assert_int_equal(f->agent.n_connections, 1);
}

/* What comes instead of a reply, or of WELCOME. */
static struct cs_bytes nonsense;

static bool talk_nonsense(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    (void)agent;
    (void)frame;
    return fake_send(fd, nonsense.data, nonsense.len);
}

static const struct {
    const char *bytes;
    size_t len;
} rubbish[] = {
#define RUBBISH(text)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
    RUBBISH("HTTP/1.1 400 Bad Request\r\n\r\n"),
    RUBBISH("\x00\x10\x00\x01\x80\x06\x00\x00\x00\x00\x00\x02"),             /* over the limit */
    RUBBISH("\x00\x00\x00\x00\x80\x06\x00\x01\x00\x00\x00\x02"),             /* flags */
    RUBBISH("\x00\x00\x00\x05\x80\x06\x00\x00\x00\x00\x00\x03\0\0\0\1x"),    /* wrong id */
    RUBBISH("\x00\x00\x00\x05\x80\x05\x00\x00\x00\x00\x00\x02\0\0\0\1x"),    /* wrong type */
    RUBBISH("\x00\x00\x00\x04\x80\x06\x00\x00\x00\x00\x00\x02\0\0\0\1"),     /* body too short */
    RUBBISH("\x00\x00\x00\x06\x80\x06\x00\x00\x00\x00\x00\x02\0\0\0\1xx"),   /* a byte left over */
    RUBBISH("\x00\x00\x00\x04\x80\x06\x00\x00\x00\x00\x00\x02\0\0\0\0"),     /* empty signature */
    RUBBISH("\x00\x00\x00\x05\x80\x06\x00\x00\x00\x00\x00\x02\0\0\0\1x!"),   /* more than asked */
    RUBBISH("\x00\x00\x00\x06\xff\xff\x00\x00\x00\x00\x00\x02\0\0\0\0\0\0"), /* ERROR 0 */
    RUBBISH("\x00\x00\x00\x07\xff\xff\x00\x00\x00\x00\x00\x02\0\1\0\0\0\1\xff"), /* not UTF-8 */
};

static void test_nonsense_ends_the_connection_and_nothing_else(void **state)
{
    struct fixture *f = *state;

    for (int instead_of_welcome = 0; instead_of_welcome < 2; instead_of_welcome++)
        for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
            int before = f->agent.n_connections;

            /* A fresh connection, so that the ids are the ones above. */
            countersign_client_free(f->client);
            assert_int_equal(countersign_client_new(&f->client, "unit"), 0);
            nonsense = CS_BYTES(rubbish[i].bytes, rubbish[i].len);
            f->agent.own_hello = instead_of_welcome;
            f->agent.handler = talk_nonsense;
            assert_int_equal(sign_text(f, "x"), CS_ERR_PROTOCOL);
            assert_works(f);
            assert_int_equal(f->agent.n_connections, before + 2);
        }
}

static bool welcome_in_another_version(
    struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct cs_buf body = CS_BUF_INIT(64);
    bool sent;

    if (frame->type != CS_MSG_HELLO)
        return echo(agent, fd, frame);
    cs_msg_welcome_put(&body, &(struct cs_msg_welcome){.version = CS_PROTOCOL_VERSION + 1});
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

static void test_a_version_that_was_not_offered_is_refused(void **state)
{
    struct fixture *f = *state;

    f->agent.handler = welcome_in_another_version;
    f->agent.own_hello = true;
    assert_int_equal(sign_text(f, "x"), CS_ERR_PROTOCOL);
    assert_works(f);
}

/* Nothing is under way then, so it answers no question. */
static void test_what_comes_between_two_questions_ends_the_connection(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(sign_text(f, "before"), 0);
    assert_true(fake_send(f->agent.fds[0], rubbish[0].bytes, rubbish[0].len));
    assert_works(f);
    assert_int_equal(f->agent.n_connections, 2);
}

static bool hang_up(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    (void)agent;
    (void)frame;
    return fake_send(fd, "\0\0\0\5\x80\6", 6) && false;
}

static bool hang_up_once(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    if (agent->n_requests == 1)
        return hang_up(agent, fd, frame);
    return echo(agent, fd, frame);
}

static void test_a_question_is_repeated_once_when_the_agent_hangs_up(void **state)
{
    struct fixture *f = *state;

    f->agent.handler = hang_up_once;
    assert_int_equal(sign_text(f, "twice"), 0);
    assert_int_equal(f->agent.n_requests, 2);
    f->agent.handler = hang_up;
    f->agent.n_requests = 0;
    assert_int_equal(sign_text(f, "never"), CS_ERR_CLOSED);
    assert_non_null(strstr(f->fault.text, f->agent.path));
    assert_int_equal(f->agent.n_requests, 2);
    assert_works(f);
}

static void test_an_agent_may_restart_between_two_questions(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(sign_text(f, "before"), 0);
    fake_agent_stop(&f->agent);
    assert_int_equal(sign_text(f, "gone"), CS_ERR_NO_AGENT);
    fake_agent_restart(&f->agent);
    assert_int_equal(sign_text(f, "after"), 0);
    fake_agent_stop(&f->agent);
    fake_agent_restart(&f->agent);
    assert_int_equal(sign_text(f, "after"), 0);
}

static void test_without_an_agent_the_error_says_how_to_start_it(void **state)
{
    struct fixture *f = *state;

    f->agent.keep_socket = true; /* a crashed agent leaves its socket: connection refused */
    for (int stale = 1; stale >= 0; stale--) {
        fake_agent_stop(&f->agent);
        if (!stale)
            unlink(f->agent.path);
        assert_int_equal(sign_text(f, "x"), CS_ERR_NO_AGENT);
        assert_non_null(strstr(f->fault.text, f->agent.path));
        assert_non_null(strstr(f->fault.text, "systemctl --user start countersign-agent.socket"));
        fake_agent_restart(&f->agent);
    }
}

static void test_a_bad_socket_path_is_an_error_of_the_question(void **state)
{
    static const char *const paths[] = {"agent.sock",
        "/far/too/long/far/too/long/far/too/long/far/too/long/far/too/long/far/too/long/far/too/"
        "long/far/too/long/agent.sock"};
    static const int codes[] = {CS_ERR_INVALID, CS_ERR_TOO_LARGE};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        setenv("COUNTERSIGN_SOCKET", paths[i], 1);
        countersign_client_free(f->client);
        assert_int_equal(countersign_client_new(&f->client, "unit"), 0);
        assert_int_equal(sign_text(f, "x"), codes[i]);
        assert_non_null(strstr(f->fault.text, "COUNTERSIGN_SOCKET"));
    }
}

static void test_another_users_socket_is_refused(void **state)
{
    struct fixture *f = *state;

    if (geteuid() != 0) {
        print_message("needs root to be two users\n");
        skip();
    }
    assert_int_equal(chmod(f->agent.directory, 0777), 0);
    fake_agent_stop(&f->agent);
    assert_int_equal(seteuid(65534), 0);
    fake_agent_restart(&f->agent); /* the kernel remembers who called listen */
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(sign_text(f, "secret"), CS_ERR_WRONG_USER);
    assert_non_null(strstr(f->fault.text, "belongs to uid 65534, you are uid 0"));
    assert_int_equal(f->agent.n_requests, 0);

    assert_int_equal(chmod(f->agent.directory, 0700), 0);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(sign_text(f, "secret"), CS_ERR_WRONG_USER);
    assert_int_equal(seteuid(0), 0);
    assert_non_null(strstr(f->fault.text, "belongs to uid 0, you are uid 65534"));

    /* Root could listen to everything anyway: systemd may hold the socket for the user. */
    assert_int_equal(chmod(f->agent.directory, 0777), 0);
    fake_agent_stop(&f->agent);
    fake_agent_restart(&f->agent);
    assert_int_equal(chmod(f->agent.path, 0777), 0);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(sign_text(f, "secret"), 0);
    assert_int_equal(seteuid(0), 0);
}

static void test_a_forked_child_dials_anew(void **state)
{
    struct fixture *f = *state;
    int status;
    pid_t pid;

    assert_int_equal(sign_text(f, "parent"), 0);
    for (int i = 0; i < 3; i++) {
        pid = fork();
        if (pid == 0)
            _exit(sign_text(f, "child") == 0 ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(sign_text(f, "parent"), 0);
    }
    assert_int_equal(f->agent.n_connections, 4); /* the parent kept its one */
}

static void *sign_often(void *argument)
{
    struct fixture *f = argument;
    struct countersign_fault fault;

    for (unsigned i = 0; i < 50; i++) {
        unsigned data[2] = {i, (unsigned)(uintptr_t)&fault};
        uint8_t signature[16];
        size_t len = sizeof(signature);

        if (countersign_sign(f->client, some_id, 0x0403, CS_INPUT_MESSAGE, data, sizeof(data),
                signature, &len, &fault) < 0 ||
            len != sizeof(data) || memcmp(data, signature, len) != 0)
            return f;
    }
    return NULL;
}

static void test_eight_threads_share_a_client_while_the_process_forks(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[8];

    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_often, f), 0);
    for (int i = 0; i < 8; i++) {
        pid_t pid = fork();
        int status;

        if (pid == 0)
            _exit(sign_text(f, "child") == 0 ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *wrong;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_true(f->agent.n_connections > 8 && f->agent.n_connections <= 16);
}

static bool refuse(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    uint32_t id = agent->own_hello ? 0 : frame->id;
    int code = *(int *)agent->data;

    return fake_error(fd, id, code, code == -999 ? "" : "the agent's sentence") && id != 0;
}

static void test_an_error_of_the_agent_is_passed_on(void **state)
{
    struct fixture *f = *state;
    int code = CS_ERR_LOCKED;

    f->agent.data = &code;
    f->agent.handler = refuse;
    assert_int_equal(sign_text(f, "x"), CS_ERR_LOCKED);
    assert_string_equal(f->fault.text, "the agent's sentence");
    code = -999; /* of a newer agent, and without a sentence */
    assert_int_equal(sign_text(f, "x"), CS_ERR_PROTOCOL);
    assert_works(f);
    assert_int_equal(sign_text(f, "no fault"), 0);
}

static void test_an_agent_may_refuse_the_connection(void **state)
{
    struct fixture *f = *state;
    int code = CS_ERR_BUSY;

    f->agent.data = &code;
    f->agent.handler = refuse;
    f->agent.own_hello = true;
    assert_int_equal(sign_text(f, "x"), CS_ERR_BUSY);
    assert_int_equal(f->agent.n_connections, 1);
    assert_works(f);
    assert_int_equal(f->agent.n_connections, 2);
}

static bool read_pin(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    static const char labels[] = "\0\0\0\1\0\0\0\4corp";
    struct cs_msg_unlock unlock;
    char pin[8] = "";

    assert_int_equal(frame->type, CS_MSG_UNLOCK);
    assert_int_equal(cs_msg_unlock_get(frame->body, &unlock), 0);
    assert_int_equal(unlock.how, CS_UNLOCK_FD);
    assert_true(agent->passed >= 0);
    assert_int_equal(read(agent->passed, pin, sizeof(pin)), 4);
    close(agent->passed);
    agent->passed = -1;
    if (cs_bytes_equal(unlock.token, cs_bytes_of("broken")))
        return false;
    return fake_reply(fd, frame, CS_BYTES(labels, sizeof(labels) - 1));
}

static int unlock_with_pin(struct fixture *f, const char *token, struct countersign_list **labelsp)
{
    int ends[2], r;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "1234", 4), 4);
    close(ends[1]);
    r = countersign_unlock(f->client, token, CS_UNLOCK_FD, ends[0], labelsp, &f->fault);
    assert_int_equal(close(ends[0]), 0); /* still ours */
    return r;
}

static void test_a_descriptor_is_passed_and_never_twice(void **state)
{
    struct fixture *f = *state;
    struct countersign_list *labels = NULL;

    f->agent.handler = read_pin;
    assert_int_equal(unlock_with_pin(f, NULL, &labels), 0); /* behind HELLO */
    assert_int_equal(countersign_list_n(labels), 1);
    assert_string_equal(countersign_list_label(labels, 0), "corp");
    assert_null(countersign_list_label(labels, 1));
    assert_null(countersign_list_token(labels, 0));
    countersign_list_free(labels);
    assert_int_equal(unlock_with_pin(f, "corp", NULL), 0); /* on the idle connection */
    f->agent.n_requests = 0;
    assert_int_equal(unlock_with_pin(f, "broken", NULL), CS_ERR_CLOSED);
    assert_int_equal(f->agent.n_requests, 1);
    assert_int_equal(unlock_with_pin(f, "corp", NULL), 0);
}

/* Says which name came. */
static bool repeat_name(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct cs_msg_resolve resolve;
    struct cs_msg_lock lock;
    struct cs_msg_unlock unlock;
    char name[64];

    (void)agent;
    if (frame->type == CS_MSG_HELLO)
        return fake_welcome(fd, frame);
    if (frame->type == CS_MSG_RESOLVE) {
        assert_int_equal(cs_msg_resolve_get(frame->body, &resolve), 0);
        lock.token = resolve.name;
    } else if (frame->type == CS_MSG_UNLOCK || frame->type == CS_MSG_PIN_CHANGE) {
        assert_int_equal(cs_msg_unlock_get(frame->body, &unlock), 0);
        lock.token = unlock.token;
    } else {
        assert_int_equal(cs_msg_lock_get(frame->body, &lock), 0);
    }
    snprintf(name, sizeof(name), "%.*s", (int)lock.token.len, (const char *)lock.token.data);
    return fake_error(fd, frame->id, CS_ERR_NOT_FOUND, name);
}

static void test_a_pin_in_a_uri_stays_here(void **state)
{
    struct fixture *f = *state;
    struct countersign_identity *identity;

    f->agent.handler = repeat_name;
    assert_int_equal(countersign_resolve(f->client, "pkcs11:object=a?pin-value=1234", CS_EXPECT_KEY,
                         &identity, &f->fault),
        CS_ERR_NOT_FOUND);
    assert_string_equal(f->fault.text, "pkcs11:object=a");
    assert_int_equal(countersign_lock(f->client, "pkcs11:token=a?pin-source=x", NULL, &f->fault),
        CS_ERR_NOT_FOUND);
    assert_string_equal(f->fault.text, "pkcs11:token=a");
    assert_int_equal(
        countersign_unlock(f->client, "pkcs11:token=b?pin-value=1", 0, -1, NULL, &f->fault),
        CS_ERR_NOT_FOUND);
    assert_string_equal(f->fault.text, "pkcs11:token=b");
    assert_int_equal(
        countersign_change_pin(f->client, "pkcs11:token=c?pin-value=1", 0, -1, -1, NULL, &f->fault),
        CS_ERR_NOT_FOUND);
    assert_string_equal(f->fault.text, "pkcs11:token=c");
    assert_int_equal(countersign_lock(f->client, "PKCS11:token=d?pin-value=1", NULL, &f->fault),
        CS_ERR_NOT_FOUND);
    assert_string_equal(f->fault.text, "PKCS11:token=d");
    assert_int_equal(countersign_lock(f->client, "pkcs11:pin-value=1;token=e", NULL, &f->fault),
        CS_ERR_NOT_FOUND);
    assert_string_equal(f->fault.text, "pkcs11:token=e");
    assert_int_equal(countersign_lock(f->client, "what?", NULL, &f->fault), CS_ERR_NOT_FOUND);
    assert_string_equal(f->fault.text, "what?");
}

static void test_nothing_is_packed_beyond_the_room(void **state)
{
    struct cs_pack pack;
    uint8_t *block = cs_pack_new(&pack, 0, 4);

    (void)state;
    assert_int_equal(cs_pack_bytes(&pack, cs_bytes_of("abcd")).len, 0);
    assert_string_equal(cs_pack_string(&pack, cs_bytes_of("abc")), "abc");
    assert_int_equal(cs_pack_bytes(&pack, cs_bytes_of("")).len, 0);
    assert_int_equal(pack.left, 0);
    free(block);
}

static void test_room_and_arguments_are_checked(void **state)
{
    struct fixture *f = *state;
    struct countersign_identity *identity = NULL;
    uint8_t signature[4] = {0};
    size_t len = sizeof(signature);

    assert_int_equal(countersign_sign(f->client, some_id, 1, CS_INPUT_MESSAGE, "12345", 5,
                         signature, &len, NULL),
        CS_ERR_TOO_LARGE);
    assert_int_equal(len, sizeof(signature));
    assert_int_equal(signature[0], 0);
    assert_int_equal(
        countersign_sign(f->client, some_id, 1, 7, "1", 1, signature, &len, NULL), CS_ERR_INVALID);
    assert_int_equal(
        countersign_resolve(f->client, "\xff", 0, &identity, &f->fault), CS_ERR_INVALID);
    assert_int_equal(countersign_resolve(f->client, "x", 9, &identity, NULL), CS_ERR_INVALID);
    assert_int_equal(
        countersign_unlock(f->client, NULL, CS_UNLOCK_FD, -1, NULL, NULL), CS_ERR_INVALID);
    assert_null(identity);
    assert_int_equal(f->agent.n_requests, 1);
    countersign_client_free(NULL);
    countersign_identity_free(NULL);
    countersign_list_free(NULL);
    countersign_status_free(NULL);
}

static void test_a_request_over_the_limit_never_leaves(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = calloc(1, CS_FRAME_MAX + 1), *back = calloc(1, CS_FRAME_MAX);
    size_t len = CS_FRAME_MAX;

    assert_int_equal(countersign_sign(f->client, some_id, 1, CS_INPUT_MESSAGE, data,
                         CS_FRAME_MAX + 1, back, &len, &f->fault),
        CS_ERR_TOO_LARGE);
    assert_int_equal(f->agent.n_connections, 0);
    assert_int_equal(countersign_sign(f->client, some_id, 1, CS_INPUT_MESSAGE, data,
                         CS_FRAME_MAX - 100, back, &len, &f->fault),
        0);
    assert_int_equal(len, CS_FRAME_MAX - 100);
    free(data);
    free(back);
}

static void test_hello_carries_the_terminal_and_nothing_broken(void **state)
{
    struct fixture *f = *state;
    struct cs_msg_hello hello;
    bool tty = false;

    setenv("GPG_TTY", "/dev/pts/7", 1);
    setenv("DISPLAY", "\xff", 1);
    setenv("SECRET", "no", 1);
    countersign_client_free(f->client);
    assert_int_equal(countersign_client_new(&f->client, "bad\xffname"), 0);
    assert_int_equal(sign_text(f, "x"), 0);
    assert_int_equal(cs_msg_hello_get(cs_buf_bytes(&f->agent.hello), &hello), 0);
    assert_true(cs_bytes_equal(hello.program, cs_bytes_of("?")));
    for (uint32_t i = 0; i < hello.environment.n; i++) {
        assert_false(cs_bytes_equal(hello.environment.entries[i].name, cs_bytes_of("SECRET")));
        assert_false(cs_bytes_equal(hello.environment.entries[i].name, cs_bytes_of("DISPLAY")));
        tty |= cs_bytes_equal(hello.environment.entries[i].value, cs_bytes_of("/dev/pts/7"));
    }
    assert_true(tty);
    unsetenv("GPG_TTY");
    unsetenv("DISPLAY");
}

static void test_closed_standard_descriptors_stay_closed(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        close(0);
        _exit(sign_text(f, "x") == 0 && write(0, "x", 1) < 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* As a daemon begins: closes what it was left, and opens files of its own under the same numbers.
 */
static void open_own(int *mine, size_t n)
{
    closefrom(3);
    for (size_t i = 0; i < n; i++)
        mine[i] = socket(AF_UNIX, SOCK_STREAM, 0);
}

static bool are_open(const int *mine, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fcntl(mine[i], F_GETFD) < 0)
            return false;
    return true;
}

/* As a program locks itself in once it has all that it needs. */
static void test_a_connection_outlives_a_limit_on_descriptors(void **state)
{
    struct fixture *f = *state;
    struct rlimit usual, none;

    assert_int_equal(sign_text(f, "free"), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = (struct rlimit){0, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(sign_text(f, "locked in"), 0);
    assert_int_equal(sign_text(f, "for good"), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(f->agent.n_connections, 1);
}

static void test_what_took_the_number_of_a_connection_is_let_alone(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(sign_text(f, "parent"), 0);
    for (int daemon = 0; daemon < 2; daemon++) {
        pid_t child = fork(), grandchild;
        int status;

        if (child == 0) {
            int mine[64];

            /* With a connection of this process's own, and with one of its parent's. */
            if (sign_text(f, "child") < 0)
                _exit(1);
            grandchild = daemon ? fork() : 0;
            if (grandchild > 0)
                _exit(waitpid(grandchild, &status, 0) == grandchild ? status : 2);
            open_own(mine, 64);
            if (sign_text(f, "daemon") < 0)
                _exit(3);
            countersign_client_free(f->client);
            _exit(are_open(mine, 64) ? 0 : 4);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    assert_int_equal(sign_text(f, "parent"), 0);
}

/* While it is still being sent to, with more than a socket takes at once. */
static void test_an_agent_that_hangs_up_raises_no_signal(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = calloc(1, CS_FRAME_MAX), signature[1024];
    size_t len = sizeof(signature);

    f->agent.handler = hang_up;
    f->agent.own_hello = true;
    assert_int_equal(countersign_sign(f->client, some_id, 1, CS_INPUT_MESSAGE, data,
                         CS_FRAME_MAX - 100, signature, &len, &f->fault),
        CS_ERR_CLOSED);
    free(data);
    assert_works(f);
}

static void test_what_the_program_starts_inherits_no_socket(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    int n = 0;

    assert_int_equal(sign_text(f, "x"), 0);
    for (int fd = 3; fd < 256; fd++) {
        if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
            continue;
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        n++;
    }
    assert_true(n >= 3); /* ours, and the agent's two */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_connection_serves_many_questions),
        TEST(test_a_cold_question_waits_once),
        TEST(test_replies_may_come_byte_by_byte),
        TEST(test_nonsense_ends_the_connection_and_nothing_else),
        TEST(test_a_version_that_was_not_offered_is_refused),
        TEST(test_what_comes_between_two_questions_ends_the_connection),
        TEST(test_a_question_is_repeated_once_when_the_agent_hangs_up),
        TEST(test_an_agent_may_restart_between_two_questions),
        TEST(test_without_an_agent_the_error_says_how_to_start_it),
        TEST(test_a_bad_socket_path_is_an_error_of_the_question),
        TEST(test_another_users_socket_is_refused),
        TEST(test_a_forked_child_dials_anew),
        TEST(test_eight_threads_share_a_client_while_the_process_forks),
        TEST(test_an_error_of_the_agent_is_passed_on),
        TEST(test_an_agent_may_refuse_the_connection),
        TEST(test_a_descriptor_is_passed_and_never_twice),
        TEST(test_a_pin_in_a_uri_stays_here),
        TEST(test_nothing_is_packed_beyond_the_room),
        TEST(test_room_and_arguments_are_checked),
        TEST(test_a_request_over_the_limit_never_leaves),
        TEST(test_hello_carries_the_terminal_and_nothing_broken),
        TEST(test_closed_standard_descriptors_stay_closed),
        TEST(test_a_connection_outlives_a_limit_on_descriptors),
        TEST(test_what_took_the_number_of_a_connection_is_let_alone),
        TEST(test_an_agent_that_hangs_up_raises_no_signal),
        TEST(test_what_the_program_starts_inherits_no_socket),
    };

    signal(SIGPIPE, SIG_DFL);
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
