/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a person, in a countersign-prompt of its own. */
#ifndef CS_AGENT_QUESTION_H
#define CS_AGENT_QUESTION_H

#include "base/error.h"
#include "prompt/prompt.h"

#include <uv.h>

struct cs_question;

/* code: 0 yes; CS_ERR_DENIED no; CS_ERR_TIMEOUT nobody answered; CS_ERR_LOCKED nobody can be asked,
 * text says why. */
typedef void cs_question_done(void *user, int code, bool for_session, const char *text);

/* Starts program, the path of countersign-prompt, and asks the request, of kind CONSENT. done comes
 * later, unless the code returned is less than 0 (CS_ERR_LOCKED: it does not start). */
int cs_question_ask(uv_loop_t *loop, const char *program, const struct cs_prompt_request *request,
    cs_question_done *done, void *user, struct cs_question **questionp, struct cs_fault *fault);
/* Takes it away; done does not come. */
void cs_question_withdraw(struct cs_question *question);

#endif
