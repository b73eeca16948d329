/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a person through a countersign-prompt of its own. Safe to call from any thread. */
#ifndef CS_PROMPT_ASK_H
#define CS_PROMPT_ASK_H

#include "base/cleanup.h"
#include "base/error.h"
#include "base/secret.h"
#include "prompt/prompt.h"

/*
 * For CS_PROMPT_PIN and CS_PROMPT_NEW_PIN. Starts program (the path of countersign-prompt), asks
 * for the PIN that request is about and waits. The PIN goes straight into pin and is never empty.
 * cancel_fd, if not -1, gives the question up as soon as it is readable or closed at its other end.
 *
 * CS_ERR_CANCELLED: the person said no, or cancel_fd did. CS_ERR_TIMEOUT. CS_ERR_LOCKED: nowhere
 * to ask, or the pinentry failed. CS_ERR_SYSTEM, CS_ERR_MEMORY, CS_ERR_TOO_LARGE. The sentence
 * says which token it was about and what to do. No process is left behind.
 */
int cs_ask_pin(const char *program, const struct cs_prompt_request *request, int cancel_fd,
    struct cs_secret *pin, struct cs_fault *fault);

/* Shows CS_PROMPT_KEYPAD until the person puts it away: 0, or says no: CS_ERR_CANCELLED, as when
 * cancel_fd takes it away. Other errors: it cannot be shown. */
int cs_ask_notice(const char *program, const struct cs_prompt_request *request, int cancel_fd,
    struct cs_fault *fault);

/* What is said of a prompt that ended without an answer; status: its exit status, or -1. */
void cs_ask_explain_silence(int status, char *text, size_t size);

/* The environment that a countersign-prompt is started with: of our own, what a dialog may need.
 * NULL without memory. */
char **cs_ask_environment(void);
void cs_ask_environment_free(char **environment);
CS_DEFINE_CLEANUP(char **, cs_ask_environment_free);

#endif
