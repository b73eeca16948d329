/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are remembered. */
#ifndef CS_AGENT_GRANT_H
#define CS_AGENT_GRANT_H

#include "consent/subject.h"

#include <stddef.h>
#include <sys/queue.h>

struct cs_grant {
    TAILQ_ENTRY(cs_grant) link;
    uint32_t number;
    struct cs_subject *subject;
    uint64_t since; /* seconds of Unix time */
    uint64_t uses;
    uint64_t until; /* 0: a yes; else a no, on the loop's clock */
};

struct cs_grants {
    TAILQ_HEAD(cs_grant_list, cs_grant) list; /* the oldest first */
    size_t n;
    uint32_t last; /* number */
};

void cs_grants_init(struct cs_grants *grants);
void cs_grants_deinit(struct cs_grants *grants);
/* now is the loop's clock. A no comes before a yes. NULL when there is none. */
struct cs_grant *cs_grant_find(
    struct cs_grants *grants, const struct cs_subject *subject, uint64_t now);
/* until as in the struct. Nothing is kept when there is no memory, or there are too many, and no
 * yes when nobody knows what program it is: the answer holds for this once then. A no to one of
 * those is a no to all of them. */
void cs_grant_add(struct cs_grants *grants, const struct cs_subject *subject, uint64_t until);
void cs_grant_drop(struct cs_grants *grants, struct cs_grant *grant);
/* Drops those whose time is over. */
void cs_grants_expire(struct cs_grants *grants, uint64_t now);

#endif
