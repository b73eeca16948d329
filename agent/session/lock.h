/* SPDX-License-Identifier: Apache-2.0 */
/* Locks tokens on the agent's own account. */
#ifndef CS_AGENT_SESSION_LOCK_H
#define CS_AGENT_SESSION_LOCK_H

#include "service.h"

/* Locks every token that is unlocked or about to be. done, which may be NULL, comes when the last
 * of them is locked or cannot be; before the return if there is none. */
void cs_lock_all(struct cs_service *service, const char *why, void (*done)(void *user), void *user);

/* Locks one. done always comes, later, unless the code returned is less than 0. */
int cs_lock_token(struct cs_service *service, const struct cs_token *token, const char *why,
    void (*done)(void *user, bool locked), void *user);

#endif
