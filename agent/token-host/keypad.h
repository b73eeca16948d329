/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a person to enter a PIN on the reader's keypad, as long as a call waits for it, and sees
 * that nobody waits for ever. */
#ifndef CS_TOKEN_HOST_KEYPAD_H
#define CS_TOKEN_HOST_KEYPAD_H

#include "prompt/prompt.h"
#include "token-host/cancel.h"
#include "token-host/configuration.h"
#include "token-host/token.h"

struct cs_keypad {
    const struct cs_configuration *configuration;
    struct cs_token *token;
    uint32_t purpose;             /* CS_PROMPT_FOR_... */
    struct cs_bytes program, key; /* who asks, and for what; or empty */
    const struct cs_environment *environment;
    int cancel_fd; /* takes the notice away */
    /* Called on another thread, with CS_ERR_CANCELLED if the person says no and CS_ERR_TIMEOUT if
     * nobody types, for who waits to be answered: the call itself cannot be broken off. */
    void (*given_up)(void *arg, int code, const struct cs_failure *failure);
    void *arg;
    /* keypad.c's */
    bool running;
    pthread_t thread;
    long long begun; /* milliseconds */
    int end_fd, timer_fd, watch_fd;
};

/* Never fails: where nothing can be shown, the log says it. */
void cs_keypad_begin(struct cs_keypad *keypad);
void cs_keypad_end(struct cs_keypad *keypad);

#endif
