/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a person to enter a PIN on the reader's keypad, as long as a call waits for it. */
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
    /* Called on another thread if the person says no; the call itself cannot be broken off. */
    void (*cancelled)(void *arg);
    void *arg;
    /* keypad.c's */
    bool running;
    pthread_t thread;
    int end_fd, watch_fd;
};

/* Never fails: where nothing can be shown, the log says it. */
void cs_keypad_begin(struct cs_keypad *keypad);
void cs_keypad_end(struct cs_keypad *keypad);

#endif
