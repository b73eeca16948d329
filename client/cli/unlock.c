/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign unlock: a login, by a dialog or with a PIN from a descriptor. The PIN never comes
 * into this process: the descriptor is passed on, to the process that drives the token.
 */
#include "cli/field.h"
#include "cli/json.h"
#include "cli/pin-source.h"
#include "cli/verbs.h"

static int print(const struct cs_cli *cli, const struct countersign_list *labels)
{
    struct json_object *object;
    const char *label;

    if (cli->json) {
        object = json_object_new_object();
        json_object_object_add(object, "unlocked", cs_json_labels(labels));
        return cs_json_print(object, cli->out);
    }
    if (countersign_list_n(labels) == 0)
        cs_field_line(cli, "nothing to unlock");
    for (size_t i = 0; (label = countersign_list_label(labels, i)); i++)
        cs_field_line(cli, "unlocked %s", label);
    return CS_EXIT_OK;
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const char *pin_fd = NULL;
    bool force = false;
    const struct cs_option options[] = {
        {.name = "pin-fd", .value = &pin_fd},
        {.name = "force", .flag = &force},
        {.name = "json", .flag = &cli->json},
    };
    struct countersign_list *labels = NULL;
    int how = CS_UNLOCK_ASK, fd = -1, status;
    int r = cs_options_read(cli, options, 3, &argc, &argv, 0, 1);

    if (r != CS_OPTIONS_GO)
        return r;
    if (pin_fd) {
        status = cs_pin_descriptor(cli, "pin-fd", pin_fd, &fd);
        if (status != 0)
            return status;
    }
    how = (pin_fd ? CS_UNLOCK_FD : CS_UNLOCK_ASK) | (force ? CS_UNLOCK_FORCE : 0);
    cs_pin_tell_terminal();
    r = cs_cli_connect(cli);
    if (r == 0)
        r = countersign_unlock(cli->client, argv[0], how, fd, &labels, &cli->fault);
    if (r < 0)
        return cs_cli_fail(cli, r);
    status = print(cli, labels);
    countersign_list_free(labels);
    return status;
}

const struct cs_verb cs_verb_unlock = {
    .name = "unlock",
    .arguments = "[TOKEN] [--pin-fd N] [--force] [--json]",
    .summary = "enter the PIN of a token",
    .help = "Logs in to the token that TOKEN (its label, serial or pkcs11: URI) names;\n"
            "without TOKEN, to the one that can be unlocked. The PIN comes from the source\n"
            "that is configured for the token, else a dialog asks for it: on your desktop, or\n"
            "on this terminal. It is not needed beforehand: a program that uses a key asks\n"
            "as well.\n"
            "\n"
            "  --pin-fd N   read the PIN from descriptor N instead, to its end\n"
            "  --force      try even if one more wrong PIN blocks the token, and a PIN that\n"
            "               it refused before\n"
            "  --json       print JSON\n"
            "\n"
            "A PIN has no place on a command line or in the environment, where others see it.\n",
    .examples = "  countersign unlock corp\n"
                "  countersign unlock corp --pin-fd 3 3</run/credentials/corp.pin\n"
                "  pass show corp-card | countersign unlock --pin-fd 0\n",
    .run = run,
};
