/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules together: those of files and those built in, in the order in which they are tried.
 * Filled by config.c; asked for each signature.
 */
#include "policy/policy.h"
#include "limit.h"

#include <countersign/error.h>
#include <string.h>

/*
 * What holds where no file says otherwise. Requests for certificates are proven to be for this very
 * key, so they are of use to an authority alone; a person at a command line makes them without
 * being asked. Nobody knows what a bare hash is of: a person can say so once.
 */
static const struct {
    const char *name;
    uint8_t about, sign;
    enum cs_consent consent;
    const char *programs;
} built_in[] = {
    {"default for tls", CS_SIGN_TLS, CS_SIGN_TLS, CS_CONSENT_NEVER, NULL},
    {"default for csr at the command line", CS_SIGN_CSR, CS_SIGN_CSR, CS_CONSENT_NEVER,
        CS_COMMAND_LINE_PROGRAMS},
    {"default for csr", CS_SIGN_CSR, CS_SIGN_CSR, CS_CONSENT_SESSION, NULL},
    {"default for digest", CS_SIGN_DIGEST, CS_SIGN_DIGEST, CS_CONSENT_SESSION, NULL},
    {"default for data", CS_SIGN_DATA, 0, CS_CONSENT_NEVER, NULL},
};

#define N_BUILT_IN (sizeof(built_in) / sizeof(built_in[0]))

static int add(struct cs_policy *policy, const char *name, const char *file, struct cs_rule **rulep)
{
    struct cs_rule *rules =
        reallocarray(policy->rules, policy->n_rules + 1, sizeof(*policy->rules));
    struct cs_rule rule = {.about = CS_SIGN_ALL, .order = policy->n_read++};

    if (!rules)
        return CS_ERR_MEMORY;
    policy->rules = rules;
    rule.name = strdup(name);
    rule.file = file ? strdup(file) : NULL;
    if (!rule.name || (file && !rule.file)) {
        cs_rule_deinit(&rule);
        return CS_ERR_MEMORY;
    }
    rules[policy->n_rules] = rule;
    *rulep = &rules[policy->n_rules++];
    return 0;
}

static int add_built_in(struct cs_policy *policy, size_t i)
{
    const struct cs_setting programs = {.name = "program", .value = built_in[i].programs};
    struct cs_rule *rule = NULL;
    int r = add(policy, built_in[i].name, NULL, &rule);

    if (r < 0)
        return r;
    rule->about = built_in[i].about;
    rule->sign = built_in[i].sign;
    rule->says_sign = true;
    rule->consent = built_in[i].consent;
    return programs.value ? cs_rule_set(rule, &programs, NULL) : 0;
}

int cs_policy_init(struct cs_policy *policy)
{
    int r = 0;

    *policy = (struct cs_policy){0};
    for (size_t i = 0; i < N_BUILT_IN && r == 0; i++)
        r = add_built_in(policy, i);
    return r;
}

void cs_policy_deinit(struct cs_policy *policy)
{
    for (size_t i = 0; i < policy->n_rules; i++)
        cs_rule_deinit(&policy->rules[i]);
    free(policy->rules);
    *policy = (struct cs_policy){0};
}

static struct cs_rule *find(const struct cs_policy *policy, const char *name)
{
    for (size_t i = policy->n_rules; i > 0; i--)
        if (policy->rules[i - 1].file && strcmp(policy->rules[i - 1].name, name) == 0)
            return &policy->rules[i - 1];
    return NULL;
}

static void drop(struct cs_policy *policy, struct cs_rule *rule)
{
    struct cs_rule *end = &policy->rules[policy->n_rules];

    cs_rule_deinit(rule);
    memmove(rule, rule + 1, (size_t)((char *)end - (char *)(rule + 1)));
    policy->n_rules--;
}

/* A later file replaces a rule of an earlier one as a whole; but what the administrator made final
 * stands, and the other of that name stands behind it. */
int cs_policy_take(struct cs_policy *policy, const char *name, const struct cs_setting *at,
    bool administrator, struct cs_fault *fault)
{
    struct cs_rule *rule = find(policy, name);
    int r;

    if (rule && strcmp(rule->file, at->file) != 0) {
        if (!rule->final)
            drop(policy, rule);
        rule = NULL;
    }
    if (strlen(name) >= CS_LIMIT_RULE_NAME)
        return cs_setting_refuse(at, fault, "the rule's name is too long: write a shorter one");
    if (!rule && policy->n_rules >= CS_LIMIT_RULES)
        return cs_setting_refuse(at, fault, "there are too many [rule] sections");
    if (!rule) {
        r = add(policy, name, at->file, &rule);
        if (r < 0)
            return r;
        rule->line = at->line;
        rule->administrator = administrator;
    }
    return cs_rule_set(rule, at, fault);
}

