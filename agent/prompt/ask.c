/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one countersign-prompt: request in, verdict and PIN out, over one socketpair that is its
 * standard input and output. Called by a token host's login threads; the agent, which may
 * not wait, runs its own (consent/question.c).
 * Invariant: the PIN passes from the socket into the secret and nowhere else, and the child is
 * reaped before the call returns, however it ends.
 */
#include "prompt/ask.h"
#include "base/clock.h"
#include "base/renewed.h"
#include "talk.h"
#include "prompt/words.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The prompt keeps the person's time itself; this is for a prompt that does not. */
#define GRACE_MS 10000
#define KILL_MS 1000
#define SILENT 1

/* What a dialog may need of our own environment; the client's comes with the request. */
static const char *const inherited[] = {"HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_DATA_DIRS", "JOURNAL_STREAM"};
#define N_INHERITED (sizeof(inherited) / sizeof(inherited[0]))

struct run {
    pid_t pid;
    int fd; /* our end of the socketpair */
    int cancel_fd;
    long long deadline;
};

void cs_ask_environment_free(char **environment)
{
    for (size_t i = 0; environment && environment[i]; i++)
        free(environment[i]);
    free(environment);
}
char **cs_ask_environment(void)
{
    char **environment = calloc(N_INHERITED + 2, sizeof(*environment));
    size_t n = 0;

    if (!environment)
        return NULL;
    environment[n++] = strdup("PATH=/usr/local/bin:/usr/bin:/bin");
    for (size_t i = 0; i < N_INHERITED && environment[n - 1]; i++) {
        const char *value = secure_getenv(inherited[i]);

        if (value && asprintf(&environment[n], "%s=%s", inherited[i], value) < 0)
            environment[n] = NULL;
        else if (!value)
            continue;
        n++;
    }
    if (environment[n - 1])
        return environment;
    cs_ask_environment_free(environment);
    return NULL;
}

static int spawn_with(
    const char *program, int fd, char **environment, posix_spawnattr_t *attr, pid_t *pidp)
{
    char *argv[] = {(char *)program, (char *)"--talk", (char *)CS_TALK_VERSION, NULL};
    posix_spawn_file_actions_t actions;
    int r;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    /* A module may have opened descriptors without close-on-exec. */
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (r == 0)
        r = posix_spawn(pidp, program, &actions, attr, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* A session of its own: no signals of a terminal, and a group that can be killed as one. Returns
 * an errno. */
static int spawn(const char *program, int fd, pid_t *pidp)
{
    CS_AUTO(cs_ask_environment_freep) char **environment = cs_ask_environment();
    posix_spawnattr_t attr;
    sigset_t none, all;
    int r;

    if (!environment)
        return ENOMEM;
    if (posix_spawnattr_init(&attr) != 0)
        return ENOMEM;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(
        &attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    r = spawn_with(program, fd, environment, &attr, pidp);
    posix_spawnattr_destroy(&attr);
    return r;
}

/* Waits until the socket has something (its end counts). */
static int wait_for(const struct run *run)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = run->fd, .events = POLLIN}, {.fd = run->cancel_fd, .events = POLLIN}};
        long long left = run->deadline - cs_clock_ms();
        int n;

        if (left <= 0)
            return CS_ERR_TIMEOUT;
        n = poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left);
        if (n < 0 && errno != EINTR)
            return CS_ERR_SYSTEM;
        if (n > 0 && fds[1].revents)
            return CS_ERR_CANCELLED;
        if (n > 0 && fds[0].revents)
            return 0;
    }
}

/* As much as there is, at most size; 0 at the end. */
static int read_some(const struct run *run, void *data, size_t size, size_t *np)
{
    for (;;) {
        int r = wait_for(run);
        ssize_t n;

        if (r < 0)
            return r;
        n = read(run->fd, data, size);
        if (n >= 0) {
            *np = (size_t)n;
            return 0;
        }
        if (errno == ECONNRESET) {
            *np = 0;
            return 0;
        }
        if (errno != EINTR && errno != EAGAIN)
            return CS_ERR_SYSTEM;
    }
}

/* Reads the PIN to its end. The secret has no room for more than a PIN, so more is an error. */
static int read_pin(const struct run *run, struct cs_secret *pin)
{
    size_t len = 0, n;

    for (;;) {
        /* The byte behind the last is cs_secret's own, for a zero. */
        int r = read_some(run, cs_secret_data(pin) + len, CS_SECRET_MAX + 1 - len, &n);

        if (r < 0)
            return r;
        if (n == 0)
            return cs_secret_set_len(pin, len);
        len += n;
        if (len > CS_SECRET_MAX)
            return CS_ERR_TOO_LARGE;
    }
}

static int read_text(const struct run *run, char *text, size_t size)
{
    size_t len = 0, n;

    for (;;) {
        int r = read_some(run, text + len, size - 1 - len, &n);

        if (r < 0)
            return r;
        len += n;
        text[len] = '\0';
        if (n == 0 || len == size - 1)
            return 0;
    }
}

static int send_request(const struct run *run, const struct cs_prompt_request *request)
{
    struct cs_buf buf = CS_BUF_INIT(CS_PROMPT_REQUEST_MAX);
    size_t sent = 0;
    int r;

    cs_prompt_request_put(&buf, request);
    r = buf.error;
    while (r == 0 && sent < buf.len) {
        ssize_t n = send(run->fd, buf.data + sent, buf.len - sent, MSG_NOSIGNAL);

        if (n > 0)
            sent += (size_t)n;
        else if (n == 0 || errno != EINTR) /* a prompt that died is seen when reading */
            break;
    }
    shutdown(run->fd, SHUT_WR);
    cs_buf_deinit(&buf);
    return r;
}

