/* SPDX-License-Identifier: Apache-2.0 */
/* Warns of certificates that are about to expire. */
#ifndef CS_AGENT_SESSION_EXPIRY_H
#define CS_AGENT_SESSION_EXPIRY_H

#include "service.h"
#include "session/notice.h"

struct cs_expiring;

struct cs_expiry {
    struct cs_service *service;
    struct cs_notices *notices;
    uv_timer_t timer;
    size_t n;
    struct cs_expiring *list;
};

void cs_expiry_start(
    struct cs_expiry *expiry, struct cs_service *service, struct cs_notices *notices);
void cs_expiry_stop(struct cs_expiry *expiry);
/* The inventory may have changed, or the bus is there. */
void cs_expiry_look(struct cs_expiry *expiry);

#endif