static int compare(const void *a, const void *b)
{
    return cs_rule_compare(a, b);
}

int cs_policy_complete(struct cs_policy *policy, struct cs_fault *fault)
{
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct cs_rule *rule = &policy->rules[i];

        if (!rule->says_sign)
            return cs_fail(fault, CS_ERR_CONFIG,
                "%s:%d: [rule \"%s\"] does not say what may be signed: write sign = tls, csr, "
                "digest, data, or none",
                rule->file, rule->line, rule->name);
    }
    qsort(policy->rules, policy->n_rules, sizeof(*policy->rules), compare);
    return 0;
}

static void keep(struct cs_policy *policy, const struct cs_rule *kept)
{
    struct cs_rule *replaced = find(policy, kept->name);

    if (replaced && !replaced->final)
        drop(policy, replaced);
    policy->rules[policy->n_rules] = *kept;
    policy->rules[policy->n_rules++].order += policy->n_read;
}

int cs_policy_keep_user(struct cs_policy *policy, struct cs_policy *older)
{
    struct cs_rule *rules =
        reallocarray(policy->rules, policy->n_rules + older->n_rules, sizeof(*rules));
    size_t n = 0;

    if (!rules)
        return CS_ERR_MEMORY;
    policy->rules = rules;
    for (size_t i = 0; i < older->n_rules; i++) {
        if (older->rules[i].file && !older->rules[i].administrator)
            keep(policy, &older->rules[i]);
        else
            older->rules[n++] = older->rules[i];
    }
    older->n_rules = n;
    policy->n_read += older->n_read;
    qsort(policy->rules, policy->n_rules, sizeof(*policy->rules), compare);
    return 0;
}

static bool fits_around_key(const struct cs_rule *rule, const struct cs_policy_facts *facts)
{
    return (rule->about & cs_sign_of(facts->proof)) && cs_rule_fits_program(rule, facts->program) &&
           cs_rule_fits_host(rule, facts->host);
}

static bool fits_key(const struct cs_rule *rule, const struct cs_policy_facts *facts)
{
    return !rule->key || cs_pattern_fits(rule->key, facts->identity);
}

/* The built-in rules together fit everything, so one is found. */
static const struct cs_rule *choose(
    const struct cs_policy *policy, const struct cs_policy_facts *facts, bool *in_doubtp)
{
    const struct cs_rule *rule = policy->rules, *last = &policy->rules[policy->n_rules - 1];

    for (; rule < last; rule++) {
        if (!fits_around_key(rule, facts))
            continue;
        if (fits_key(rule, facts))
            break;
        *in_doubtp |= cs_pattern_may_fit(rule->key, facts->identity);
    }
    return rule;
}

struct cs_decision cs_policy_decide(
    const struct cs_policy *policy, const struct cs_policy_facts *facts)
{
    struct cs_decision decision = {.verdict = CS_VERDICT_ALLOW};
    const struct cs_rule *rule = choose(policy, facts, &decision.in_doubt);

    decision.rule = rule;
    if (!(rule->sign & cs_sign_of(facts->proof))) {
        decision.verdict = CS_VERDICT_DENY;
    } else if (rule->consent != CS_CONSENT_NEVER) {
        decision.verdict = CS_VERDICT_ASK;
        decision.consent = rule->consent;
    }
    return decision;
}

static bool is_for_all(const struct cs_rule *rule)
{
    return rule->about == CS_SIGN_ALL && rule->hosts.n == 0 &&
           (!rule->key || !cs_pattern_names_key(rule->key));
}

bool cs_policy_allows_some(
    const struct cs_policy *policy, const struct cs_program *program, const struct cs_token *token)
{
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct cs_rule *rule = &policy->rules[i];

        if (!cs_rule_fits_program(rule, program) ||
            (rule->key && !cs_pattern_fits_token(rule->key, token)))
            continue;
        if (rule->sign || is_for_all(rule))
            return rule->sign;
    }
    return false;
}
