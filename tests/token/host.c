/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's side of the link, strict: what an agent would not accept fails the test. */
#include "host.h"
#include "base/cleanup.h"
#include "talk.h"

#include <countersign/error.h>
#include <countersign/protocol.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PATIENCE_MS 30000

void host_spawn(struct host *host, const char *module, const char *init_args)
{
    const char *argv[] = {TOKEN_HOST, "--talk", CS_TALK_VERSION, "--name", "test", "--module",
        module, init_args ? "--init-args" : NULL, init_args, NULL};
    int fds[2];

    memset(host, 0, sizeof(*host));
    host->in = CS_BUF_INIT(64u << 20);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    fflush(NULL);
    host->pid = fork();
    assert_true(host->pid >= 0);
    if (host->pid == 0) {
        /* Standard output is the test's TAP. */
        dup2(STDERR_FILENO, STDOUT_FILENO);
        if (fds[1] == 3)
            fcntl(3, F_SETFD, 0);
        else
            dup2(fds[1], 3);
        execv(TOKEN_HOST, (char *const *)argv);
        _exit(98);
    }
    close(fds[1]);
    host->fd = fds[0];
}

/* Takes the descriptors, two at most. */
static void send_with(struct host *host, struct cs_buf *buf, const int *fds, size_t n)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = buf->data, .iov_len = buf->len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    assert_int_equal(buf->error, 0);
    if (n > 0) {
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
    }
    assert_int_equal(sendmsg(host->fd, &msg, MSG_NOSIGNAL), (ssize_t)buf->len);
    while (n > 0)
        close(fds[--n]);
    cs_buf_deinit(buf);
}

static void send_frame(struct host *host, struct cs_buf *buf)
{
    send_with(host, buf, NULL, 0);
}

void host_configure(struct host *host, const struct cs_host_configure *configure)
{
    static const struct cs_host_configure nothing;
    struct cs_buf buf = CS_BUF_INIT(65536);
    size_t frame = cs_frame_begin(&buf, CS_HOST_CONFIGURE, 0);

    cs_host_configure_put(&buf, configure ? configure : &nothing);
    cs_frame_end(&buf, frame);
    send_frame(host, &buf);
}

/* 1: a frame; 0: the end. */
static int receive(struct host *host, struct cs_frame *frame, size_t *sizep)
{
    for (;;) {
        struct pollfd pfd = {.fd = host->fd, .events = POLLIN};
        int r = cs_frame_parse(cs_buf_bytes(&host->in), frame, sizep);
        ssize_t n;

        assert_true(r >= 0);
        if (r > 0)
            return 1;
        assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
        n = recv(host->fd, cs_buf_extend(&host->in, 65536), 65536, 0);
        host->in.len -= 65536 - (n > 0 ? (size_t)n : 0);
        if (n <= 0)
            return 0;
    }
}

static struct host_token *by_slot(struct host *host, uint32_t slot)
{
    for (size_t i = 0; i < host->n_tokens; i++)
        if (host->tokens[i].slot == slot)
            return &host->tokens[i];
    return NULL;
}

static void copy_text(char *text, size_t size, struct cs_bytes bytes)
{
    snprintf(text, size, "%.*s", (int)bytes.len, bytes.data ? (const char *)bytes.data : "");
}

static void drop_objects(struct host_token *token)
{
    for (size_t i = 0; i < token->n_objects; i++) {
        free((void *)token->objects[i].label.data);
        free((void *)token->objects[i].cka_id.data);
        free((void *)token->objects[i].value.data);
    }
    token->n_objects = 0;
}

static void take_begin(struct host *host, struct cs_bytes body)
{
    struct cs_host_token m;
    struct host_token *token;

    assert_int_equal(cs_host_token_get(body, &m), 0);
    token = by_slot(host, m.slot);
    if (!token) {
        assert_true(host->n_tokens < HOST_TOKENS_MAX);
        token = &host->tokens[host->n_tokens++];
    }
    assert_false(token->gone);
    token->slot = m.slot;
    token->flags = m.flags;
    token->since = m.since;
    copy_text(token->label, sizeof(token->label), m.label);
    copy_text(token->why, sizeof(token->why), m.why);
    drop_objects(token);
}

