/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have what signed. Pure: facts and rules in, a decision out; no I/O, no clock, no memory
 * of what was decided before.
 *
 * The rules stand in the order in which they are tried, and the first that fits decides alone:
 * final ones of the administrator, then those of files, then what is built in; of these the one
 * that names a key before the one that names a token before the one for every key; of equals the
 * one that names its programs before the one with wildcards before the one for every program; of
 * equals likewise by hosts; of equals the later one.
 */
#ifndef CS_AGENT_POLICY_H
#define CS_AGENT_POLICY_H

#include "policy/decision.h"
#include "policy/rule.h"

struct cs_policy {
    size_t n_rules;
    struct cs_rule *rules;
    size_t n_read; /* rules of files, for their order */
};

/* Only what is built in. */
int cs_policy_init(struct cs_policy *policy);
void cs_policy_deinit(struct cs_policy *policy);
/* A setting of [rule "name"]; administrator: the file is one of the administrator's. */
int cs_policy_take(struct cs_policy *policy, const char *name, const struct cs_setting *at,
    bool administrator, struct cs_fault *fault);
/* Takes the user's rules out of an older policy, as if they were read behind what is here. Both are
 * complete. */
int cs_policy_keep_user(struct cs_policy *policy, struct cs_policy *older);
/* After the last setting: whether every rule is whole; brings them into their order. */
int cs_policy_complete(struct cs_policy *policy, struct cs_fault *fault);

struct cs_decision cs_policy_decide(
    const struct cs_policy *policy, const struct cs_policy_facts *facts);
/* Whether there may be a key on the token that signs something for the program. */
bool cs_policy_allows_some(
    const struct cs_policy *policy, const struct cs_program *program, const struct cs_token *token);

#endif
