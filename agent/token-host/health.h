/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the module still works. */
#ifndef CS_TOKEN_HOST_HEALTH_H
#define CS_TOKEN_HOST_HEALTH_H

#include "token-host/token.h"

/* Ends the process; failure says why to the agent, which starts another. */
_Noreturn void cs_health_give_up(struct cs_link *link, int r, const struct cs_failure *failure);

/* Whether a token is logged in, and well; not this one, which may be NULL. */
bool cs_health_is_needed(struct cs_slots *slots, const struct cs_token *but);

/* What came of a signature or a login, after all tries. Does not return if the module worked for
 * this token and now fails whatever it is asked, unless another token would lose its login. */
void cs_health_note(struct cs_token *token, CK_RV rv);

#endif
