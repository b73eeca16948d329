/* SPDX-License-Identifier: Apache-2.0 */
/* countersign log: who used which key, when, for which server, allowed or not and why. */
#include "base/duration.h"
#include "cli/field.h"
#include "cli/json.h"
#include "cli/record.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/when.h"

#include <countersign/error.h>
#include <string.h>
#include <time.h>

#define LAST 10 /* lines of the past that --follow begins with */

struct filter {
    const char *identity, *program, *since_text;
    char since[CS_WHEN_SIZE]; /* as the record writes it; empty: from the beginning */
};

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_string))
        return "";
    return json_object_get_string(value);
}

/* "2h" is so long ago; else a day or a minute, here. */
static int read_since(struct filter *filter, int64_t now)
{
    static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    uint64_t milliseconds;
    int64_t when = 0;

    if (cs_duration_parse(filter->since_text, &milliseconds) == 0)
        when = now - (int64_t)(milliseconds / 1000);
    for (size_t i = 0; when == 0 && i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(filter->since_text, formats[i], &tm);

        if (end && !*end)
            when = (int64_t)mktime(&tm);
    }
    if (when == 0)
        return CS_ERR_INVALID;
    cs_when_utc(filter->since, sizeof(filter->since), when);
    return 0;
}

static bool is_program(const char *program, const char *wanted)
{
    const char *name = strrchr(program, '/');

    return strcmp(program, wanted) == 0 || (name && strcmp(name + 1, wanted) == 0);
}

static bool is_identity(struct json_object *line, const char *wanted)
{
    size_t len = strlen(wanted);

    return strcmp(text_of(line, "label"), wanted) == 0 ||
           (len >= 8 && strncasecmp(text_of(line, "identity"), wanted, len) == 0);
}

static bool matches(const struct filter *filter, struct json_object *line)
{
    if (filter->program && !is_program(text_of(line, "program"), filter->program))
        return false;
    if (filter->identity && !is_identity(line, filter->identity))
        return false;
    /* Both are in UTC, the largest unit first; the one without milliseconds is cut at 'Z'. */
    return strncmp(text_of(line, "time"), filter->since, strcspn(filter->since, "Z")) >= 0;
}

/* How a line reads for people. */
struct row {
    char time[CS_WHEN_SIZE], purpose[320];
    const char *event, *program, *key, *result, *why;
};

