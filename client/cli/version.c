/* SPDX-License-Identifier: Apache-2.0 */
/* countersign version. */
#include "cli/json.h"
#include "cli/verbs.h"

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const struct cs_option options[] = {{.name = "json", .flag = &cli->json}};
    struct json_object *object;
    int r = cs_options_read(cli, options, 1, &argc, &argv, 0, 0);

    if (r != CS_OPTIONS_GO)
        return r;
    if (!cli->json) {
        fprintf(cli->out, "countersign %s\n", CS_VERSION);
        return CS_EXIT_OK;
    }
    object = json_object_new_object();
    json_object_object_add(object, "version", cs_json_string(CS_VERSION));
    json_object_object_add(object, "protocol", json_object_new_int(CS_PROTOCOL_VERSION));
    return cs_json_print(object, cli->out);
}

const struct cs_verb cs_verb_version = {
    .name = "version",
    .arguments = "[--json]",
    .summary = "the release of this program",
    .help = "Prints the release of this program. 'countersign status' prints the agent's.\n",
    .run = run,
};
