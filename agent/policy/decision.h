/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided about a signature, and how that is said. */
#ifndef CS_AGENT_DECISION_H
#define CS_AGENT_DECISION_H

#include "policy/rule.h"

#include <countersign/protocol.h>

struct cs_policy_facts {
    const struct cs_identity *identity;
    const struct cs_program *program;
    const char *program_name; /* for people */
    enum cs_proof_kind proof;
    const char *host; /* the server, if the proof tells; else "" */
};

struct cs_decision {
    enum cs_verdict verdict;
    enum cs_consent consent;    /* of ASK: SESSION or ALWAYS */
    const struct cs_rule *rule; /* never NULL; lives as long as the policy */
    bool too_often;             /* DENY because of the rule's rate */
    bool in_doubt; /* another rule may name the key, by what its token hides until the login */
};

/* The same decision, when the program has had `used` signatures by its rule in the rule's period.
 */
void cs_decision_limit(struct cs_decision *decision, uint32_t used);

/* One sentence: what is decided, why, and for a refusal what would allow it. Returns text. */
#define CS_DECISION_TEXT 1024
char *cs_decision_explain(const struct cs_decision *decision, const struct cs_policy_facts *facts,
    char text[CS_DECISION_TEXT]);
/* The refusal of DENY, and of ASK where nobody can be asked. CS_ERR_DENIED. */
int cs_decision_refuse(const struct cs_decision *decision, const struct cs_policy_facts *facts,
    struct cs_fault *fault);

/* The refusal of what a person was, or would have been, asked about: why they did not consent. */
int cs_decision_refuse_unconsented(
    const struct cs_policy_facts *facts, const char *why, struct cs_fault *fault);

#endif