static void row_of(struct row *row, struct json_object *line)
{
    const char *server = text_of(line, "server"), *label = text_of(line, "label");
    const char *proof = text_of(line, "proof"), *why = text_of(line, "why");
    struct tm tm = {0};

    cs_when_second(row->time, sizeof(row->time),
        strptime(text_of(line, "time"), "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0);
    if (!*proof)
        proof = text_of(line, "what"); /* a person was asked about */
    snprintf(row->purpose, sizeof(row->purpose), *server ? "%s (%s)" : "%s%s", server, proof);
    row->event = text_of(line, "event");
    row->program = text_of(line, "program");
    row->key = *label ? label : text_of(line, "token");
    row->result = text_of(line, "outcome");
    row->why = *why ? why : text_of(line, "consent");
}

static int print_table(const struct cs_cli *cli, struct json_object *lines)
{
    static const struct cs_column columns[] = {
        {.title = "TIME"},
        {.title = "EVENT"},
        {.title = "PROGRAM", .cut = CS_CUT_MIDDLE},
        {.title = "KEY", .cut = CS_CUT_END},
        {.title = "FOR", .cut = CS_CUT_END},
        {.title = "RESULT"},
    };
    CS_AUTO(cs_table_freep) struct cs_table *table = cs_table_new(columns, 6);

    for (size_t i = 0; i < json_object_array_length(lines); i++) {
        struct row row;

        row_of(&row, json_object_array_get_idx(lines, i));
        cs_table_add(table,
            (const char *[]){row.time, row.event, row.program, row.key, row.purpose, row.result});
        cs_table_note(table, row.why);
    }
    return cs_table_print(table, cli->out, cli->width);
}

static void print_line(const struct cs_cli *cli, struct json_object *line)
{
    struct row row;

    row_of(&row, line);
    cs_field_line(cli, "%s  %-11s  %s%s%s%s%s%s%s%s%s", row.time, row.event, row.program,
        *row.key ? "  " : "", row.key, *row.purpose ? "  " : "", row.purpose,
        *row.result ? "  " : "", row.result, *row.why ? "  " : "", row.why);
}

static void print_one(const struct cs_cli *cli, struct json_object *line)
{
    if (cli->json)
        cs_json_print_line(json_object_get(line), cli->out);
    else
        print_line(cli, line);
}

/* All that match and are there now; with most, the last so many. */
static struct json_object *collect(
    struct cs_record *record, const struct filter *filter, size_t most)
{
    struct json_object *lines = json_object_new_array(), *line;

    while ((line = cs_record_next(record))) {
        if (matches(filter, line))
            json_object_array_add(lines, line);
        else
            json_object_put(line);
        if (json_object_array_length(lines) > most)
            json_object_array_del_idx(lines, 0, 1);
    }
    return lines;
}

static int print_lines(const struct cs_cli *cli, struct json_object *lines)
{
    for (size_t i = 0; i < json_object_array_length(lines); i++)
        print_one(cli, json_object_array_get_idx(lines, i));
    return fflush(cli->out) == 0 ? 0 : CS_ERR_SYSTEM;
}

static int follow(const struct cs_cli *cli, struct cs_record *record, const struct filter *filter)
{
    size_t most = filter->since_text ? SIZE_MAX : LAST;

    for (;;) {
        struct json_object *lines = collect(record, filter, most);
        int r = print_lines(cli, lines);

        json_object_put(lines);
        if (r < 0)
            return r;
        most = SIZE_MAX;
        cs_record_wait(record);
    }
}

static int show(const struct cs_cli *cli, struct cs_record *record, const struct filter *filter)
{
    struct json_object *lines = collect(record, filter, SIZE_MAX);
    int r = cli->json ? print_lines(cli, lines) : print_table(cli, lines);

    json_object_put(lines);
    return r;
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    struct filter filter = {0};
    bool goes_on = false;
    const struct cs_option options[] = {
        {.name = "follow", .letter = 'f', .flag = &goes_on},
        {.name = "identity", .value = &filter.identity},
        {.name = "program", .value = &filter.program},
        {.name = "since", .value = &filter.since_text},
        {.name = "json", .flag = &cli->json},
    };
    CS_AUTO(cs_record_freep) struct cs_record *record = NULL;
    struct cs_fault fault = {0};
    int r = cs_options_read(cli, options, 5, &argc, &argv, 0, 0);

    if (r != CS_OPTIONS_GO)
        return r;
    if (filter.since_text && read_since(&filter, cli->now) < 0)
        return cs_cli_usage(cli,
            "--since %s is no time: write 2h, 3d, 2026-11-25 or '2026-11-25 14:30'",
            filter.since_text);
    r = cs_record_new(&record, goes_on, &fault);
    if (r == 0)
        r = goes_on ? follow(cli, record, &filter) : show(cli, record, &filter);
    if (r < 0)
        cs_cli_say("%s", cs_fault_text(&fault, r));
    return cs_error_exit_status(r);
}

const struct cs_verb cs_verb_log = {
    .name = "log",
    .arguments = "[--follow] [--identity KEY] [--program PROGRAM]\n"
                 "                     [--since TIME] [--json]",
    .summary = "who used which key, when and for what",
    .help = "Shows the record that the agent keeps of every use of a key: when, which\n"
            "program, which key, what could be proven about the bytes and for which server,\n"
            "and whether it was allowed; and of tokens that were unlocked and locked, and\n"
            "PINs refused. It is read from the file, so no agent need run.\n"
            "\n"
            "  -f, --follow        go on with what happens from now on, after the last ten\n"
            "  --identity KEY      uses of this key: its label, or 8 digits or more of its id\n"
            "  --program PROGRAM   uses by this program: its path, or what follows the last /\n"
            "  --since TIME        from then on: 2h or 3d ago, or 2026-11-25, or with hh:mm\n"
            "  --json              print JSON, an object a line, with all there is\n",
    .examples = "  countersign log --since 1d\n"
                "  countersign log --follow --program curl\n"
                "  countersign log --json | jq 'select(.allowed == false)'\n",
    .run = run,
};
