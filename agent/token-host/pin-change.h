/* SPDX-License-Identifier: Apache-2.0 */
/* PIN_CHANGE. */
#ifndef CS_TOKEN_HOST_PIN_CHANGE_H
#define CS_TOKEN_HOST_PIN_CHANGE_H

#include "token-host/host.h"

/* Answers the request, now or when it is done. */
void cs_pin_change_start(struct cs_host *host, uint32_t id, struct cs_bytes body);

#endif