static struct cs_bytes keep(struct cs_bytes bytes)
{
    return CS_BYTES(cs_bytes_dup(bytes), bytes.len);
}

static void take_object(struct host *host, struct cs_bytes body)
{
    struct cs_host_object m;
    struct host_token *token;

    assert_int_equal(cs_host_object_get(body, &m), 0);
    token = by_slot(host, m.slot);
    assert_non_null(token);
    assert_true(token->n_objects < HOST_OBJECTS_MAX);
    token->objects[token->n_objects++] = (struct host_object){.object_class = m.object_class,
        .key_type = m.key_type,
        .flags = m.flags,
        .label = keep(m.label),
        .cka_id = keep(m.cka_id),
        .value = keep(m.value)};
}

static void take_state(struct host *host, struct cs_bytes body)
{
    struct cs_host_token_state m;
    struct host_token *token;

    assert_int_equal(cs_host_token_state_get(body, &m), 0);
    token = by_slot(host, m.slot);
    assert_non_null(token);
    token->flags = m.flags;
    token->since = m.since;
    copy_text(token->why, sizeof(token->why), m.why);
}

static struct host_token *take_number(struct host *host, struct cs_bytes body)
{
    struct host_token *token;
    uint32_t slot;

    assert_int_equal(cs_host_number_get(body, &slot), 0);
    token = by_slot(host, slot);
    assert_non_null(token);
    return token;
}

/* One that was never whole was none. */
static void take_gone(struct host *host, struct host_token *token)
{
    token->gone = true;
    if (token->reports > 0)
        return;
    host->n_void++;
    drop_objects(token);
    *token = host->tokens[--host->n_tokens];
    memset(&host->tokens[host->n_tokens], 0, sizeof(*token));
}

static void take_report(struct host *host, const struct cs_frame *frame)
{
    struct cs_host_refused refused;
    struct cs_host_tried tried;
    struct cs_host_trouble trouble;
    struct cs_host_ready ready;

    switch (frame->type) {
    case CS_HOST_READY:
        assert_int_equal(cs_host_ready_get(frame->body, &ready), 0);
        host->ready = true;
        break;
    case CS_HOST_SCANNED:
        assert_true(host->ready);
        host->scanned = true;
        break;
    case CS_HOST_TOKEN_BEGIN:
        take_begin(host, frame->body);
        break;
    case CS_HOST_OBJECT:
        take_object(host, frame->body);
        break;
    case CS_HOST_TOKEN_END:
        take_number(host, frame->body)->reports++;
        break;
    case CS_HOST_TOKEN_STATE:
        take_state(host, frame->body);
        break;
    case CS_HOST_TOKEN_GONE:
        take_gone(host, take_number(host, frame->body));
        break;
    case CS_HOST_PIN_REFUSED:
        assert_int_equal(cs_host_refused_get(frame->body, &refused), 0);
        assert_int_equal(refused.failed.code, CS_ERR_PIN_INCORRECT);
        break;
    case CS_HOST_TROUBLE:
        assert_int_equal(cs_host_trouble_get(frame->body, &trouble), 0);
        copy_text(host->trouble, sizeof(host->trouble), trouble.text);
        break;
    case CS_HOST_PIN_TRIED:
        assert_int_equal(cs_host_tried_get(frame->body, &tried), 0);
        break;
    default:
        fail_msg("a report of type 0x%04x", frame->type);
    }
}

