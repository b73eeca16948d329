/* SPDX-License-Identifier: Apache-2.0 */
/* countersign: asks the user's agent on behalf of a person or a script. */
#include "cli/verbs.h"

#include <errno.h>
#include <locale.h>
#include <openssl/crypto.h>
#include <string.h>

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    if (!*name) {
        cs_help_print(NULL, stderr);
        return CS_EXIT_USAGE;
    }
    cli->verb = cs_verb_get(name);
    if (!cli->verb)
        return cs_cli_usage(cli, "there is no command '%s'", name);
    return cli->verb->run(cli, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    struct cs_cli cli;
    int status;

    setlocale(LC_CTYPE, "");
    /* A configuration that is being set up or looked at may be broken, or leave out what we need.
     */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    cs_cli_init(&cli);
    status = run(&cli, argc, argv);
    cs_cli_deinit(&cli);
    if ((ferror(stdout) | fclose(stdout)) != 0 && status == CS_EXIT_OK) {
        cs_cli_say("cannot write to standard output: %s", strerrordesc_np(errno));
        status = CS_EXIT_FAILURE;
    }
    return status;
}
