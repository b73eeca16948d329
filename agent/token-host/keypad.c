/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With a protected authentication path the module waits for the reader inside its call, and shows
 * nothing. So a thread of its own has a countersign-prompt show a notice, and takes it away when
 * the call has returned. Called around such calls by login, sign and pin-change.
 */
#include "token-host/keypad.h"
#include "base/log.h"
#include "prompt/ask.h"

#include <countersign/error.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static bool is_over(const struct cs_keypad *keypad)
{
    const struct cs_cancel over = {.fd = keypad->watch_fd};

    return cs_cancel_fired(&over);
}

static void *show(void *arg)
{
    struct cs_keypad *keypad = arg;
    const struct cs_host_configure *configuration = &keypad->configuration->m;
    CS_AUTO(cs_freep) char *program = cs_bytes_dup(configuration->prompt_program);
    struct cs_fault fault = {0};
    /* The reader keeps the time. */
    const struct cs_prompt_request notice = {.kind = CS_PROMPT_KEYPAD,
        .flags = keypad->purpose,
        .timeout = CS_PROMPT_TIMEOUT_MAX,
        .pinentry = configuration->pinentry,
        .token = cs_bytes_of(keypad->token->name),
        .program = keypad->program,
        .key = keypad->key,
        .environment = *keypad->environment};
    int r = program ? cs_ask_notice(program, &notice, keypad->watch_fd, &fault) : CS_ERR_MEMORY;

    if (is_over(keypad))
        return NULL;
    if (r == CS_ERR_CANCELLED && keypad->cancelled)
        keypad->cancelled(keypad->arg);
    else if (r < 0 && r != CS_ERR_CANCELLED)
        cs_info("no notice is shown: %s", cs_fault_text(&fault, r));
    return NULL;
}

/* Readable when the call has returned, or is given up. */
static bool open_watch(struct cs_keypad *keypad)
{
    struct epoll_event event = {.events = EPOLLIN};

    keypad->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    keypad->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    return keypad->end_fd >= 0 && keypad->watch_fd >= 0 &&
           epoll_ctl(keypad->watch_fd, EPOLL_CTL_ADD, keypad->end_fd, &event) == 0 &&
           (keypad->cancel_fd < 0 ||
               epoll_ctl(keypad->watch_fd, EPOLL_CTL_ADD, keypad->cancel_fd, &event) == 0);
}

void cs_keypad_begin(struct cs_keypad *keypad)
{
    keypad->end_fd = keypad->watch_fd = -1;
    cs_notice("token '%s': the PIN is to be entered on the reader", keypad->token->name);
    if (keypad->configuration->m.prompt_program.len == 0 || !keypad->environment)
        return;
    keypad->running =
        open_watch(keypad) && pthread_create(&keypad->thread, NULL, show, keypad) == 0;
}

void cs_keypad_end(struct cs_keypad *keypad)
{
    struct cs_cancel end = {.fd = keypad->end_fd};

    if (keypad->running) {
        cs_cancel_fire(&end);
        pthread_join(keypad->thread, NULL);
    }
    cs_closep(&keypad->end_fd);
    cs_closep(&keypad->watch_fd);
}
