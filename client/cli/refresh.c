/* SPDX-License-Identifier: Apache-2.0 */
/* countersign refresh: has the agent look at the tokens anew. */
#include "cli/verbs.h"

static int run(struct cs_cli *cli, int argc, char **argv)
{
    int r = cs_options_read(cli, NULL, 0, &argc, &argv, 0, 0);

    if (r != CS_OPTIONS_GO)
        return r;
    r = cs_cli_connect(cli);
    if (r == 0)
        r = countersign_refresh(cli->client, &cli->fault);
    return r < 0 ? cs_cli_fail(cli, r) : CS_EXIT_OK;
}

const struct cs_verb cs_verb_refresh = {
    .name = "refresh",
    .arguments = "",
    .summary = "look at the tokens anew",
    .help = "Has the agent look at every token anew. A token that is inserted or pulled\n"
            "needs no refresh; a key or certificate that another program has just written\n"
            "to one does. Nothing is locked or unlocked by it.\n"
            "A module of which no token was unlocked yet, and none has refused a PIN, is\n"
            "started anew: some, such as tpm2-pkcs11, see what was written, or find a lost\n"
            "connection again, only then. Else: systemctl --user restart countersign-agent.\n",
    .examples = "  countersign refresh       after pkcs11-tool --write-object\n",
    .run = run,
};
