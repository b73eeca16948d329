/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions in words. A refusal ends in the error text of a program whose user has never heard of
 * rules, and some programs show its first 200 characters only: so it begins with what was refused
 * and why, and ends with what to write to have it allowed.
 */
#include "policy/decision.h"
#include "base/duration.h"
#include "base/hex.h"
#include "inventory/token.h"
#include "text.h"

#include <countersign/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_ID 8 /* octets of an id in a rule that is proposed */

/* A sentence that grows. */
struct sentence {
    char *text;
    size_t size;
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(
    struct sentence *sentence, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(sentence->text + sentence->len, sentence->size - sentence->len, format, args);
    va_end(args);
    if (n > 0)
        sentence->len += (size_t)n;
    if (sentence->len >= sentence->size)
        sentence->len = sentence->size - 1;
}

static const char *what(enum cs_proof_kind proof)
{
    switch (cs_sign_of(proof)) {
    case CS_SIGN_TLS:
        return "a TLS handshake";
    case CS_SIGN_CSR:
        return "a certificate request";
    case CS_SIGN_DIGEST:
        return "a bare hash";
    default:
        return "a message that is no TLS handshake";
    }
}

static void add_key(struct sentence *sentence, const struct cs_identity *identity)
{
    char label[CS_TEXT_MAX], id[2 * SHOWN_ID + 1];

    cs_text_clean(identity->source->label, label, sizeof(label));
    cs_hex_write(identity->key->id, SHOWN_ID, id);
    add(sentence, "'%.64s'", label[0] ? label : id);
}

static void add_rule(struct sentence *sentence, const struct cs_rule *rule)
{
    if (rule->file)
        add(sentence, "rule '%s' (%s:%d)", rule->name, rule->file, rule->line);
    else
        add(sentence, "'%s'", rule->name);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* As a file of rules can have it: what would mean something else there, in a list, a comment or a
 * pattern, or does not pass through a sentence, is any one octet. */
static void write_as_pattern(const char *path, char *out, size_t size)
{
    size_t len = strnlen(path, size - 1);

    for (size_t i = 0; i < len; i++) {
        bool odd = strchr("*?[]\\,;\"", path[i]) || (unsigned char)path[i] < ' ' ||
                   path[i] == 0x7f || (path[i] == ' ' && i + 1 == len);

        out[i] = odd ? '?' : path[i];
    }
    out[len] = '\0';
}

/* The rule that would do, for this key and this program alone. */
static void add_proposal(struct sentence *sentence, const struct cs_policy_facts *facts)
{
    const struct cs_program *program = facts->program;
    char id[2 * SHOWN_ID + 1], path[CS_PROGRAM_PATH], sign[CS_SIGN_TEXT];

    if (program->doubt && !program->app[0]) {
        add(sentence, "%s", program->doubt);
        return;
    }
    cs_hex_write(facts->identity->key->id, SHOWN_ID, id);
    write_as_pattern(program->app[0] ? program->app : program->path, path, sizeof(path));
    add(sentence, "to allow it write [rule \"%.32s\"] with identity = %s",
        path[0] ? base_name(path) : id, id);
    if (path[0])
        add(sentence, ", program = %s", path);
    add(sentence, " and sign = %s into ~/.config/countersign/rules.conf",
        cs_sign_text(CS_SIGN_TLS | cs_sign_of(facts->proof), sign));
}

static void add_denial(struct sentence *sentence, const struct cs_decision *decision,
    const struct cs_policy_facts *facts)
{
    const struct cs_rule *rule = decision->rule;
    char sign[CS_SIGN_TEXT];

    if (!rule->file) {
        add(sentence, "that is signed only where a rule says so; ");
        add_proposal(sentence, facts);
        return;
    }
    add_rule(sentence, rule);
    add(sentence, " allows %s%s", rule->sign ? "only " : "", cs_sign_text(rule->sign, sign));
    if (rule->final)
        add(sentence, " and is final: ask who administers this machine");
    else if (rule->sign)
        add(sentence, ": add %s to its sign, or write a rule for this program",
            cs_sign_text(cs_sign_of(facts->proof), sign));
    else
        add(sentence, ": write sign = %s there, or a rule for this program",
            cs_sign_text(cs_sign_of(facts->proof), sign));
}

static void add_refusal(struct sentence *sentence, const struct cs_decision *decision,
    const struct cs_policy_facts *facts)
{
    const struct cs_rule *rule = decision->rule;
    char period[64];

    add_key(sentence, facts->identity);
    add(sentence, " does not sign %s for %s: ", what(facts->proof), facts->program_name);
    if (decision->too_often) {
        add_rule(sentence, rule);
        add(sentence, " allows %u in %s: try again later, or raise its rate", rule->rate,
            cs_duration_text(rule->period, period, sizeof(period)));
    } else if (decision->verdict == CS_VERDICT_DENY) {
        add_denial(sentence, decision, facts);
    } else if (rule->file) {
        add_rule(sentence, rule);
        add(sentence, " wants a person's consent, and nobody can be asked here: with consent = "
                      "never it needs none");
    } else {
        add(sentence, "a person must consent, and nobody can be asked here; ");
        add_proposal(sentence, facts);
    }
}

void cs_decision_limit(struct cs_decision *decision, uint32_t used)
{
    if (decision->verdict == CS_VERDICT_DENY || decision->rule->rate == 0 ||
        used < decision->rule->rate)
        return;
    decision->verdict = CS_VERDICT_DENY;
    decision->too_often = true;
}

static void add_permission(struct sentence *sentence, const struct cs_decision *decision,
    const struct cs_policy_facts *facts)
{
    add_key(sentence, facts->identity);
    add(sentence, " signs %s for %s", what(facts->proof), facts->program_name);
    if (decision->verdict == CS_VERDICT_ASK)
        add(sentence, " when a person consents, %s",
            decision->consent == CS_CONSENT_ALWAYS ? "each time" : "once in a session");
    add(sentence, ": ");
    add_rule(sentence, decision->rule);
}

static void add_doubt(struct sentence *sentence, const struct cs_decision *decision,
    const struct cs_policy_facts *facts)
{
    if (decision->in_doubt)
        add(sentence,
            "; as long as the private key is hidden: once token '%s' is unlocked, a rule may name "
            "it by its own label",
            facts->identity->token->name);
}

char *cs_decision_explain(const struct cs_decision *decision, const struct cs_policy_facts *facts,
    char text[CS_DECISION_TEXT])
{
    struct sentence sentence = {.text = text, .size = CS_DECISION_TEXT};

    text[0] = '\0';
    if (decision->verdict == CS_VERDICT_DENY)
        add_refusal(&sentence, decision, facts);
    else
        add_permission(&sentence, decision, facts);
    add_doubt(&sentence, decision, facts);
    return text;
}

int cs_decision_refuse(
    const struct cs_decision *decision, const struct cs_policy_facts *facts, struct cs_fault *fault)
{
    char text[CS_DECISION_TEXT] = "";
    struct sentence sentence = {.text = text, .size = sizeof(text)};

    add_refusal(&sentence, decision, facts);
    return cs_fail(fault, CS_ERR_DENIED, "%s", text);
}

int cs_decision_refuse_unconsented(
    const struct cs_policy_facts *facts, const char *why, struct cs_fault *fault)
{
    char text[CS_DECISION_TEXT] = "";
    struct sentence sentence = {.text = text, .size = sizeof(text)};

    add_key(&sentence, facts->identity);
    add(&sentence, " does not sign %s for %s: %s; ", what(facts->proof), facts->program_name, why);
    add_proposal(&sentence, facts);
    return cs_fail(fault, CS_ERR_DENIED, "%s", text);
}
