/* SPDX-License-Identifier: Apache-2.0 */
/* countersign lock: ends the login of a token. */
#include "cli/field.h"
#include "cli/json.h"
#include "cli/verbs.h"

static void print_labels(const struct cs_cli *cli, const struct countersign_list *labels)
{
    const char *label;

    if (countersign_list_n(labels) == 0)
        cs_field_line(cli, "nothing to lock");
    for (size_t i = 0; (label = countersign_list_label(labels, i)); i++)
        cs_field_line(cli, "locked %s", label);
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const struct cs_option options[] = {{.name = "json", .flag = &cli->json}};
    struct countersign_list *labels = NULL;
    struct json_object *object;
    int status = CS_EXIT_OK;
    int r = cs_options_read(cli, options, 1, &argc, &argv, 0, 1);

    if (r != CS_OPTIONS_GO)
        return r;
    r = cs_cli_connect(cli);
    if (r == 0)
        r = countersign_lock(cli->client, argv[0], &labels, &cli->fault);
    if (r < 0)
        return cs_cli_fail(cli, r);
    if (cli->json) {
        object = json_object_new_object();
        json_object_object_add(object, "locked", cs_json_labels(labels));
        status = cs_json_print(object, cli->out);
    } else {
        print_labels(cli, labels);
    }
    countersign_list_free(labels);
    return status;
}

const struct cs_verb cs_verb_lock = {
    .name = "lock",
    .arguments = "[TOKEN] [--json]",
    .summary = "end the login of a token, or of all",
    .help = "Logs out of the token that TOKEN (its label, serial or pkcs11: URI) names, or of\n"
            "every token. Nothing signs with its keys until the PIN is entered again; PINs\n"
            "from a configured source are not used until then either.\n"
            "\n"
            "  --json   print JSON\n",
    .examples = "  countersign lock          before you leave your desk\n"
                "  countersign lock corp     this token alone\n",
    .run = run,
};
