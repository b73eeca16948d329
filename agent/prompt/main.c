/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign-prompt: one question, or notice, to one person (prompt.h has the format). Started by
 * token hosts through cs_ask_pin, and by the agent for a consent. It ends when it is told to, when
 * nobody waits for the answer any more, and at the end of the person's time, whatever the pinentry
 * does.
 */
#include "base/log.h"
#include "base/secret.h"
#include "harden.h"
#include "talk.h"
#include "prompt/notification.h"
#include "prompt/pinentry.h"
#include "prompt/prompt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

static int read_request(struct cs_buf *buf, struct cs_prompt_request *request)
{
    uint8_t chunk[4096];
    ssize_t n;

    do {
        n = read(STDIN_FILENO, chunk, sizeof(chunk));
        if (n > 0)
            cs_buf_put(buf, chunk, (size_t)n);
    } while (buf->error == 0 && (n > 0 || (n < 0 && errno == EINTR)));
    if (n < 0)
        return CS_ERR_SYSTEM;
    if (buf->error < 0)
        return buf->error;
    return cs_prompt_request_get(cs_buf_bytes(buf), request);
}

/* From here on a signal is something to poll for. */
static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* One write: who waits sees the verdict with its PIN, or nothing. */
static bool answer(enum cs_prompt_verdict verdict, const void *data, size_t len)
{
    uint8_t byte = (uint8_t)verdict;
    const struct iovec parts[] = {{&byte, 1}, {(void *)data, len}};
    ssize_t n;

    do
        n = writev(STDOUT_FILENO, parts, 2);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)(1 + len);
}

static bool ask(const struct cs_prompt_request *request)
{
    CS_AUTO(cs_secret_freep) struct cs_secret *pin = NULL;
    struct cs_watch watch = {.signals = open_signals(), .answer = STDOUT_FILENO};
    struct cs_fault fault = {0};
    enum cs_prompt_verdict verdict;

    if (watch.signals < 0 || cs_secret_new(&pin) < 0)
        return false;
    verdict = CS_PROMPT_IMPOSSIBLE;
    if (request->kind == CS_PROMPT_KEYPAD)
        verdict = cs_notification_show(request, &watch);
    if (verdict == CS_PROMPT_IMPOSSIBLE)
        verdict = cs_pinentry_ask(request, &watch, pin, &fault);
    if (verdict == CS_PROMPT_OK || verdict == CS_PROMPT_OK_FOR_SESSION)
        return answer(verdict, cs_secret_data(pin), cs_secret_len(pin));
    return answer(verdict, fault.text, strlen(fault.text));
}

/* An exit status, of a start that is no question. */
static int tell(const char *option)
{
    if (strcmp(option, "--version") == 0) {
        puts("countersign-prompt " CS_VERSION);
        return CS_EXIT_OK;
    }
    fputs(
        "usage: countersign-prompt --talk VERSION\nStarted by the agent and its token hosts; asks "
        "one question.\n",
        strcmp(option, "--help") == 0 ? stdout : stderr);
    return strcmp(option, "--help") == 0 ? CS_EXIT_OK : CS_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct cs_buf buf = CS_BUF_INIT(CS_PROMPT_REQUEST_MAX);
    struct cs_prompt_request request;
    bool answered = false;
    int r = cs_harden();

    cs_log_init(cs_log_to_stderr, CS_LOG_INFO);
    if (r < 0) {
        cs_log_errno(CS_LOG_ERROR, "cannot give up core dumps and privileges");
        return CS_EXIT_FAILURE;
    }
    if (argc != 3 || strcmp(argv[1], "--talk") != 0)
        return tell(argc > 1 ? argv[1] : "");
    if (!cs_talk_is_ours("countersign-prompt", argv[2]))
        return CS_EXIT_USAGE;
    /* Leads its group, as it does when a token host starts it: it ends all of it. */
    setpgid(0, 0);
    r = read_request(&buf, &request);
    if (r < 0)
        cs_log_r(CS_LOG_ERROR, r, "this is no request");
    else
        answered = ask(&request);
    cs_buf_deinit(&buf);
    return answered ? CS_EXIT_OK : CS_EXIT_FAILURE;
}
