/* SPDX-License-Identifier: Apache-2.0 */
/* countersign policy: who may have what signed, and why. */
#include "cli/field.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/verbs.h"

#include <string.h>

/* The rules */

static void print_rule(const struct cs_cli *cli, const struct countersign_rule *rule)
{
    fputc('\n', cli->out);
    cs_field_print(cli, "Rule", "%s%s", rule->name, rule->flags & CS_RULE_FINAL ? " (final)" : "");
    if (rule->where[0])
        cs_field_print(cli, "File", "%s", rule->where);
    if (rule->identity[0])
        cs_field_print(
            cli, "Key", "%s%s", rule->identity, rule->keys ? "" : " (fits none that shows now)");
    if (rule->program[0])
        cs_field_print(cli, "Program", "%s", rule->program);
    if (rule->hosts[0])
        cs_field_print(cli, "Hosts", "%s", rule->hosts);
    cs_field_print(cli, "Sign", "%s", rule->sign);
    if (strcmp(rule->consent, "never") != 0)
        cs_field_print(cli, "Consent", "%s", rule->consent);
    if (rule->rate[0])
        cs_field_print(cli, "Rate", "%s", rule->rate);
}

static int print(const struct cs_cli *cli, const struct countersign_policy *policy)
{
    const struct countersign_rule *rule;

    if (countersign_policy_error(policy)[0])
        cs_field_line(cli,
            countersign_policy_loaded(policy)
                ? "There is a mistake, and what was said there before still holds: %s"
                : "There is a mistake, and nothing is allowed until it is mended: %s",
            countersign_policy_error(policy));
    cs_field_line(cli, "The first rule that fits decides:");
    for (size_t i = 0; (rule = countersign_policy_rule(policy, i)); i++)
        print_rule(cli, rule);
    return CS_EXIT_OK;
}

static struct json_object *string_or_null(const char *text)
{
    return text[0] ? cs_json_string(text) : NULL;
}

static struct json_object *json_rule(const struct countersign_rule *rule)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "name", cs_json_string(rule->name));
    json_object_object_add(object, "where", string_or_null(rule->where));
    json_object_object_add(object, "identity", string_or_null(rule->identity));
    json_object_object_add(object, "program", string_or_null(rule->program));
    json_object_object_add(object, "hosts", string_or_null(rule->hosts));
    json_object_object_add(object, "sign", cs_json_string(rule->sign));
    json_object_object_add(object, "consent", cs_json_string(rule->consent));
    json_object_object_add(object, "rate", string_or_null(rule->rate));
    json_object_object_add(
        object, "final", json_object_new_boolean((rule->flags & CS_RULE_FINAL) != 0));
    json_object_object_add(object, "keys", json_object_new_int64(rule->keys));
    return object;
}

static int print_json(const struct cs_cli *cli, const struct countersign_policy *policy)
{
    struct json_object *object = json_object_new_object(), *rules = json_object_new_array();
    const struct countersign_rule *rule;

    json_object_object_add(
        object, "loaded", cs_json_time((int64_t)countersign_policy_loaded(policy)));
    json_object_object_add(object, "error", string_or_null(countersign_policy_error(policy)));
    for (size_t i = 0; (rule = countersign_policy_rule(policy, i)); i++)
        json_object_array_add(rules, json_rule(rule));
    json_object_object_add(object, "rules", rules);
    return cs_json_print(object, cli->out);
}

static int list(struct cs_cli *cli)
{
    struct countersign_policy *policy = NULL;
    int status = CS_EXIT_OK;
    int r = cs_cli_connect(cli);

    if (r == 0)
        r = countersign_policy_get(cli->client, &policy, &cli->fault);
    if (r == 0)
        status = (cli->json ? print_json : print)(cli, policy);
    countersign_policy_free(policy);
    return r < 0 ? cs_cli_fail(cli, r) : status;
}

/* What they come to */

static const char *verdict_name(int verdict)
{
    if (verdict == CS_VERDICT_ALLOW)
        return "allow";
    return verdict == CS_VERDICT_ASK ? "ask" : "deny";
}

static int print_decision(const struct cs_cli *cli, const struct countersign_decision *decision)
{
    struct json_object *object;

    if (!cli->json) {
        cs_field_print(cli, "Decision", "%s", verdict_name(decision->verdict));
        cs_field_print(
            cli, "Rule", "%s%s%s", decision->rule, decision->where[0] ? ", " : "", decision->where);
        cs_field_print(cli, "Why", "%s", decision->text);
        return CS_EXIT_OK;
    }
    object = json_object_new_object();
    json_object_object_add(object, "decision", cs_json_string(verdict_name(decision->verdict)));
    json_object_object_add(object, "rule", cs_json_string(decision->rule));
    json_object_object_add(object, "where", string_or_null(decision->where));
    json_object_object_add(object, "why", cs_json_string(decision->text));
    return cs_json_print(object, cli->out);
}

static int check(struct cs_cli *cli, const struct countersign_policy_question *question)
{
    struct countersign_decision decision;
    int status;
    int r = cs_cli_connect(cli);

    if (r == 0)
        r = countersign_policy_check(cli->client, question, &decision, &cli->fault);
    if (r != 0)
        return cs_cli_fail(cli, r);
    status = print_decision(cli, &decision);
    return status == CS_EXIT_OK && decision.verdict == CS_VERDICT_DENY ? CS_EXIT_DENIED : status;
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    struct countersign_policy_question question = {0};
    const struct cs_option options[] = {
        {.name = "identity", .value = &question.identity},
        {.name = "program", .value = &question.program},
        {.name = "proof", .value = &question.proof},
        {.name = "host", .value = &question.host},
        {.name = "json", .flag = &cli->json},
    };
    int r = cs_options_read(cli, options, 5, &argc, &argv, 0, 1);

    if (r != CS_OPTIONS_GO)
        return r;
    if (argc > 0 && strcmp(argv[0], "check") != 0)
        return cs_cli_usage(
            cli, "there is no 'countersign policy %s', only 'policy check'", argv[0]);
    if (argc > 0 && (!question.identity || !question.proof))
        return cs_cli_usage(cli, "policy check needs --identity and --proof");
    if (argc == 0 && (question.identity || question.program || question.proof || question.host))
        return cs_cli_usage(cli, "these options belong to 'countersign policy check'");
    return argc > 0 ? check(cli, &question) : list(cli);
}

const struct cs_verb cs_verb_policy = {
    .name = "policy",
    .arguments = "[check] [--identity ID] [--program PROGRAM]\n"
                 "                        [--proof PROOF] [--host HOST] [--json]",
    .summary = "who may have what signed, and why",
    .help = "Shows the rules in force in the order in which they are tried, each with its\n"
            "file. They are [rule] sections of countersign.conf(5), read again when a file\n"
            "changes; if there is a mistake in one it is told here.\n"
            "\n"
            "With check: what would be decided, by which rule, and what would allow what is\n"
            "refused. Nothing is signed, and nobody is asked. Exit status 6: denied.\n"
            "\n"
            "  --identity ID      the key: an id, label or pkcs11: URI\n"
            "  --program PROGRAM  its absolute path, flatpak:ID, snap:NAME or unit:NAME;\n"
            "                     without it, a program of which nothing is known\n"
            "  --proof PROOF      what is to be signed: tls (which is tls13-client),\n"
            "                     tls12-client, csr, digest or data\n"
            "  --host HOST        the server, with tls12-client\n"
            "  --json             print JSON\n",
    .examples = "  countersign policy\n"
                "  countersign policy check --identity alice --program /usr/bin/openssl \\\n"
                "      --proof data\n",
    .run = run,
};
