/* SPDX-License-Identifier: Apache-2.0 */
/* Consent: what a person has to allow before it is signed. */
#ifndef CS_AGENT_CONSENT_H
#define CS_AGENT_CONSENT_H

#include "audit/audit.h"
#include "config/config.h"
#include "consent/grant.h"
#include "socket/caller.h"

#include <uv.h>

struct cs_consent_case;

struct cs_consents {
    uv_loop_t *loop;
    const char *prompt_program;
    const struct cs_config *config;
    struct cs_audit *audit;
    const struct cs_supervisor *supervisor;
    struct cs_grants grants;
    TAILQ_HEAD(cs_consent_cases, cs_consent_case) cases; /* the first is being asked */
    size_t n_cases;
    uint64_t unanswered; /* which certificate to show is asked again then, on the loop's clock */
    struct cs_environment display; /* the agent's own, borrowed; n is 0 if it has none */
    struct cs_watcher watcher;
};

/* How a yes is told. */
#define CS_CONSENTED_ONCE "the user consented once"
#define CS_CONSENTED_SESSION "the user consented for this session"

struct cs_consent_waiter {
    TAILQ_ENTRY(cs_consent_waiter) link;
    struct cs_consent_case *asked; /* NULL while it waits for none */
    const struct cs_caller *caller;
    /* code 0: it may sign, and text is CS_CONSENTED_*; CS_ERR_DENIED, CS_ERR_TIMEOUT: it may not;
     * CS_ERR_LOCKED: nobody can be asked; CS_ERR_TOKEN_ABSENT: the token was pulled before there
     * was an answer. text says why. */
    void (*done)(struct cs_consent_waiter *waiter, int code, const char *text);
    void *user;
};

/* What was not asked is asked no more when it stops. */
void cs_consents_start(struct cs_consents *consents, struct cs_watchers *watchers);
void cs_consents_stop(struct cs_consents *consents);

/*
 * 0: done comes, later or, if nobody can be asked, at once. 1: an answer of before allows it.
 * Otherwise one of done's codes, with its text, or CS_ERR_BUSY: too much is asked already.
 * each_time: no yes of before holds, and this one for nothing else.
 */
int cs_consent_wait(struct cs_consents *consents, const struct cs_subject *subject, bool each_time,
    struct cs_consent_waiter *waiter, char *text, size_t size);
/* Whether an answer of before allows it; nobody is asked, and no use is counted. */
bool cs_consent_has(struct cs_consents *consents, const struct cs_subject *subject);
/* Whether nobody is being asked, and no answer holds. */
bool cs_consents_are_none(struct cs_consents *consents);
/* The waiter gives up; a question nobody waits for is taken away. */
void cs_consent_leave(struct cs_consent_waiter *waiter);

/* Forgets the answer of this number, or with 0 all of them, which will be asked for again. The
 * number of answers forgotten, or CS_ERR_NOT_FOUND. */
int cs_consent_revoke(
    struct cs_consents *consents, uint32_t number, const struct cs_caller *caller);
/* The body of the reply to CONSENTS. */
void cs_consents_put(const struct cs_consents *consents, struct cs_buf *buf);

#endif
