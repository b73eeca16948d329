/* SPDX-License-Identifier: Apache-2.0 */
/* How many signatures each program has had by a rule that limits them. */
#ifndef CS_AGENT_RATE_H
#define CS_AGENT_RATE_H

#include "policy/rule.h"

#include <sys/queue.h>

struct cs_rate;

struct cs_rates {
    TAILQ_HEAD(cs_rate_list, cs_rate) list; /* the one used last first */
    size_t n;
};

void cs_rates_init(struct cs_rates *rates);
void cs_rates_deinit(struct cs_rates *rates);
/* How many of the rule's signatures the program has used up; one more is counted if that is
 * allowed. now: nanoseconds on any clock that does not go back. Without memory: all are used up. */
uint32_t cs_rate_count(struct cs_rates *rates, const struct cs_rule *rule,
    const struct cs_program *program, uint64_t now);

#endif