static void take_answer(const struct cs_frame *frame, struct host_answer *answer)
{
    struct cs_host_failed failed;
    struct cs_msg_signed done;

    *answer = (struct host_answer){.type = frame->type};
    switch (frame->type) {
    case CS_HOST_DONE:
        assert_int_equal(frame->body.len, 0);
        break;
    case CS_HOST_SIGNED:
        assert_int_equal(cs_msg_signed_get(frame->body, &done), 0);
        assert_true(done.signature.len <= sizeof(answer->signature));
        memcpy(answer->signature, done.signature.data, done.signature.len);
        answer->signature_len = done.signature.len;
        break;
    case CS_HOST_FAILED:
        assert_int_equal(cs_host_failed_get(frame->body, &failed), 0);
        answer->code = failed.code;
        answer->ckr = failed.ckr;
        copy_text(answer->text, sizeof(answer->text), failed.text);
        break;
    default:
        fail_msg("an answer of type 0x%04x", frame->type);
    }
}

/* The id of the answer that came, 0 for a report, -1 at the end. */
static int64_t step(struct host *host, struct host_answer *answer)
{
    struct cs_frame frame;
    size_t size;
    int64_t id;

    if (!receive(host, &frame, &size))
        return -1;
    id = frame.id;
    if (id != 0 || frame.type == CS_HOST_FAILED)
        take_answer(&frame, answer);
    else
        take_report(host, &frame);
    cs_buf_consume(&host->in, size);
    return id;
}

struct host_answer host_next_answer(struct host *host, uint32_t *idp)
{
    struct host_answer answer;
    int64_t id;

    do
        id = step(host, &answer);
    while (id == 0);
    assert_true(id > 0);
    *idp = (uint32_t)id;
    return answer;
}

struct host_answer host_first_answer(struct host *host)
{
    struct host_answer answer = {.type = 0};

    while (answer.type == 0)
        assert_int_equal(step(host, &answer), 0);
    return answer;
}

struct host_answer host_answer(struct host *host, uint32_t id)
{
    uint32_t got;
    struct host_answer answer = host_next_answer(host, &got);

    assert_int_equal(got, id);
    return answer;
}

void host_wait_scanned(struct host *host)
{
    struct host_answer answer;

    while (!host->scanned)
        assert_int_equal(step(host, &answer), 0);
}

void host_wait_gone(struct host *host, const struct host_token *token)
{
    struct host_answer answer;

    while (!token->gone)
        assert_int_equal(step(host, &answer), 0);
}

void host_wait_unlocked(struct host *host, const struct host_token *token)
{
    struct host_answer answer;

    while (!(token->flags & CS_TOKEN_UNLOCKED))
        assert_int_equal(step(host, &answer), 0);
}

void host_start(struct host *host, const char *module, const struct cs_host_configure *configure)
{
    host_spawn(host, module, NULL);
    host_configure(host, configure);
    host_wait_scanned(host);
}

static int reap(struct host *host)
{
    int status = -1;

    /* A host that does not end would hang the test. */
    for (int i = 0; i < PATIENCE_MS / 10; i++) {
        if (waitpid(host->pid, &status, WNOHANG) == host->pid)
            break;
        if (i == PATIENCE_MS / 10 - 1)
            kill(host->pid, SIGKILL);
        poll(NULL, 0, 10);
    }
    for (size_t i = 0; i < host->n_tokens; i++)
        drop_objects(&host->tokens[i]);
    cs_buf_deinit(&host->in);
    return status;
}

int host_stop(struct host *host)
{
    close(host->fd);
    return reap(host);
}

int host_wait_end(struct host *host)
{
    struct host_answer answer;

    while (step(host, &answer) >= 0)
        ;
    close(host->fd);
    return reap(host);
}

struct host_token *host_token(struct host *host, const char *label)
{
    for (size_t i = 0; i < host->n_tokens; i++)
        if (strcmp(host->tokens[i].label, label) == 0 && !host->tokens[i].gone)
            return &host->tokens[i];
    fail_msg("there is no token %s", label);
    return NULL;
}

size_t host_count(const struct host_token *token, uint8_t object_class)
{
    size_t n = 0;

    for (size_t i = 0; i < token->n_objects; i++)
        n += token->objects[i].object_class == object_class;
    return n;
}

