/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are remembered: a yes for the session until it is revoked or its token is locked; a
 * no for a moment, so that a program that tries again at once does not wear the person down. Used
 * by consent.c.
 */
#include "consent/grant.h"
#include "limit.h"

#include <time.h>

void cs_grants_init(struct cs_grants *grants)
{
    *grants = (struct cs_grants){0};
    TAILQ_INIT(&grants->list);
}

void cs_grants_deinit(struct cs_grants *grants)
{
    struct cs_grant *grant;

    while ((grant = TAILQ_FIRST(&grants->list)))
        cs_grant_drop(grants, grant);
}

static bool is_over(const struct cs_grant *grant, uint64_t now)
{
    return grant->until && grant->until <= now;
}

void cs_grants_expire(struct cs_grants *grants, uint64_t now)
{
    struct cs_grant *grant, *next;

    for (grant = TAILQ_FIRST(&grants->list); grant; grant = next) {
        next = TAILQ_NEXT(grant, link);
        if (is_over(grant, now))
            cs_grant_drop(grants, grant);
    }
}

struct cs_grant *cs_grant_find(
    struct cs_grants *grants, const struct cs_subject *subject, uint64_t now)
{
    struct cs_grant *grant, *next, *yes = NULL;

    for (grant = TAILQ_FIRST(&grants->list); grant; grant = next) {
        next = TAILQ_NEXT(grant, link);
        if (is_over(grant, now))
            cs_grant_drop(grants, grant);
        else if (grant->until && cs_subject_equal(subject, grant->subject))
            return grant;
        else if (!grant->until && cs_subject_is_shown_as(subject, grant->subject))
            yes = grant;
    }
    return yes;
}

void cs_grant_add(struct cs_grants *grants, const struct cs_subject *subject, uint64_t until)
{
    struct cs_grant *grant;

    if ((!subject->program[0] && until == 0) || grants->n >= CS_LIMIT_GRANTS)
        return;
    grant = calloc(1, sizeof(*grant));
    if (!grant)
        return;
    grant->subject = cs_subject_dup(subject);
    if (!grant->subject) {
        free(grant);
        return;
    }
    grant->number = ++grants->last;
    grant->since = (uint64_t)time(NULL);
    grant->until = until;
    TAILQ_INSERT_TAIL(&grants->list, grant, link);
    grants->n++;
}

void cs_grant_drop(struct cs_grants *grants, struct cs_grant *grant)
{
    TAILQ_REMOVE(&grants->list, grant, link);
    grants->n--;
    free(grant->subject);
    free(grant);
}
