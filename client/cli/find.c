/* SPDX-License-Identifier: Apache-2.0 */
/* countersign find: which identity a server is to see, and why. */
#include "base/cleanup.h"
#include "cli/field.h"
#include "cli/issuers.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "cli/when.h"
#include "cli/x509.h"

static int print_json(const struct cs_cli *cli, const struct cs_picture *picture,
    const struct countersign_identity *identity)
{
    const struct countersign_token *token =
        cs_picture_token(picture, countersign_identity_token_uri(identity));
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "why", cs_json_string(countersign_identity_why(identity)));
    json_object_object_add(object, "identity", cs_json_identity(identity, token));
    return cs_json_print(object, cli->out);
}

static int print_fields(const struct cs_cli *cli, const struct cs_picture *picture,
    const struct countersign_identity *identity)
{
    const struct countersign_token *token =
        cs_picture_token(picture, countersign_identity_token_uri(identity));
    char id[CS_ID_HEX], validity[2 * CS_WHEN_SIZE];
    CS_AUTO(cs_x509_freep) struct cs_x509 *x509 = NULL;
    const uint8_t *der;
    size_t len;

    cs_identity_hex(id, identity);
    cs_field_print(cli, "Label", "%s", countersign_identity_label(identity, &len));
    cs_field_print(cli, "Id", "%s", id);
    der = countersign_identity_chain(identity, 0, &len);
    if (cs_x509_new(&x509, CS_BYTES(der, len)) == 0) {
        cs_when_validity(validity, sizeof(validity), x509->not_before, x509->not_after, cli->now);
        cs_field_print(cli, "Subject", "%s", x509->subject);
        cs_field_print(cli, "Issuer", "%s", x509->self_signed ? "itself" : x509->issuer);
        cs_field_print(cli, "Validity", "%s", validity);
    }
    cs_field_print(
        cli, "Token", "%s, %s", token ? countersign_token_label(token) : "", cs_token_state(token));
    cs_field_print(cli, "Why", "%s", countersign_identity_why(identity));
    return CS_EXIT_OK;
}

static int find(struct cs_cli *cli, const struct countersign_criteria *criteria)
{
    struct countersign_identity *identity = NULL;
    struct cs_picture picture = {0};
    int status = CS_EXIT_OK;
    int r = cs_cli_connect(cli);

    if (r == 0)
        r = countersign_find(cli->client, criteria, &identity, &cli->fault);
    if (r == 0)
        r = countersign_list_tokens(cli->client, &picture.tokens, &cli->fault);
    if (r == 0)
        status = (cli->json ? print_json : print_fields)(cli, &picture, identity);
    cs_picture_deinit(&picture);
    countersign_identity_free(identity);
    return r < 0 ? cs_cli_fail(cli, r) : status;
}

static int read_issuers(
    struct cs_cli *cli, struct cs_issuers *issuers, const char **texts, size_t n)
{
    struct cs_fault fault = {0};
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = cs_issuers_add(issuers, texts[i], &fault);
    if (r == 0)
        return CS_OPTIONS_GO;
    return cs_cli_usage(cli, "%s", cs_fault_text(&fault, r));
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    CS_AUTO(cs_freep) const char **texts = calloc((size_t)argc, sizeof(*texts));
    size_t n_texts = 0;
    struct countersign_criteria criteria = {0};
    struct cs_issuers issuers = {0};
    const struct cs_option options[] = {
        {.name = "host", .value = &criteria.host},
        {.name = "issuer", .value = texts, .count = &n_texts},
        {.name = "json", .flag = &cli->json},
    };
    int status;

    if (!texts)
        return cs_cli_fail(cli, CS_ERR_MEMORY);
    status = cs_options_read(cli, options, 3, &argc, &argv, 0, 0);
    if (status == CS_OPTIONS_GO)
        status = read_issuers(cli, &issuers, texts, n_texts);
    if (status == CS_OPTIONS_GO) {
        criteria.issuers = issuers.names;
        criteria.n_issuers = issuers.n;
        status = find(cli, &criteria);
    }
    cs_issuers_deinit(&issuers);
    return status;
}

const struct cs_verb cs_verb_find = {
    .name = "find",
    .arguments = "[--host HOST] [--issuer NAME]... [--json]",
    .summary = "which key a server would see, and why",
    .help = "Says which identity a program of 'countersign run' presents to a server, and\n"
            "why; or, with exit status 4, why none suits. It asks for no PIN.\n"
            "\n"
            "  --host HOST     the server's name\n"
            "  --issuer NAME   an authority that the server accepts: a distinguished name, or\n"
            "                  a file with certificates; may be given again; without it any\n"
            "                  authority will do\n"
            "  --json          print JSON\n",
    .examples = "  countersign find --host api.corp.example\n"
                "  countersign find --issuer 'CN=Office CA,O=Corp' --issuer partner-ca.pem\n",
    .run = run,
};
