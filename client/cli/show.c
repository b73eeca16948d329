/* SPDX-License-Identifier: Apache-2.0 */
/* countersign show: one identity in full, nothing cut, so that all of it can be copied. */
#include "base/scheme.h"
#include "cli/field.h"
#include "cli/json.h"
#include "cli/picture.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "cli/when.h"
#include "cli/x509.h"

#include <string.h>
#include <time.h>

static void print_token(const struct cs_cli *cli, const struct countersign_token *token)
{
    char ago[CS_WHEN_SIZE], note[512];
    int64_t since;

    if (!token) {
        cs_field_print(cli, "Token", "gone");
        return;
    }
    since = (int64_t)countersign_token_since(token);
    cs_when_relative(ago, sizeof(ago), since, cli->now);
    cs_token_note(note, sizeof(note), token);
    cs_field_print(cli, "Token", "%s, %s%s%s%s%s", countersign_token_label(token),
        cs_token_state(token), since ? " " : "", since ? ago : "", *note ? ": " : "", note);
}

static void print_schemes(const struct cs_cli *cli, const struct countersign_identity *identity)
{
    char names[512] = "";
    size_t len = 0;

    for (size_t i = 0; i < countersign_identity_n_schemes(identity); i++) {
        uint16_t code = countersign_identity_scheme(identity, i);
        const struct cs_scheme *scheme = cs_scheme_by_code(code);
        int n =
            scheme ? snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "", scheme->name)
                   : snprintf(names + len, sizeof(names) - len, "%s0x%04x", i ? ", " : "", code);

        if (n < 0 || (size_t)n >= sizeof(names) - len)
            break;
        len += (size_t)n;
    }
    cs_field_print(cli, "Signs", "%s", len ? names : "nothing that TLS knows");
}

static void print_key(const struct cs_cli *cli, const struct countersign_identity *identity)
{
    unsigned flags = countersign_identity_flags(identity);
    char id[CS_ID_HEX], key[64];
    size_t len;
    const char *label = countersign_identity_label(identity, &len);
    CS_AUTO(cs_freep) char *safe = cs_text_safe(CS_BYTES(label, len));

    cs_identity_hex(id, identity);
    cs_identity_key(key, sizeof(key), identity);
    cs_field_print(cli, "Label", "%s", safe && *safe ? safe : "(none)");
    cs_field_print(cli, "Id", "%s", id);
    cs_field_print(cli, "URI", "%s", countersign_identity_uri(identity));
    cs_field_print(cli, "Key", "%s%s%s", key,
        flags & CS_IDENTITY_KEY_SEEN ? "" : ", not seen yet: the token shows it after the PIN",
        flags & CS_IDENTITY_ALWAYS_AUTHENTICATE ? ", asks for the PIN at each signature" : "");
}

static void print_usages(const struct cs_cli *cli, const struct cs_x509 *x509)
{
    char text[512] = "any";
    size_t len = 0;

    for (size_t i = 0; i < x509->n_usages && len < sizeof(text); i++)
        len += (size_t)snprintf(
            text + len, sizeof(text) - len, "%s%s", i ? ", " : "", x509->usages[i]);
    cs_field_print(cli, "  Usage", "%s", x509->any_usage || x509->n_usages ? text : "none");
}

static void print_certificate(const struct cs_cli *cli, const char *title, struct cs_bytes der)
{
    CS_AUTO(cs_x509_freep) struct cs_x509 *x509 = NULL;
    char validity[2 * CS_WHEN_SIZE];

    cs_field_title(cli, title);
    if (cs_x509_new(&x509, der) < 0) {
        cs_field_print(cli, "", "%zu bytes that are no X.509 certificate", der.len);
        return;
    }
    cs_when_validity(validity, sizeof(validity), x509->not_before, x509->not_after, cli->now);
    cs_field_print(cli, "  Subject", "%s", x509->subject);
    cs_field_print(cli, "  Issuer", "%s", x509->self_signed ? "itself" : x509->issuer);
    if (x509->names)
        cs_field_print(cli, "  Names", "%s", x509->names);
    cs_field_print(cli, "  Validity", "%s", validity);
    print_usages(cli, x509);
    cs_field_print(cli, "  Serial", "%s", x509->serial);
    cs_field_print(cli, "  SHA-256", "%s", x509->sha256);
}

/* The certificates of the key, then those of the chain behind its first. */
static void print_certificates(
    const struct cs_cli *cli, const struct countersign_identity *identity)
{
    size_t n = countersign_identity_n_certificates(identity), len;
    size_t n_chain = countersign_identity_n_chain(identity);
    const uint8_t *der;

    if (n == 0 && n_chain == 0)
        cs_field_print(cli, "Certificate", "none on the token: servers need one to know you by");
    for (size_t i = 0; i < n; i++) {
        der = countersign_identity_certificate(identity, i, &len);
        print_certificate(
            cli, i ? "Another certificate of this key" : "Certificate", CS_BYTES(der, len));
    }
    for (size_t i = n ? 1 : 0; i < n_chain; i++) {
        der = countersign_identity_chain(identity, i, &len);
        print_certificate(
            cli, i ? "Chain, sent with it" : "Certificate without a key", CS_BYTES(der, len));
    }
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const struct cs_option options[] = {{.name = "json", .flag = &cli->json}};
    struct countersign_identity *identity = NULL;
    struct cs_picture picture = {0};
    const struct countersign_token *token;
    int status = CS_EXIT_OK;
    int r = cs_options_read(cli, options, 1, &argc, &argv, 1, 1);

    if (r != CS_OPTIONS_GO)
        return r;
    r = cs_cli_connect(cli);
    if (r == 0)
        r = countersign_resolve(cli->client, argv[0], CS_EXPECT_ANY, &identity, &cli->fault);
    if (r == 0)
        r = countersign_list_tokens(cli->client, &picture.tokens, &cli->fault);
    if (r == 0) {
        cli->now = (int64_t)time(NULL); /* a person may have been asked for a PIN */
        token = cs_picture_token(&picture, countersign_identity_token_uri(identity));
        if (cli->json) {
            status = cs_json_print(cs_json_identity(identity, token), cli->out);
        } else {
            if (countersign_identity_id(identity)) {
                print_key(cli, identity);
                print_token(cli, token);
                print_schemes(cli, identity);
            }
            print_certificates(cli, identity);
        }
    }
    cs_picture_deinit(&picture);
    countersign_identity_free(identity);
    return r < 0 ? cs_cli_fail(cli, r) : status;
}

const struct cs_verb cs_verb_show = {
    .name = "show",
    .arguments = "ID [--json]",
    .summary = "all about one key and its certificates",
    .help = "Shows one identity in full: its URI, its token, what it can sign, its\n"
            "certificates and the chain that is sent with them. ID is an id of 8 digits or\n"
            "more, a label, or a pkcs11: URI (RFC 7512). It asks for no PIN, unless only a\n"
            "login shows what is called so.\n"
            "\n"
            "  --json   print JSON\n",
    .examples = "  countersign show alice\n"
                "  countersign show 'pkcs11:token=corp;id=%01'\n",
    .run = run,
};