static bool ends_within(pid_t pid, int ms)
{
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    bool ended = end.fd >= 0 && poll(&end, 1, ms) > 0;

    if (end.fd >= 0)
        close(end.fd);
    return ended;
}

/* Reaps the child; one that was not done is told to go, then made to. Whatever it left behind in
 * its group goes with it, however it ended itself. Returns its wait status. */
static int finish(const struct run *run, bool done)
{
    int status = 0;

    if (!done)
        kill(run->pid, SIGTERM);
    ends_within(run->pid, KILL_MS);
    /* Its number is its own until it is reaped. */
    kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static int explain(
    const struct cs_prompt_request *request, int code, const char *text, struct cs_fault *fault)
{
    char token[72];

    cs_words_clean(token, sizeof(token), request->token);
    if (*text)
        return cs_fail(
            fault, code, "the PIN of token '%s' could not be asked for: %s", token, text);
    switch (code) {
    case CS_ERR_CANCELLED:
        return cs_fail(fault, code, "PIN entry for token '%s' was cancelled", token);
    case CS_ERR_TIMEOUT:
        return cs_fail(fault, code, "nobody entered the PIN of token '%s' in time", token);
    case CS_ERR_LOCKED:
        if (request->flags & CS_PROMPT_FOR_SIGNATURE)
            return cs_fail(fault, code,
                "this key wants the PIN of token '%s' for every signature, and there is no "
                "terminal or display to ask for it: try where there is one",
                token);
        return cs_fail(fault, code,
            "token '%s' is locked and there is no terminal or display to ask for its PIN: run "
            "'countersign unlock' where there is one",
            token);
    default:
        return cs_fail(fault, code, "the PIN of token '%s' could not be asked for: %s", token,
            cs_error_text(code));
    }
}

void cs_ask_explain_silence(int status, char *text, size_t size)
{
    if (status == CS_EXIT_USAGE)
        snprintf(text, size, "the prompt is of another version%s", CS_RENEWED_HINT);
    else
        snprintf(text, size, "the prompt ended without an answer%s", cs_renewed_hint());
}

/* A null pin: there is none to come. SILENT if it ended without an answer. */
static int converse(const struct run *run, const struct cs_prompt_request *request,
    struct cs_secret *pin, char *text, size_t text_size)
{
    uint8_t verdict;
    size_t n;
    int r = send_request(run, request);

    if (r == 0)
        r = read_some(run, &verdict, 1, &n);
    if (r != 0)
        return r;
    if (n == 1 && verdict == CS_PROMPT_OK)
        return pin ? read_pin(run, pin) : 0;
    if (n == 1)
        r = read_text(run, text, text_size);
    if (r < 0)
        return r;
    if (n == 1 && verdict == CS_PROMPT_CANCELLED)
        return CS_ERR_CANCELLED;
    if (n == 1 && verdict == CS_PROMPT_TIMED_OUT)
        return CS_ERR_TIMEOUT;
    if (n == 1 && (verdict == CS_PROMPT_FAILED || verdict == CS_PROMPT_IMPOSSIBLE))
        return CS_ERR_LOCKED;
    return SILENT;
}

/* One run of the program; its wait status through statusp. */
static int run_prompt(const char *program, const struct cs_prompt_request *request, int cancel_fd,
    struct cs_secret *pin, char *text, size_t text_size, int *statusp)
{
    uint32_t seconds = request->timeout ? request->timeout : CS_PROMPT_TIMEOUT_DEFAULT;
    struct run run = {
        .cancel_fd = cancel_fd, .deadline = cs_clock_ms() + 1000LL * seconds + GRACE_MS};
    int fds[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return CS_ERR_SYSTEM;
    r = spawn(program, fds[1], &run.pid);
    close(fds[1]);
    if (r != 0) {
        close(fds[0]);
        snprintf(text, text_size, "%s does not start: %s", program, strerrordesc_np(r));
        return CS_ERR_LOCKED;
    }
    run.fd = fds[0];
    r = converse(&run, request, pin, text, text_size);
    *statusp = finish(&run, r == 0 || r == SILENT);
    close(run.fd);
    if (r != SILENT)
        return r;
    cs_ask_explain_silence(WIFEXITED(*statusp) ? WEXITSTATUS(*statusp) : -1, text, text_size);
    return CS_ERR_LOCKED;
}

int cs_ask_pin(const char *program, const struct cs_prompt_request *request, int cancel_fd,
    struct cs_secret *pin, struct cs_fault *fault)
{
    char text[800] = "";
    int status = 0;
    int r = run_prompt(program, request, cancel_fd, pin, text, sizeof(text), &status);

    /* A PIN may be cut short, and a wrong one costs a try, unless the prompt says it was whole. */
    if (r == 0 && (cs_secret_len(pin) == 0 || status != 0)) {
        snprintf(text, sizeof(text), "the prompt ended before its answer was whole");
        r = CS_ERR_LOCKED;
    }
    if (r == 0)
        return 0;
    cs_wipe(cs_secret_data(pin), CS_SECRET_MAX + 1);
    cs_secret_set_len(pin, 0);
    return explain(request, r, text, fault);
}

int cs_ask_notice(const char *program, const struct cs_prompt_request *request, int cancel_fd,
    struct cs_fault *fault)
{
    char text[800] = "";
    int status = 0;
    int r = run_prompt(program, request, cancel_fd, NULL, text, sizeof(text), &status);

    return r < 0 ? cs_fail(fault, r, "%s", *text ? text : cs_error_text(r)) : 0;
}
