/* SPDX-License-Identifier: Apache-2.0 */
/* The rules in force, in one block of memory, and what they come to. */
#include "base/message.h"
#include "lib/client.h"
#include "lib/pack.h"

#include <stdio.h>

struct countersign_policy {
    uint64_t loaded;
    const char *error;
    size_t n_rules;
    struct countersign_rule rules[];
};

static void pack_rule(
    struct countersign_rule *rule, struct cs_pack *pack, const struct cs_msg_rule *m)
{
    *rule = (struct countersign_rule){
        .name = cs_pack_string(pack, m->name),
        .where = cs_pack_string(pack, m->where),
        .identity = cs_pack_string(pack, m->identity),
        .program = cs_pack_string(pack, m->program),
        .hosts = cs_pack_string(pack, m->hosts),
        .sign = cs_pack_string(pack, m->sign),
        .consent = cs_pack_string(pack, m->consent),
        .rate = cs_pack_string(pack, m->rate),
        .flags = m->flags,
        .keys = m->keys,
    };
}

static int policy_new(struct countersign_policy **policyp, struct cs_bytes body)
{
    struct cs_reader reader = cs_reader_of(body);
    CS_AUTO(cs_freep) struct countersign_policy *policy = NULL;
    struct cs_msg_policy m;
    struct cs_pack pack;
    int r;

    cs_msg_policy_read(&reader, &m);
    if (reader.error)
        return reader.error;
    policy =
        cs_pack_new(&pack, sizeof(*policy) + m.n_rules * sizeof(struct countersign_rule), body.len);
    if (!policy)
        return CS_ERR_MEMORY;
    policy->loaded = m.loaded;
    policy->error = cs_pack_string(&pack, m.error);
    for (; policy->n_rules < m.n_rules; policy->n_rules++) {
        struct cs_msg_rule rule;

        cs_msg_rule_read(&reader, &rule);
        pack_rule(&policy->rules[policy->n_rules], &pack, &rule);
    }
    r = cs_reader_end(&reader);
    if (r == 0)
        *policyp = cs_steal(&policy);
    return r;
}

int countersign_policy_get(struct countersign_client *client, struct countersign_policy **policyp,
    struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct cs_request request;
    struct cs_reply reply;
    int r;

    cs_request_init(&request, CS_MSG_POLICY);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = policy_new(policyp, reply.body);
    return cs_client_end(client, &request, &reply, r, fault);
}

void countersign_policy_free(struct countersign_policy *policy)
{
    free(policy);
}

uint64_t countersign_policy_loaded(const struct countersign_policy *policy)
{
    return policy->loaded;
}

const char *countersign_policy_error(const struct countersign_policy *policy)
{
    return policy->error;
}

size_t countersign_policy_n_rules(const struct countersign_policy *policy)
{
    return policy->n_rules;
}

const struct countersign_rule *countersign_policy_rule(
    const struct countersign_policy *policy, size_t index)
{
    return index < policy->n_rules ? &policy->rules[index] : NULL;
}

static void copy(char *out, size_t size, struct cs_bytes text)
{
    snprintf(out, size, "%.*s", (int)text.len, text.len ? (const char *)text.data : "");
}

static int take_decision(struct countersign_decision *decision, struct cs_bytes body)
{
    struct cs_msg_decision m;
    int r = cs_msg_decision_get(body, &m);

    if (r < 0)
        return r;
    decision->verdict = m.verdict;
    copy(decision->rule, sizeof(decision->rule), m.rule);
    copy(decision->where, sizeof(decision->where), m.where);
    copy(decision->text, sizeof(decision->text), m.text);
    return 0;
}

int countersign_policy_check(struct countersign_client *client,
    const struct countersign_policy_question *question, struct countersign_decision *decision,
    struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    CS_AUTO(cs_freep) char *identity = NULL;
    struct cs_msg_policy_check m = {
        .program = cs_bytes_of(question->program),
        .proof = cs_bytes_of(question->proof),
        .host = cs_bytes_of(question->host),
    };
    struct cs_request request;
    struct cs_reply reply;
    int r = cs_client_name(question->identity, &identity, fault);

    if (r < 0)
        return r;
    m.identity = cs_bytes_of(identity);
    if (!cs_bytes_is_string(m.identity) || !cs_bytes_is_string(m.program) ||
        !cs_bytes_is_string(m.proof) || !cs_bytes_is_string(m.host))
        return cs_fail(fault, CS_ERR_INVALID, "names must be UTF-8");
    cs_request_init(&request, CS_MSG_POLICY_CHECK);
    cs_msg_policy_check_put(&request.frame, &m);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = take_decision(decision, reply.body);
    return cs_client_end(client, &request, &reply, r, fault);
}
