/* SPDX-License-Identifier: Apache-2.0 */
/* Ends logins that are old, or that nobody has used for a while. */
#ifndef CS_AGENT_SESSION_TIMEOUT_H
#define CS_AGENT_SESSION_TIMEOUT_H

#include "service.h"

struct cs_timeout_login;

struct cs_timeouts {
    struct cs_service *service;
    int clock; /* timerfd */
    uv_poll_t poll;
    TAILQ_HEAD(cs_timeout_logins, cs_timeout_login) logins;
};

/* CS_ERR_SYSTEM; then there is nothing to stop. */
int cs_timeouts_start(struct cs_timeouts *timeouts, struct cs_service *service);
void cs_timeouts_stop(struct cs_timeouts *timeouts);

/* The inventory may have changed. */
void cs_timeouts_look(struct cs_timeouts *timeouts);
/* A key of the token was used. */
void cs_timeouts_note_use(struct cs_timeouts *timeouts, const struct cs_token *token);

#endif
