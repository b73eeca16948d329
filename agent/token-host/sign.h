/* SPDX-License-Identifier: Apache-2.0 */
/* SIGN: from a scheme and a digest to a signature as TLS carries it. */
#ifndef CS_TOKEN_HOST_SIGN_H
#define CS_TOKEN_HOST_SIGN_H

#include "token-host/host.h"

/* Answers the request when it is done. */
void cs_sign_start(struct cs_host *host, uint32_t id, struct cs_bytes body);
/* Gives one up that has not begun, and answers it. False: there is none. */
bool cs_sign_withdraw(struct cs_host *host, uint32_t id);

#endif