static uint32_t ask_with_pins(struct host *host, enum cs_host_message_type type,
    const struct cs_host_login_request *m, const int *fds, size_t n)
{
    struct cs_buf buf = CS_BUF_INIT(65536);
    size_t frame = cs_frame_begin(&buf, (uint16_t)type, ++host->last_id);

    cs_host_login_put(&buf, m);
    cs_frame_end(&buf, frame);
    send_with(host, &buf, fds, n);
    return host->last_id;
}

uint32_t host_ask_login(struct host *host, const struct cs_host_login_request *m, int fd)
{
    return ask_with_pins(host, CS_HOST_LOGIN, m, &fd, fd >= 0 ? 1 : 0);
}

uint32_t host_ask_pin_change(
    struct host *host, const struct cs_host_login_request *m, const int fds[2])
{
    return ask_with_pins(host, CS_HOST_PIN_CHANGE, m, fds, 2);
}

uint32_t host_ask_sign(struct host *host, const struct cs_host_sign_request *m)
{
    struct cs_buf buf = CS_BUF_INIT(1 << 20);
    size_t frame = cs_frame_begin(&buf, CS_HOST_SIGN, ++host->last_id);

    cs_host_sign_put(&buf, m);
    cs_frame_end(&buf, frame);
    send_frame(host, &buf);
    return host->last_id;
}

uint32_t host_ask(struct host *host, uint16_t type)
{
    struct cs_buf buf = CS_BUF_INIT(64);
    size_t frame = cs_frame_begin(&buf, type, ++host->last_id);

    cs_frame_end(&buf, frame);
    send_frame(host, &buf);
    return host->last_id;
}

void host_cancel(struct host *host, uint32_t id)
{
    struct cs_buf buf = CS_BUF_INIT(64);
    size_t frame = cs_frame_begin(&buf, CS_HOST_CANCEL, 0);

    cs_host_number_put(&buf, id);
    cs_frame_end(&buf, frame);
    send_frame(host, &buf);
}

int host_pin_fd(const char *pin)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], pin, strlen(pin)), (ssize_t)strlen(pin));
    close(fds[1]);
    return fds[0];
}

struct host_answer host_login(struct host *host, struct host_token *token, const char *pin)
{
    struct cs_host_login_request m = {
        .slot = token->slot, .how = CS_HOST_LOGIN_FD, .on_request = 1};

    return host_answer(host, host_ask_login(host, &m, host_pin_fd(pin)));
}

struct host_answer host_login_auto(struct host *host, struct host_token *token, bool on_request)
{
    struct cs_host_login_request m = {
        .slot = token->slot, .how = CS_HOST_LOGIN_AUTO, .on_request = on_request};

    return host_answer(host, host_ask_login(host, &m, -1));
}

uint32_t host_ask_logout(struct host *host, const struct cs_host_logout_request *m)
{
    struct cs_buf buf = CS_BUF_INIT(4096);
    size_t frame = cs_frame_begin(&buf, CS_HOST_LOGOUT, ++host->last_id);

    cs_host_logout_put(&buf, m);
    cs_frame_end(&buf, frame);
    send_frame(host, &buf);
    return host->last_id;
}

struct host_answer host_logout(struct host *host, struct host_token *token, bool hold)
{
    struct cs_host_logout_request m = {
        .slot = token->slot, .hold = hold, .why = cs_bytes_of("locked by the test")};

    return host_answer(host, host_ask_logout(host, &m));
}

struct host_answer host_refresh(struct host *host)
{
    return host_answer(host, host_ask(host, CS_HOST_REFRESH));
}

struct host_answer host_sign(struct host *host, struct host_token *token, struct cs_bytes spki,
    struct cs_bytes id, uint16_t scheme, struct cs_bytes data)
{
    struct cs_host_sign_request m = {
        .slot = token->slot, .spki = spki, .cka_id = id, .scheme = scheme, .data = data};

    return host_answer(host, host_ask_sign(host, &m));
}
