/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One countersign-prompt, from the loop: request and answer pass one socketpair, which is its
 * standard input and output, and the answer counts when the process has ended well. Invariant: it
 * leads a group of its own, which is gone when it is reaped; the question is freed when its last
 * handle is closed. Called by consent.c.
 */
#include "consent/question.h"
#include "talk.h"
#include "text.h"
#include "base/cleanup.h"
#include "prompt/ask.h"

#include <countersign/error.h>
#include <signal.h>
#include <sys/socket.h>

#define GRACE 10000 /* milliseconds: the prompt keeps the person's time itself */
#define KILL 1000   /* to go by itself, once told */
#define ANSWER_MAX 1024

struct cs_question {
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    unsigned n_open; /* handles */
    bool running, over;
    char answer[ANSWER_MAX]; /* a verdict, then a sentence */
    size_t len;
    int status; /* of its exit; -1: it was killed */
    cs_question_done *done;
    void *user;
};

static void on_closed(uv_handle_t *handle)
{
    struct cs_question *question = handle->data;

    if (--question->n_open == 0)
        free(question);
}

static void close_all(struct cs_question *question)
{
    uv_close((uv_handle_t *)&question->process, on_closed);
    uv_close((uv_handle_t *)&question->pipe, on_closed);
    uv_close((uv_handle_t *)&question->timer, on_closed);
}

static void tell(struct cs_question *question, int code, bool for_session, const char *text)
{
    cs_question_done *done = question->done;

    question->done = NULL;
    if (done)
        done(question->user, code, for_session, text);
}

static void judge(struct cs_question *question)
{
    const char *text = question->len > 1 ? question->answer + 1 : "";

    question->answer[question->len] = '\0';
    if (question->len == 0 || question->status != 0) {
        char silent[CS_TEXT_MAX];

        cs_ask_explain_silence(question->status, silent, sizeof(silent));
        tell(question, CS_ERR_LOCKED, false, silent);
        return;
    }
    switch (question->answer[0]) {
    case CS_PROMPT_OK:
    case CS_PROMPT_OK_FOR_SESSION:
        tell(question, 0, question->answer[0] == CS_PROMPT_OK_FOR_SESSION, "");
        break;
    case CS_PROMPT_CANCELLED:
        tell(question, CS_ERR_DENIED, false, "");
        break;
    case CS_PROMPT_TIMED_OUT:
        tell(question, CS_ERR_TIMEOUT, false, "");
        break;
    default:
        tell(question, CS_ERR_LOCKED, false,
            *text ? text : "there is no terminal or display to ask at");
    }
}

/* When it has ended, and all that it wrote was read. */
static void end(struct cs_question *question)
{
    if (question->running || !question->over)
        return;
    judge(question);
    close_all(question);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal)
{
    struct cs_question *question = process->data;

    question->running = false;
    question->status = signal ? -1 : (int)status;
    kill(-process->pid, SIGKILL); /* what it left behind */
    end(question);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct cs_question *question = handle->data;

    (void)suggested;
    *buf = uv_buf_init(
        question->answer + question->len, (unsigned)(sizeof(question->answer) - 1 - question->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct cs_question *question = stream->data;

    (void)buf;
    if (n > 0)
        question->len += (size_t)n;
    if (n >= 0)
        return;
    uv_read_stop(stream);
    question->over = true;
    end(question);
}

static void on_kill(uv_timer_t *timer)
{
    struct cs_question *question = timer->data;

    if (question->running)
        kill(-question->process.pid, SIGKILL);
}

static void on_timer(uv_timer_t *timer)
{
    struct cs_question *question = timer->data;

    tell(question, CS_ERR_TIMEOUT, false, "");
    cs_question_withdraw(question);
}

void cs_question_withdraw(struct cs_question *question)
{
    question->done = NULL;
    if (question->running)
        uv_process_kill(&question->process, SIGTERM);
    uv_timer_start(&question->timer, on_kill, KILL, 0);
}

static int spawn(
    struct cs_question *question, uv_loop_t *loop, const char *program, char **environment, int fd)
{
    char *argv[] = {(char *)program, (char *)"--talk", (char *)CS_TALK_VERSION, NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_INHERIT_FD, .data.fd = fd},
        {.flags = UV_INHERIT_FD, .data.fd = fd},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    const uv_process_options_t options = {
        .exit_cb = on_process_exit,
        .file = program,
        .args = argv,
        .env = environment,
        .flags = UV_PROCESS_DETACHED, /* no signals of a terminal, and a group */
        .stdio = stdio,
        .stdio_count = 3,
    };

    return uv_spawn(loop, &question->process, &options);
}

/* A request is far smaller than a socket's buffer, so nothing waits. Its end says that it is
 * whole. */
static int send_request(int fd, const struct cs_prompt_request *request)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(CS_PROMPT_REQUEST_MAX);
    ssize_t n;

    cs_prompt_request_put(&buf, request);
    if (buf.error)
        return buf.error;
    n = send(fd, buf.data, buf.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n == (ssize_t)buf.len && shutdown(fd, SHUT_WR) == 0 ? 0 : CS_ERR_SYSTEM;
}

/* Takes fd. */
static void init_handles(struct cs_question *question, uv_loop_t *loop, int fd)
{
    uv_pipe_init(loop, &question->pipe, 0);
    uv_timer_init(loop, &question->timer);
    question->process.data = question;
    question->pipe.data = question;
    question->timer.data = question;
    question->n_open = 3;
    if (uv_pipe_open(&question->pipe, fd) < 0)
        close(fd);
    else
        uv_read_start((uv_stream_t *)&question->pipe, on_room, on_read);
}

int cs_question_ask(uv_loop_t *loop, const char *program, const struct cs_prompt_request *request,
    cs_question_done *done, void *user, struct cs_question **questionp, struct cs_fault *fault)
{
    CS_AUTO(cs_ask_environment_freep) char **environment = cs_ask_environment();
    CS_AUTO(cs_freep) struct cs_question *question = calloc(1, sizeof(*question));
    uint32_t seconds = request->timeout ? request->timeout : CS_PROMPT_TIMEOUT_DEFAULT;
    CS_AUTO(cs_closep) int theirs = -1;
    CS_AUTO(cs_closep) int ours = -1;
    int fds[2];
    int r;

    if (!question || !environment)
        return CS_ERR_MEMORY;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return CS_ERR_SYSTEM;
    ours = fds[0];
    theirs = fds[1];
    r = send_request(ours, request);
    if (r < 0)
        return r;
    question->done = done;
    question->user = user;
    r = spawn(question, loop, program, environment, theirs);
    init_handles(question, loop, cs_steal_fd(&ours));
    if (r < 0) {
        close_all(cs_steal(&question));
        return cs_fail(fault, CS_ERR_LOCKED, "%s does not start: %s", program, uv_strerror(r));
    }
    question->running = true;
    uv_timer_start(&question->timer, on_timer, 1000ull * seconds + GRACE, 0);
    *questionp = cs_steal(&question);
    return 0;
}
