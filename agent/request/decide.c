/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a caller may have its signature: the facts are gathered here, the policy decides. Called
 * by sign.c once for each request, before a PIN is asked for.
 */
#include "request/request-state.h"

#include <countersign/error.h>
#include <stdio.h>

/* A person would have to be asked, and there is no way to do that yet. */
static int ask(struct cs_request *request, const struct cs_decision *decision,
    const struct cs_policy_facts *facts, struct cs_fault *fault)
{
    (void)request;
    return cs_decision_refuse(decision, facts, fault);
}

int cs_request_decide(
    struct cs_request *request, const struct cs_identity *identity, struct cs_fault *fault)
{
    struct cs_service *service = request->service;
    const struct cs_policy_facts facts = {
        .identity = identity,
        .program = cs_caller_look(request->caller),
        .program_name = cs_caller_name(request->caller),
        .proof = request->proof,
        .host = request->host,
    };
    struct cs_decision decision = cs_policy_decide(&service->config->policy, &facts);

    request->decided = true;
    if (decision.verdict != CS_VERDICT_DENY && decision.rule->rate > 0)
        cs_decision_limit(
            &decision, cs_rate_count(&service->rates, decision.rule, facts.program, uv_hrtime()));
    snprintf(request->rule, sizeof(request->rule), "%s", decision.rule->name);
    switch (decision.verdict) {
    case CS_VERDICT_ALLOW:
        return 0;
    case CS_VERDICT_ASK:
        return ask(request, &decision, &facts, fault);
    case CS_VERDICT_DENY:
        break;
    }
    return cs_decision_refuse(&decision, &facts, fault);
}
