/* SPDX-License-Identifier: Apache-2.0 */
/* LOGOUT: a token is locked. */
#ifndef CS_TOKEN_HOST_LOGOUT_H
#define CS_TOKEN_HOST_LOGOUT_H

#include "token-host/host.h"
#include "token-host/token.h"

/* Ends a login, and logins under way, and answers. May wait for the module. */
void cs_logout_run(struct cs_host *host, uint32_t id, struct cs_bytes body);

/* Takes back a login that nobody wanted any more when it came. `entering` is held. */
void cs_logout_undo(struct cs_token *token, const char *why);

#endif
