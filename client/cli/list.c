/* SPDX-License-Identifier: Apache-2.0 */
/* countersign list: the identities there are, a line each. */
#include "cli/json.h"
#include "cli/picture.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/when.h"
#include "cli/x509.h"

#include <string.h>

static const struct cs_column columns[] = {
    {.title = "ID"},
    {.title = "LABEL", .cut = CS_CUT_END},
    {.title = "TOKEN", .cut = CS_CUT_END},
    {.title = "KEY", .cut = CS_CUT_END},
    {.title = "EXPIRES", .cut = CS_CUT_END},
    {.title = "STATE"},
    {.title = "SUBJECT", .cut = CS_CUT_MIDDLE, .optional = true},
};

static void add_row(const struct cs_cli *cli, const struct cs_picture *picture,
    struct cs_table *table, const struct countersign_identity *identity, size_t digits)
{
    const struct countersign_token *token =
        cs_picture_token(picture, countersign_identity_token_uri(identity));
    CS_AUTO(cs_x509_freep) struct cs_x509 *x509 = NULL;
    char id[CS_ID_HEX], key[64], expiry[CS_WHEN_SIZE] = "no certificate";
    size_t len;
    const char *label = countersign_identity_label(identity, &len);
    CS_AUTO(cs_freep) char *safe_label = cs_text_safe(CS_BYTES(label, len));
    const uint8_t *der = countersign_identity_certificate(identity, 0, &len);

    cs_identity_hex(id, identity);
    id[digits] = '\0';
    cs_identity_key(key, sizeof(key), identity);
    if (der && cs_x509_new(&x509, CS_BYTES(der, len)) == 0)
        cs_when_expiry(expiry, sizeof(expiry), x509->not_before, x509->not_after, cli->now);
    else if (der)
        snprintf(expiry, sizeof(expiry), "unreadable");
    cs_table_add(
        table, (const char *[]){id, safe_label, token ? countersign_token_label(token) : NULL, key,
                   expiry, cs_token_state(token), x509 ? x509->subject : NULL});
}

/* What keeps keys of modules out of the list; of those that fail altogether only if that may be the
 * reason for an empty one. Whether anything did. */
static bool explain_modules(const struct cs_cli *cli, bool is_empty)
{
    struct countersign_status *status = NULL;
    const struct countersign_module *module;
    bool any = false;

    if (countersign_status_get(cli->client, &status, NULL) < 0)
        return false;
    for (size_t i = 0; (module = countersign_status_module(status, i)); i++) {
        const char *error = countersign_module_error(module);
        bool runs = strcmp(countersign_module_state(module), "running") == 0;

        if (!*error || (!is_empty && !runs))
            continue;
        cs_cli_say(
            "module '%s'%s: %s", countersign_module_name(module), runs ? "" : " failed", error);
        any = true;
    }
    countersign_status_free(status);
    return any;
}

/* An empty list has a reason; the likeliest ones are named. */
static void explain_nothing(const struct cs_picture *picture, bool explained)
{
    const struct countersign_token *token;

    if (countersign_list_n(picture->tokens) == 0 && !explained)
        cs_cli_say(
            "no token is there: insert it, or initialise it with its own tool if it is blank; "
            "'countersign refresh' looks again, 'countersign status' shows whether its "
            "module works");
    for (size_t i = 0; (token = countersign_list_token(picture->tokens, i)); i++)
        cs_cli_say("token %s shows no key%s", countersign_token_label(token),
            strcmp(cs_token_state(token), "locked") == 0
                ? ": it may show more after 'countersign unlock'"
                : "");
}

static int print_table(const struct cs_cli *cli, const struct cs_picture *picture)
{
    CS_AUTO(cs_table_freep) struct cs_table *table = NULL;
    size_t digits = cs_picture_digits(picture);
    bool explained;
    int r;

    table = cs_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < picture->n_identities; i++)
        add_row(cli, picture, table, picture->sorted[i], digits);
    explained = explain_modules(cli, countersign_list_n(picture->tokens) == 0);
    if (picture->n_identities == 0) {
        explain_nothing(picture, explained);
        return CS_EXIT_OK;
    }
    r = cs_table_print(table, cli->out, cli->width);
    return r < 0 ? cs_cli_fail(cli, r) : CS_EXIT_OK;
}

static int print_json(const struct cs_cli *cli, const struct cs_picture *picture)
{
    struct json_object *object = json_object_new_object();
    struct json_object *identities = json_object_new_array();

    for (size_t i = 0; i < picture->n_identities; i++) {
        const char *uri = countersign_identity_token_uri(picture->sorted[i]);

        json_object_array_add(
            identities, cs_json_identity(picture->sorted[i], cs_picture_token(picture, uri)));
    }
    json_object_object_add(object, "identities", identities);
    return cs_json_print(object, cli->out);
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const struct cs_option options[] = {{.name = "json", .flag = &cli->json}};
    struct cs_picture picture;
    int status;
    int r = cs_options_read(cli, options, 1, &argc, &argv, 0, 0);

    if (r != CS_OPTIONS_GO)
        return r;
    r = cs_cli_connect(cli);
    if (r == 0)
        r = cs_picture_get(&picture, cli);
    if (r != 0)
        return cs_cli_fail(cli, r);
    status = cli->json ? print_json(cli, &picture) : print_table(cli, &picture);
    cs_picture_deinit(&picture);
    return status;
}

const struct cs_verb cs_verb_list = {
    .name = "list",
    .arguments = "[--json]",
    .summary = "the keys that can sign for you",
    .help = "Lists your identities: private keys on tokens with their certificates. It asks\n"
            "for no PIN. ID is the beginning of a hash of the public key; where a command\n"
            "wants an ID, it takes these digits, the label, or a pkcs11: URI.\n"
            "\n"
            "STATE is the token's: 'unlocked', 'locked' (a PIN is needed first), 'open'\n"
            "(needs none), 'blocked' (accepts no PIN any more).\n"
            "\n"
            "  --json   print JSON, with whole ids, URIs and certificates' subjects\n",
    .examples = "  countersign list\n"
                "  countersign list --json | jq -r '.identities[].uri'\n",
    .run = run,
};
