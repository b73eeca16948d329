/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a caller may have its signature: the facts are gathered here, the policy decides. Called
 * by sign.c before a PIN is asked for, and again after everything that took a person's time: rules
 * may have changed meanwhile, and the program may have become another.
 */
#include "request/request-state.h"
#include "text.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>

static void get_facts(const struct cs_request *request, const struct cs_identity *identity,
    const struct cs_program *program, struct cs_policy_facts *facts)
{
    *facts = (struct cs_policy_facts){
        .identity = identity,
        .program = program,
        .program_name = cs_caller_name(request->caller),
        .proof = request->proof,
        .host = request->host,
    };
}

/* Whether the consent that the request has had holds still: it was for the same, and if it was an
 * answer of before, that has not ended while something was waited for. */
static bool has_consent(const struct cs_request *request, const struct cs_decision *decision,
    const struct cs_subject *subject)
{
    if (!request->consented || !cs_subject_is_shown_as(subject, request->consented_to) ||
        !cs_executable_equal(&request->consented_file, &request->caller->procfs.file))
        return false;
    return !request->consented_before || (decision->consent != CS_CONSENT_ALWAYS &&
                                             cs_consent_has(&request->service->consents, subject));
}

/* 0 if an answer of before allows it, CS_DECIDE_LATER if somebody has been asked. */
static int ask(struct cs_request *request, const struct cs_decision *decision,
    const struct cs_policy_facts *facts, struct cs_fault *fault)
{
    const struct cs_program *program = facts->program;
    char label[CS_TEXT_MAX], sign[CS_SIGN_TEXT], text[256];
    struct cs_subject subject = {
        .program = program->app[0] ? program->app : program->path,
        .name = facts->program_name,
        .label = cs_text_clean(facts->identity->source->label, label, sizeof(label)),
        .token = facts->identity->token->name,
        .token_uri = facts->identity->token->uri,
        .server = request->host,
        .what = cs_sign_text(cs_sign_of(facts->proof), sign),
    };
    int r;

    memcpy(subject.id, request->id, CS_ID_SIZE);
    if (program->path[0] && !program->app[0])
        subject.file = request->caller->procfs.file;
    if (has_consent(request, decision, &subject))
        return 0;
    free(request->consented_to);
    request->consented = NULL;
    request->consented_before = false;
    request->consented_file = request->caller->procfs.file;
    request->consented_to = cs_subject_dup(&subject);
    if (!request->consented_to)
        return CS_ERR_MEMORY;
    request->consent.caller = request->caller;
    r = cs_consent_wait(&request->service->consents, &subject,
        decision->consent == CS_CONSENT_ALWAYS, &request->consent, text, sizeof(text));
    if (r == 0)
        return CS_DECIDE_LATER;
    if (r > 0) {
        request->consented_before = true;
        request->consented = CS_CONSENTED_SESSION;
        return 0;
    }
    if (r == CS_ERR_LOCKED)
        return cs_decision_refuse(decision, facts, fault);
    return r == CS_ERR_MEMORY ? r : cs_decision_refuse_unconsented(facts, text, fault);
}

int cs_request_refuse(struct cs_request *request, const struct cs_identity *identity,
    const char *why, struct cs_fault *fault)
{
    struct cs_policy_facts facts;

    if (!identity)
        return cs_fail(fault, CS_ERR_DENIED, "%s", why);
    get_facts(request, identity, cs_caller_look(request->caller), &facts);
    return cs_decision_refuse_unconsented(&facts, why, fault);
}

int cs_request_decide(
    struct cs_request *request, const struct cs_identity *identity, struct cs_fault *fault)
{
    struct cs_service *service = request->service;
    struct cs_policy_facts facts;
    struct cs_decision decision;

    get_facts(request, identity, cs_caller_look(request->caller), &facts);
    decision = cs_policy_decide(&service->config->policy, &facts);
    if (decision.in_doubt && !request->logged_in)
        return CS_DECIDE_UNLOCKED;
    if (decision.in_doubt) {
        cs_token_say_locked(identity->token->name, identity->token->word, fault);
        return CS_ERR_LOCKED;
    }
    if (decision.verdict != CS_VERDICT_DENY && decision.rule->rate > 0 && !request->decided)
        cs_decision_limit(
            &decision, cs_rate_count(&service->rates, decision.rule, facts.program, uv_hrtime()));
    request->decided = true;
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
