/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a person through a pinentry, in the Assuan protocol. */
#ifndef CS_PROMPT_PINENTRY_H
#define CS_PROMPT_PINENTRY_H

#include "base/error.h"
#include "base/secret.h"
#include "prompt/prompt.h"

/* What ends the question from outside. */
struct cs_watch {
    int signals; /* readable when a signal tells us to go */
    int answer;  /* hung up when nobody waits for the answer any more */
};

/*
 * Asks once; again while the person enters nothing, or a new PIN not twice the same. OK fills pin.
 * For CS_PROMPT_KEYPAD it shows the notice with a button to cancel, for CS_PROMPT_CONSENT the
 * question, whose answer is OK, OK_FOR_SESSION or CANCELLED. FAILED and IMPOSSIBLE come with
 * a sentence.
 */
enum cs_prompt_verdict cs_pinentry_ask(const struct cs_prompt_request *request,
    const struct cs_watch *watch, struct cs_secret *pin, struct cs_fault *fault);

#endif
