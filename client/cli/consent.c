/* SPDX-License-Identifier: Apache-2.0 */
/* countersign consent: what was allowed when the agent asked, and how to end it. */
#include "cli/field.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/when.h"

#include <string.h>

static int print_table(const struct cs_cli *cli, const struct countersign_list *consents)
{
    static const struct cs_column columns[] = {
        {.title = "ID", .right = true},
        {.title = "PROGRAM", .cut = CS_CUT_MIDDLE},
        {.title = "KEY", .cut = CS_CUT_END},
        {.title = "TOKEN", .cut = CS_CUT_END},
        {.title = "MAY SIGN"},
        {.title = "SERVER", .cut = CS_CUT_END},
        {.title = "SINCE"},
        {.title = "USES", .right = true},
    };
    CS_AUTO(cs_table_freep) struct cs_table *table = cs_table_new(columns, 8);
    const struct countersign_consent *consent;

    for (size_t i = 0; (consent = countersign_list_consent(consents, i)); i++) {
        char number[16], since[CS_WHEN_SIZE], uses[24];

        snprintf(number, sizeof(number), "%u", consent->number);
        snprintf(uses, sizeof(uses), "%llu", (unsigned long long)consent->uses + 1);
        cs_when_relative(since, sizeof(since), (int64_t)consent->since, cli->now);
        cs_table_add(table, (const char *[]){number, consent->program, consent->label,
                                consent->token, consent->what, consent->server, since, uses});
    }
    if (countersign_list_n(consents) == 0) {
        cs_field_line(cli, "nothing was allowed for this session");
        return 0;
    }
    return cs_table_print(table, cli->out, cli->width);
}

static struct json_object *json_of(const struct countersign_consent *consent)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "id", json_object_new_int64(consent->number));
    json_object_object_add(object, "program", cs_json_string(consent->program));
    json_object_object_add(object, "identity", cs_json_hex(consent->id, sizeof(consent->id)));
    json_object_object_add(object, "label", cs_json_string(consent->label));
    json_object_object_add(object, "token", cs_json_string(consent->token));
    json_object_object_add(object, "what", cs_json_string(consent->what));
    json_object_object_add(
        object, "server", consent->server[0] ? cs_json_string(consent->server) : NULL);
    json_object_object_add(object, "since", cs_json_time((int64_t)consent->since));
    json_object_object_add(object, "uses", json_object_new_uint64(consent->uses + 1));
    return object;
}

static int print_json(const struct cs_cli *cli, const struct countersign_list *consents)
{
    struct json_object *object = json_object_new_object(), *array = json_object_new_array();
    const struct countersign_consent *consent;

    for (size_t i = 0; (consent = countersign_list_consent(consents, i)); i++)
        json_object_array_add(array, json_of(consent));
    json_object_object_add(object, "consents", array);
    return cs_json_print(object, cli->out);
}

static int list(struct cs_cli *cli)
{
    struct countersign_list *consents = NULL;
    int status = CS_EXIT_OK;
    int r = countersign_list_consents(cli->client, &consents, &cli->fault);

    if (r == 0 && cli->json)
        status = print_json(cli, consents);
    else if (r == 0)
        r = print_table(cli, consents);
    countersign_list_free(consents);
    return r < 0 ? cs_cli_fail(cli, r) : status;
}

static int end_consent(struct cs_cli *cli, uint32_t number)
{
    struct json_object *object;
    uint32_t n = 0;
    int r = countersign_consent_revoke(cli->client, number, &n, &cli->fault);

    if (r < 0)
        return cs_cli_fail(cli, r);
    if (!cli->json) {
        cs_field_line(cli, "revoked %u consent%s", n, n == 1 ? "" : "s");
        return CS_EXIT_OK;
    }
    object = json_object_new_object();
    json_object_object_add(object, "revoked", json_object_new_int64(n));
    return cs_json_print(object, cli->out);
}

/* The number in "revoke ID"; 0 if it is none. */
static uint32_t read_number(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    return end == text || *end || number > UINT32_MAX ? 0 : (uint32_t)number;
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    bool all = false;
    const struct cs_option options[] = {
        {.name = "all", .flag = &all}, {.name = "json", .flag = &cli->json}};
    uint32_t number = 0;
    bool revokes;
    int r = cs_options_read(cli, options, 2, &argc, &argv, 0, 2);

    if (r != CS_OPTIONS_GO)
        return r;
    revokes = argc > 0 && strcmp(argv[0], "revoke") == 0;
    if (argc > 0 && !revokes && strcmp(argv[0], "list") != 0)
        return cs_cli_usage(cli, "consent does not know '%s'", argv[0]);
    if (argc > 1)
        number = read_number(argv[1]);
    if (revokes ? all == (argc > 1) || (argc > 1 && number == 0) : all || argc > 1)
        return cs_cli_usage(cli, revokes ? "revoke needs the number of a consent, or --all"
                                         : "a list takes no more than --json");
    r = cs_cli_connect(cli);
    if (r < 0)
        return cs_cli_fail(cli, r);
    return revokes ? end_consent(cli, number) : list(cli);
}

const struct cs_verb cs_verb_consent = {
    .name = "consent",
    .arguments = "[list | revoke NUMBER | revoke --all] [--json]",
    .summary = "what you allowed when asked, and how to end it",
    .help = "Lists what you have allowed for this session when the agent asked whether a\n"
            "program may sign; 'revoke' ends one of these, or all, so that you are asked\n"
            "again. They end by themselves when their token is locked or pulled, and with\n"
            "the agent. What is always allowed or refused is said by rules, see\n"
            "countersign.conf(5).\n"
            "\n"
            "  --all    revoke every consent\n"
            "  --json   print JSON\n",
    .examples = "  countersign consent\n"
                "  countersign consent revoke 2\n",
    .run = run,
};
