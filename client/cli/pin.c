/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign pin change: another PIN for a token, by dialogs or from descriptors. The PINs never
 * come into this process.
 */
#include "cli/field.h"
#include "cli/pin-source.h"
#include "cli/verbs.h"

#include <string.h>

static void print(const struct cs_cli *cli, const struct countersign_list *labels)
{
    const char *label;

    for (size_t i = 0; (label = countersign_list_label(labels, i)); i++)
        cs_field_line(cli, "%s has a new PIN", label);
}

static int change(struct cs_cli *cli, const char *token, int how, int fd, int new_fd)
{
    struct countersign_list *labels = NULL;
    int r;

    cs_pin_tell_terminal();
    r = cs_cli_connect(cli);
    if (r == 0)
        r = countersign_change_pin(cli->client, token, how, fd, new_fd, &labels, &cli->fault);
    if (r < 0)
        return cs_cli_fail(cli, r);
    print(cli, labels);
    countersign_list_free(labels);
    return CS_EXIT_OK;
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const char *pin_fd = NULL, *new_pin_fd = NULL;
    bool force = false;
    const struct cs_option options[] = {
        {.name = "pin-fd", .value = &pin_fd},
        {.name = "new-pin-fd", .value = &new_pin_fd},
        {.name = "force", .flag = &force},
    };
    int fd = -1, new_fd = -1, status = 0;
    int r = cs_options_read(cli, options, 3, &argc, &argv, 1, 2);

    if (r != CS_OPTIONS_GO)
        return r;
    if (strcmp(argv[0], "change") != 0)
        return cs_cli_usage(cli, "there is no 'countersign pin %s', only 'pin change'", argv[0]);
    if (!pin_fd != !new_pin_fd)
        return cs_cli_usage(cli, "--pin-fd and --new-pin-fd belong together");
    if (pin_fd)
        status = cs_pin_descriptor(cli, "pin-fd", pin_fd, &fd);
    if (pin_fd && status == 0)
        status = cs_pin_descriptor(cli, "new-pin-fd", new_pin_fd, &new_fd);
    if (status == 0 && pin_fd && fd == new_fd)
        status = cs_cli_usage(cli, "--pin-fd and --new-pin-fd are the same descriptor");
    if (status != 0)
        return status;
    return change(cli, argc > 1 ? argv[1] : NULL,
        (pin_fd ? CS_UNLOCK_FD : CS_UNLOCK_ASK) | (force ? CS_UNLOCK_FORCE : 0), fd, new_fd);
}

const struct cs_verb cs_verb_pin = {
    .name = "pin",
    .arguments = "change [TOKEN] [--pin-fd N --new-pin-fd N] [--force]",
    .summary = "change the PIN of a token",
    .help = "Gives the token that TOKEN (its label, serial or pkcs11: URI) names another PIN;\n"
            "without TOKEN, the one there is. Dialogs ask for the present PIN and, twice, for\n"
            "the new one: on your desktop, or on this terminal. With a reader that has a\n"
            "keypad, all of them are entered there. A locked token stays locked, an unlocked\n"
            "one unlocked.\n"
            "\n"
            "  --pin-fd N       read the present PIN from descriptor N instead, to its end\n"
            "  --new-pin-fd N   and the new one from this\n"
            "  --force          try even if one more wrong PIN blocks the token, and a PIN\n"
            "                   that it refused before\n",
    .examples = "  countersign pin change corp\n"
                "  countersign pin change --pin-fd 3 --new-pin-fd 4 3<old.pin 4<new.pin\n",
    .run = run,
};
