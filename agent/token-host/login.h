/* SPDX-License-Identifier: Apache-2.0 */
/* LOGIN: a token is unlocked. */
#ifndef CS_TOKEN_HOST_LOGIN_H
#define CS_TOKEN_HOST_LOGIN_H

#include "token-host/host.h"

/* Answers the request, now or when the login has ended. */
void cs_login_start(struct cs_host *host, uint32_t id, struct cs_bytes body);
/* Answers the request if it waits for a login, and ends the login if nobody else waits for it. */
bool cs_login_cancel(struct cs_host *host, uint32_t id);

#endif
