/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign pem: one file that stands for a key and carries its certificates. The reference comes
 * first: every reader of certificates passes over blocks it does not know, but a reader of keys
 * finds it soonest there.
 */
#include "cli/pem.h"
#include "base/pem.h"
#include "cli/cli.h"
#include "cli/pem-file.h"
#include "cli/picture.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "cli/when.h"
#include "cli/x509.h"

#include <string.h>

static void put(struct cs_buf *buf, const char *text)
{
    cs_buf_put(buf, text, strlen(text));
}

/* A line of comment; a label cannot end it, nor begin a block. */
static void put_comment(struct cs_buf *buf, const char *name, struct cs_bytes value)
{
    CS_AUTO(cs_freep) char *safe = cs_text_safe(value);

    put(buf, "# ");
    put(buf, name);
    put(buf, safe ? safe : "");
    put(buf, "\n");
}

static void put_head(struct cs_buf *buf, const struct countersign_identity *identity)
{
    char id[CS_ID_HEX], key[64], date[CS_WHEN_SIZE];
    CS_AUTO(cs_x509_freep) struct cs_x509 *x509 = NULL;
    size_t len;
    const char *label = countersign_identity_label(identity, &len);

    cs_identity_hex(id, identity);
    cs_identity_key(key, sizeof(key), identity);
    put(buf, "# A Countersign key reference: it names a private key that stays on its token.\n");
    put(buf, "# There is no secret in this file.\n");
    put_comment(buf, "Label:   ", CS_BYTES(label, len));
    put_comment(buf, "Key:     ", cs_bytes_of(key));
    put_comment(buf, "Id:      ", cs_bytes_of(id));
    if (countersign_identity_n_chain(identity) > 0) {
        const uint8_t *der = countersign_identity_chain(identity, 0, &len);

        if (cs_x509_new(&x509, CS_BYTES(der, len)) < 0)
            return;
        cs_when_date(date, sizeof(date), x509->not_after);
        put_comment(buf, "Subject: ", cs_bytes_of(x509->subject));
        put_comment(buf, "Expires: ", cs_bytes_of(date));
    }
}

int cs_pem_build(struct cs_buf *buf, const struct countersign_identity *identity, bool no_chain)
{
    struct cs_buf block = CS_BUF_INIT(CS_PEM_MAX);
    struct cs_pem_reference reference = {
        .uri = cs_bytes_of(countersign_identity_uri(identity)),
        .id = CS_BYTES(countersign_identity_id(identity), CS_ID_SIZE),
    };
    size_t n = countersign_identity_n_chain(identity);

    reference.spki.data = countersign_identity_spki(identity, &reference.spki.len);
    put_head(buf, identity);
    cs_pem_reference_put(&block, &reference);
    buf->error = buf->error ? buf->error : block.error;
    cs_pem_put(buf, CS_PEM_REFERENCE, cs_buf_bytes(&block));
    cs_buf_deinit(&block);
    for (size_t i = 0; i < (no_chain && n ? 1 : n); i++) {
        size_t len;
        const uint8_t *der = countersign_identity_chain(identity, i, &len);

        cs_pem_put(buf, "CERTIFICATE", CS_BYTES(der, len));
    }
    return buf->error;
}

static int write_pem(struct cs_cli *cli, const struct countersign_identity *identity,
    const char *path, bool no_chain, bool force)
{
    struct cs_buf buf = CS_BUF_INIT(CS_PEM_MAX);
    struct cs_fault fault = {0};
    int r = cs_pem_build(&buf, identity, no_chain);

    if (r == 0 && path)
        r = cs_pem_file_write(path, cs_buf_bytes(&buf), force, &fault);
    else if (r == 0)
        fwrite(buf.data, 1, buf.len, cli->out);
    cs_buf_deinit(&buf);
    if (r < 0) {
        cs_cli_say("%s", cs_fault_text(&fault, r));
        return r == CS_ERR_INVALID ? CS_EXIT_FAILURE : cs_error_exit_status(r);
    }
    if (countersign_identity_n_chain(identity) == 0)
        cs_cli_say("there is no certificate for this key on its token: add yours to the file, or "
                   "name it to the program beside it");
    return CS_EXIT_OK;
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    bool no_chain = false, force = false;
    const char *path = NULL;
    const struct cs_option options[] = {
        {.name = "output", .letter = 'o', .value = &path},
        {.name = "no-chain", .flag = &no_chain},
        {.name = "force", .flag = &force},
    };
    struct countersign_identity *identity = NULL;
    int status;
    int r = cs_options_read(cli, options, 3, &argc, &argv, 1, 1);

    if (r != CS_OPTIONS_GO)
        return r;
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    r = cs_cli_connect(cli);
    if (r == 0)
        r = countersign_resolve(cli->client, argv[0], CS_EXPECT_KEY, &identity, &cli->fault);
    if (r < 0)
        return cs_cli_fail(cli, r);
    if (countersign_identity_id(identity)) {
        status = write_pem(cli, identity, path, no_chain, force);
    } else {
        cs_cli_say("%s is a certificate whose private key is on no token here", argv[0]);
        status = CS_EXIT_NOT_FOUND;
    }
    countersign_identity_free(identity);
    return status;
}

const struct cs_verb cs_verb_pem = {
    .name = "pem",
    .arguments = "ID [--output FILE] [--no-chain] [--force]",
    .summary = "a PEM file that stands for a key",
    .help = "Writes a PEM file with a reference to the key, its certificate and its chain.\n"
            "Give it to a program as certificate and as private key: with the Countersign\n"
            "provider in its openssl.cnf, see 'countersign setup openssl', OpenSSL signs\n"
            "through the agent. There is no secret in the file. ID is an id of 8 digits or\n"
            "more, a label, or a pkcs11: URI.\n"
            "\n"
            "  -o, --output FILE   write FILE, for you alone to read, not standard output; a\n"
            "                      FILE that is something else is not replaced\n"
            "  --no-chain          leave out the certificates of authorities\n"
            "  --force             replace FILE whatever it is\n",
    .examples = "  countersign pem alice --output alice.pem\n"
                "  export OPENSSL_CONF=~/.config/countersign/openssl.cnf\n"
                "  curl --cert alice.pem https://intranet.example\n"
                "  openssl s_client -connect host:443 -cert alice.pem -key alice.pem\n",
    .run = run,
};
