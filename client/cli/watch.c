/* SPDX-License-Identifier: Apache-2.0 */
/* countersign watch: what happens, as it happens. */
#include "cli/field.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "cli/when.h"

#include <time.h>

static const char *const kinds[] = {
    [CS_EVENT_PICTURE] = "changed",
    [CS_EVENT_TOKEN_ADDED] = "token-added",
    [CS_EVENT_TOKEN_REMOVED] = "token-removed",
    [CS_EVENT_TOKEN_UNLOCKED] = "token-unlocked",
    [CS_EVENT_TOKEN_LOCKED] = "token-locked",
    [CS_EVENT_IDENTITY_ADDED] = "identity-added",
    [CS_EVENT_IDENTITY_REMOVED] = "identity-removed",
    [CS_EVENT_SIGNED] = "signed",
    [CS_EVENT_EXPIRING] = "expiring",
};

static const char *kind_name(int kind)
{
    if (kind < 0 || (size_t)kind >= sizeof(kinds) / sizeof(kinds[0]))
        return kinds[CS_EVENT_PICTURE];
    return kinds[kind];
}

static void print_json(
    const struct cs_cli *cli, const char *kind, const struct countersign_event *event)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "time", cs_json_time(time(NULL)));
    json_object_object_add(object, "event", cs_json_string(kind));
    json_object_object_add(object, "subject", cs_json_string(event->subject));
    json_object_object_add(object, "text", cs_json_string(event->text));
    cs_json_print_line(object, cli->out);
}

static void print_line(
    const struct cs_cli *cli, const char *kind, const struct countersign_event *event)
{
    time_t now = time(NULL);
    char clock[16];
    struct tm tm;

    strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
    cs_field_line(cli, "%s  %-17s  %s%s%s", clock, kind, event->text, event->subject[0] ? "  " : "",
        event->subject);
}

static int print(struct cs_cli *cli, const char *kind, const struct countersign_event *event)
{
    if (cli->json)
        print_json(cli, kind, event);
    else
        print_line(cli, kind, event);
    return fflush(cli->out);
}

static int follow(struct cs_cli *cli, struct countersign_watch *watch)
{
    struct countersign_event event = {.text = "from now on"};
    int r = print(cli, "watching", &event);

    if (r != 0)
        return CS_EXIT_FAILURE;
    while ((r = countersign_watch_next(watch, &event, &cli->fault)) == 0)
        if (print(cli, kind_name(event.kind), &event) != 0)
            return CS_EXIT_FAILURE;
    return cs_cli_fail(cli, r);
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const struct cs_option options[] = {{.name = "json", .flag = &cli->json}};
    struct countersign_watch *watch = NULL;
    int status;
    int r = cs_options_read(cli, options, 1, &argc, &argv, 0, 0);

    if (r != CS_OPTIONS_GO)
        return r;
    r = cs_cli_connect(cli);
    if (r == 0)
        r = countersign_watch_new(cli->client, &watch, &cli->fault);
    if (r < 0)
        return cs_cli_fail(cli, r);
    status = follow(cli, watch);
    countersign_watch_free(watch);
    return status;
}

const struct cs_verb cs_verb_watch = {
    .name = "watch",
    .arguments = "[--json]",
    .summary = "say what happens, as it happens",
    .help = "Prints a line for each token that comes, goes, is locked or unlocked, for each\n"
            "identity that comes or goes, and for each signature. It ends when the agent\n"
            "ends, with exit status 3, or when you press Ctrl-C.\n"
            "\n"
            "  --json   print a JSON object a line\n",
    .examples = "  countersign watch\n"
                "  countersign watch --json | jq 'select(.event == \"signed\")'\n",
    .run = run,
};
