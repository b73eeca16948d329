/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates, as a bucket that fills evenly: instead of a count, the time is kept at which it will be
 * full again (the generic cell rate algorithm). A rule is known by its name, so that reading the
 * files again gives nobody a new bucket. Used by decide.c.
 */
#include "request/rate.h"
#include "limit.h"

#include <stdlib.h>
#include <string.h>

struct cs_rate {
    TAILQ_ENTRY(cs_rate) link;
    uint64_t full; /* when the program can have all again */
    char *rule, *program;
};

void cs_rates_init(struct cs_rates *rates)
{
    TAILQ_INIT(&rates->list);
    rates->n = 0;
}

static void drop(struct cs_rates *rates, struct cs_rate *rate)
{
    TAILQ_REMOVE(&rates->list, rate, link);
    rates->n--;
    free(rate->rule);
    free(rate->program);
    free(rate);
}

void cs_rates_deinit(struct cs_rates *rates)
{
    struct cs_rate *rate;

    while ((rate = TAILQ_FIRST(&rates->list)))
        drop(rates, rate);
}

static struct cs_rate *find(const struct cs_rates *rates, const char *rule, const char *program)
{
    struct cs_rate *rate = NULL;

    TAILQ_FOREACH(rate, &rates->list, link)
    if (strcmp(rate->rule, rule) == 0 && strcmp(rate->program, program) == 0)
        break;
    return rate;
}

static struct cs_rate *add(struct cs_rates *rates, const char *rule, const char *program)
{
    struct cs_rate *rate;

    if (rates->n >= CS_LIMIT_RATES)
        drop(rates, TAILQ_LAST(&rates->list, cs_rate_list));
    rate = calloc(1, sizeof(*rate));
    if (!rate)
        return NULL;
    TAILQ_INSERT_HEAD(&rates->list, rate, link);
    rates->n++;
    rate->rule = strdup(rule);
    rate->program = strdup(program);
    if (!rate->rule || !rate->program) {
        drop(rates, rate);
        return NULL;
    }
    return rate;
}

uint32_t cs_rate_count(struct cs_rates *rates, const struct cs_rule *rule,
    const struct cs_program *program, uint64_t now)
{
    const char *name = program->app[0] ? program->app : program->path;
    uint64_t each = rule->period * 1000000u / rule->rate;
    struct cs_rate *rate = find(rates, rule->name, name);
    uint64_t used;

    if (!rate)
        rate = add(rates, rule->name, name);
    if (!rate)
        return rule->rate;
    TAILQ_REMOVE(&rates->list, rate, link);
    TAILQ_INSERT_HEAD(&rates->list, rate, link);
    if (rate->full < now)
        rate->full = now;
    used = (rate->full - now + each - 1) / each;
    if (used >= rule->rate)
        return rule->rate;
    rate->full += each;
    return (uint32_t)used;
}
