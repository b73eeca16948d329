/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With a protected authentication path the module waits for the reader inside its call, and shows
 * nothing. PKCS#11 has no way to break that off: C_CancelFunction is a relic that does nothing. So
 * a thread of its own has a countersign-prompt show a notice, and takes it away when the call has
 * returned. Who waits is answered when the person says no, and when the time for a question is
 * over; the call goes on, and what is typed then serves who asks next. A reader that has not given
 * up after twice that time never will: the process ends, and the agent starts another. Called
 * around such calls by login, sign and pin-change.
 */
#include "token-host/keypad.h"
#include "base/clock.h"
#include "base/log.h"
#include "prompt/ask.h"

#include <countersign/error.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#define ENTRIES_OF_A_CHANGE 3 /* the present PIN, the new one and that again */

/* How long a person may take, in milliseconds. */
static long long patience(const struct cs_keypad *keypad)
{
    uint32_t seconds = keypad->configuration->m.prompt_timeout;

    if (seconds == 0)
        seconds = CS_PROMPT_TIMEOUT_DEFAULT;
    return 1000LL * seconds * (keypad->purpose == CS_PROMPT_FOR_CHANGE ? ENTRIES_OF_A_CHANGE : 1);
}

/* Whether the call returns before that many milliseconds have gone by since its beginning. */
static bool ends_within(const struct cs_keypad *keypad, long long milliseconds)
{
    struct pollfd pfd = {.fd = keypad->end_fd, .events = POLLIN};
    long long rest;

    do {
        rest = keypad->begun + milliseconds - cs_clock_ms();
        if (poll(&pfd, 1, rest <= 0 ? 0 : rest < INT_MAX ? (int)rest : INT_MAX) > 0)
            return true;
    } while (rest > 0);
    return false;
}

static void give_up(const struct cs_keypad *keypad, int code)
{
    const char *token = cs_token_name(keypad->token);
    struct cs_failure failure = {0};

    if (code == CS_ERR_TIMEOUT)
        cs_fail(&failure.fault, code, "nobody entered the PIN of token '%s' on its reader in time",
            token);
    else
        cs_fail(&failure.fault, code, "PIN entry for token '%s' was cancelled", token);
    keypad->given_up(keypad->arg, code, &failure);
}

/* Ends the process. Its agent hears why. */
static _Noreturn void end_host(const struct cs_keypad *keypad)
{
    struct cs_failure failure = {0};

    cs_fail(&failure.fault, CS_ERR_MODULE_FAILED, "the reader of token '%s' hangs",
        cs_token_name(keypad->token));
    cs_error("%s", failure.fault.text);
    cs_link_failed(keypad->token->link, 0, CS_ERR_MODULE_FAILED, &failure);
    _exit(1);
}

static bool is_over(const struct cs_keypad *keypad)
{
    const struct cs_cancel over = {.fd = keypad->watch_fd};

    return cs_cancel_fired(&over);
}

static void show(struct cs_keypad *keypad)
{
    const struct cs_host_configure *configuration = &keypad->configuration->m;
    CS_AUTO(cs_freep) char *program = cs_bytes_dup(configuration->prompt_program);
    struct cs_fault fault = {0};
    /* watch_fd ends it. */
    const struct cs_prompt_request notice = {.kind = CS_PROMPT_KEYPAD,
        .flags = keypad->purpose,
        .timeout = CS_PROMPT_TIMEOUT_MAX,
        .pinentry = configuration->pinentry,
        .token = cs_bytes_of(cs_token_name(keypad->token)),
        .program = keypad->program,
        .key = keypad->key,
        .environment = *keypad->environment};
    int r = program ? cs_ask_notice(program, &notice, keypad->watch_fd, &fault) : CS_ERR_MEMORY;

    if (is_over(keypad))
        return;
    if (r == CS_ERR_CANCELLED)
        give_up(keypad, r);
    else if (r < 0)
        cs_info("no notice is shown: %s", cs_fault_text(&fault, r));
}

static void *watch(void *arg)
{
    struct cs_keypad *keypad = arg;

    if (keypad->configuration->m.prompt_program.len > 0 && keypad->environment)
        show(keypad);
    if (!ends_within(keypad, patience(keypad)))
        give_up(keypad, CS_ERR_TIMEOUT);
    if (!ends_within(keypad, 2 * patience(keypad)))
        end_host(keypad);
    return NULL;
}

static bool watch_for(const struct cs_keypad *keypad, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return epoll_ctl(keypad->watch_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Readable when the notice is of no use any more: the call has returned, is given up, or takes too
 * long. */
static bool open_watch(struct cs_keypad *keypad)
{
    const long long milliseconds = patience(keypad);
    const struct itimerspec time = {.it_value = {.tv_sec = milliseconds / 1000}};

    keypad->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    keypad->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    keypad->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    return keypad->end_fd >= 0 && keypad->timer_fd >= 0 && keypad->watch_fd >= 0 &&
           timerfd_settime(keypad->timer_fd, 0, &time, NULL) == 0 &&
           watch_for(keypad, keypad->end_fd) && watch_for(keypad, keypad->timer_fd) &&
           (keypad->cancel_fd < 0 || watch_for(keypad, keypad->cancel_fd));
}

void cs_keypad_begin(struct cs_keypad *keypad)
{
    keypad->begun = cs_clock_ms();
    keypad->end_fd = keypad->timer_fd = keypad->watch_fd = -1;
    cs_notice("token '%s': the PIN is to be entered on the reader", cs_token_name(keypad->token));
    keypad->running =
        open_watch(keypad) && pthread_create(&keypad->thread, NULL, watch, keypad) == 0;
}

void cs_keypad_end(struct cs_keypad *keypad)
{
    struct cs_cancel end = {.fd = keypad->end_fd};

    if (keypad->running) {
        cs_cancel_fire(&end);
        pthread_join(keypad->thread, NULL);
    }
    cs_closep(&keypad->end_fd);
    cs_closep(&keypad->timer_fd);
    cs_closep(&keypad->watch_fd);
}
