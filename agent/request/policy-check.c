/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POLICY_CHECK: what would be decided, from facts that the asker makes up. It says nothing that the
 * files do not, so every program of the user may ask.
 */
#include "request/request-state.h"
#include "base/cleanup.h"
#include "text.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The fields of the question, one behind the other in data, each with a zero. */
struct question {
    const char *identity, *program, *proof, *host;
};

static struct question question_of(const struct cs_request *request)
{
    struct question question = {.identity = (const char *)request->data.data};

    question.program = question.identity + strlen(question.identity) + 1;
    question.proof = question.program + strlen(question.program) + 1;
    question.host = question.proof + strlen(question.proof) + 1;
    return question;
}

static int read_proof(const char *name, enum cs_proof_kind *proofp, struct cs_fault *fault)
{
    static const enum cs_proof_kind kinds[] = {
        CS_PROOF_TLS13_CLIENT, CS_PROOF_TLS12_CLIENT, CS_PROOF_CSR, CS_PROOF_DIGEST, CS_PROOF_DATA};

    if (strcmp(name, "tls") == 0)
        name = cs_proof_name(CS_PROOF_TLS13_CLIENT);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(cs_proof_name(kinds[i]), name) == 0) {
            *proofp = kinds[i];
            return 0;
        }
    }
    return cs_fail(fault, CS_ERR_INVALID,
        "'%.64s' is no proof: there are tls (or tls13-client), tls12-client, csr, digest and data",
        name);
}

static int read_program(const char *name, struct cs_program *program, struct cs_fault *fault)
{
    bool unit = strncmp(name, "unit:", 5) == 0;
    bool app = strncmp(name, "flatpak:", 8) == 0 || strncmp(name, "snap:", 5) == 0;
    char *out = unit ? program->unit : app ? program->app : program->path;
    size_t size = unit || app ? CS_PROGRAM_NAME : CS_PROGRAM_PATH;

    if (!unit && !app && name[0] && name[0] != '/')
        return cs_fail(fault, CS_ERR_INVALID,
            "'%.64s' names no program: write its absolute path, flatpak:ID, snap:NAME or unit:NAME",
            name);
    if ((size_t)snprintf(out, size, "%s", unit ? name + 5 : name) >= size)
        return cs_fail(fault, CS_ERR_INVALID, "the program's name is too long");
    return 0;
}

static int read_facts(const struct cs_request *request, struct cs_policy_facts *facts,
    struct cs_program *program, struct cs_fault *fault)
{
    struct question question = question_of(request);
    struct cs_name_match match;
    int r = read_proof(question.proof, &facts->proof, fault);

    if (r == 0)
        r = read_program(question.program, program, fault);
    if (r == 0 && question.host[0] && facts->proof != CS_PROOF_TLS12_CLIENT)
        return cs_fail(fault, CS_ERR_INVALID,
            "only the proof tls12-client tells the server: with %s no rule with hosts fits",
            cs_proof_name(facts->proof));
    if (r == 0)
        r = cs_name_resolve(&request->service->inventory, question.identity, CS_EXPECT_KEY,
            time(NULL), &match, fault);
    if (r != 0)
        return r;
    facts->identity = match.identity;
    facts->program = program;
    facts->program_name = question.program[0] ? question.program : "an unknown program";
    facts->host = question.host;
    return 0;
}

static void check(struct cs_request *request)
{
    struct cs_program program = {0};
    struct cs_policy_facts facts;
    struct cs_decision decision;
    struct cs_fault fault = {0};
    char text[CS_DECISION_TEXT], where[CS_RULE_WHERE];
    int r = read_facts(request, &facts, &program, &fault);

    if (r < 0) {
        cs_request_fail(request, r, &fault);
        return;
    }
    decision = cs_policy_decide(&request->service->config->policy, &facts);
    cs_request_finish(
        request, &(const struct cs_reply){.text = "",
                     .decision = {.verdict = (uint8_t)decision.verdict,
                         .rule = cs_bytes_of(decision.rule->name),
                         .where = cs_bytes_of(cs_rule_where(decision.rule, where)),
                         .text = cs_bytes_of(cs_decision_explain(&decision, &facts, text))}});
}

void cs_request_check_policy(struct cs_request *request, const struct cs_msg_policy_check *m)
{
    const struct cs_bytes fields[] = {m->identity, m->program, m->proof, m->host};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        cs_buf_put(&request->data, fields[i].data, fields[i].len);
        cs_buf_put_u8(&request->data, 0);
    }
    if (request->data.error)
        cs_request_fail(request, request->data.error, NULL);
    else
        cs_request_when_settled(request, check);
}
