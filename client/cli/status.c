/* SPDX-License-Identifier: Apache-2.0 */
/* countersign status: is the agent well, are the modules, what is locked and why. */
#include "base/runtime.h"
#include "cli/field.h"
#include "cli/json.h"
#include "cli/picture.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/when.h"

struct view {
    struct countersign_status *agent;
    struct countersign_list *tokens;  /* NULL: there is no configuration that it could serve by, */
    struct countersign_fault lacking; /* for this reason */
    struct countersign_list *uses;
    struct countersign_record record;
    struct countersign_policy *policy; /* NULL: the agent is older than rules */
};

static void view_deinit(struct view *view)
{
    countersign_status_free(view->agent);
    countersign_list_free(view->tokens);
    countersign_list_free(view->uses);
    countersign_policy_free(view->policy);
}

static int view_get(struct view *view, struct cs_cli *cli)
{
    int r = countersign_status_get(cli->client, &view->agent, &cli->fault);

    if (r == 0)
        r = countersign_list_tokens(cli->client, &view->tokens, &cli->fault);
    view->lacking = cli->fault;
    if (r == 0 || r == CS_ERR_CONFIG)
        r = countersign_record_get(cli->client, &view->record, &cli->fault);
    if (r == 0)
        r = countersign_list_uses(cli->client, &view->uses, &cli->fault);
    if (r == 0)
        r = countersign_policy_get(cli->client, &view->policy, &cli->fault);
    /* An agent of an earlier release does not know all of it. */
    return r == CS_ERR_UNSUPPORTED ? 0 : r;
}

/* What is wrong in a file of rules since the rules in force were read, or "". */
static const char *policy_error(const struct view *view)
{
    return view->policy ? countersign_policy_error(view->policy) : "";
}

static void print_agent(const struct cs_cli *cli, const struct view *view)
{
    const struct countersign_status *agent = view->agent;
    char ago[CS_WHEN_SIZE], date[CS_WHEN_SIZE];
    int64_t started = (int64_t)countersign_status_started(agent);
    uint64_t signatures = countersign_status_signatures(agent);
    unsigned clients = countersign_status_clients(agent);
    unsigned others = clients > 0 ? clients - 1 : 0; /* one is this program */

    cs_when_relative(ago, sizeof(ago), started, cli->now);
    cs_when_minute(date, sizeof(date), started);
    cs_field_print(cli, "Agent", "running, release %s, pid %u", countersign_status_version(agent),
        countersign_status_pid(agent));
    cs_field_print(cli, "Started", "%s (%s)", ago, date);
    cs_field_print(cli, "Socket", "%s", countersign_status_socket(agent));
    cs_field_print(cli, "Served", "%llu signature%s; %u other program%s connected now",
        (unsigned long long)signatures, signatures == 1 ? "" : "s", others, others == 1 ? "" : "s");
    if (!view->tokens)
        cs_field_print(
            cli, "Keys", "out of reach until this mistake is mended: %s", view->lacking.text);
    else if (policy_error(view)[0])
        cs_field_print(cli, "Rules", "there as before this mistake: %s", policy_error(view));
}

static void print_record(const struct cs_cli *cli, const struct countersign_record *record)
{
    if (record->trouble[0])
        cs_field_print(cli, "Record", "%s; %llu use%s not in it", record->trouble,
            (unsigned long long)record->lost, record->lost == 1 ? " is" : "s are");
    else if (record->path[0])
        cs_field_print(cli, "Record", "%s", record->on ? record->path : "off");
}

/* Which programs hand over what can be proven. */
static int print_uses(const struct cs_cli *cli, const struct countersign_list *uses)
{
    static const struct cs_column columns[] = {
        {.title = "PROGRAM", .cut = CS_CUT_MIDDLE},
        {.title = "SIGNED", .right = true},
        {.title = "PROVEN", .right = true},
        {.title = "DENIED", .right = true},
    };
    CS_AUTO(cs_table_freep) struct cs_table *table = cs_table_new(columns, 4);
    const struct countersign_use *use;

    for (size_t i = 0; (use = countersign_list_use(uses, i)); i++) {
        char made[24], share[24] = "-", denied[24];

        snprintf(made, sizeof(made), "%llu", (unsigned long long)use->signatures);
        snprintf(denied, sizeof(denied), "%llu", (unsigned long long)use->denied);
        if (use->signatures)
            snprintf(share, sizeof(share), "%llu%%",
                (unsigned long long)(use->proven * 100 / use->signatures));
        cs_table_add(table, (const char *[]){use->program, made, share, denied});
    }
    if (countersign_list_n(uses) == 0)
        return 0;
    fputc('\n', cli->out);
    return cs_table_print(table, cli->out, cli->width);
}

static int print_modules(const struct cs_cli *cli, const struct countersign_status *agent)
{
    static const struct cs_column columns[] = {
        {.title = "MODULE", .cut = CS_CUT_END},
        {.title = "STATE"},
        {.title = "PID", .right = true},
        {.title = "RESTARTS", .right = true},
        {.title = "PATH", .cut = CS_CUT_MIDDLE},
    };
    CS_AUTO(cs_table_freep) struct cs_table *table = cs_table_new(columns, 5);
    const struct countersign_module *module;

    for (size_t i = 0; (module = countersign_status_module(agent, i)); i++) {
        char pid[16] = "-", restarts[16];

        if (countersign_module_pid(module))
            snprintf(pid, sizeof(pid), "%u", countersign_module_pid(module));
        snprintf(restarts, sizeof(restarts), "%u", countersign_module_restarts(module));
        cs_table_add(table,
            (const char *[]){countersign_module_name(module), countersign_module_state(module), pid,
                restarts, countersign_module_path(module)});
        cs_table_note(table, countersign_module_error(module));
    }
    if (countersign_status_n_modules(agent) == 0) {
        cs_field_print(cli, "Modules",
            "none: install one that registers with p11-kit, or name it in a [module] section of a "
            "file ~/.config/countersign/*.conf, see countersign.conf(5)");
        return 0;
    }
    fputc('\n', cli->out);
    return cs_table_print(table, cli->out, cli->width);
}

static int print_tokens(const struct cs_cli *cli, const struct countersign_list *tokens)
{
    static const struct cs_column columns[] = {
        {.title = "TOKEN", .cut = CS_CUT_END},
        {.title = "STATE"},
        {.title = "SINCE"},
        {.title = "MODULE", .cut = CS_CUT_END},
        {.title = "MODEL", .cut = CS_CUT_END},
        {.title = "SERIAL", .cut = CS_CUT_MIDDLE},
        {.title = "URI", .cut = CS_CUT_MIDDLE, .optional = true},
    };
    CS_AUTO(cs_table_freep) struct cs_table *table = cs_table_new(columns, 7);
    const struct countersign_token *token;

    for (size_t i = 0; (token = countersign_list_token(tokens, i)); i++) {
        char since[CS_WHEN_SIZE] = "-", note[512];
        int64_t at = (int64_t)countersign_token_since(token);

        if (at)
            cs_when_relative(since, sizeof(since), at, cli->now);
        cs_token_note(note, sizeof(note), token);
        cs_table_add(
            table, (const char *[]){countersign_token_label(token), cs_token_state(token), since,
                       countersign_token_module(token), countersign_token_model(token),
                       countersign_token_serial(token), countersign_token_uri(token)});
        cs_table_note(table, note);
    }
    if (countersign_list_n(tokens) == 0) {
        cs_field_print(cli, "Tokens", "none is there");
        return 0;
    }
    fputc('\n', cli->out);
    return cs_table_print(table, cli->out, cli->width);
}

static struct json_object *json_module(const struct countersign_module *module)
{
    struct json_object *object = json_object_new_object();
    const char *error = countersign_module_error(module);
    unsigned pid = countersign_module_pid(module);

    json_object_object_add(object, "name", cs_json_string(countersign_module_name(module)));
    json_object_object_add(object, "path", cs_json_string(countersign_module_path(module)));
    json_object_object_add(object, "state", cs_json_string(countersign_module_state(module)));
    json_object_object_add(object, "pid", pid ? json_object_new_int64(pid) : NULL);
    json_object_object_add(
        object, "restarts", json_object_new_int64(countersign_module_restarts(module)));
    json_object_object_add(object, "error", *error ? cs_json_string(error) : NULL);
    return object;
}

static struct json_object *json_uses(const struct countersign_list *uses)
{
    struct json_object *array = json_object_new_array();
    const struct countersign_use *use;

    for (size_t i = 0; (use = countersign_list_use(uses, i)); i++) {
        struct json_object *object = json_object_new_object();

        json_object_object_add(object, "program", cs_json_string(use->program));
        json_object_object_add(object, "signatures", json_object_new_uint64(use->signatures));
        json_object_object_add(object, "proven", json_object_new_uint64(use->proven));
        json_object_object_add(object, "denied", json_object_new_uint64(use->denied));
        json_object_array_add(array, object);
    }
    return array;
}

static struct json_object *json_record(const struct countersign_record *record)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "on", json_object_new_boolean(record->on));
    json_object_object_add(object, "path", record->path[0] ? cs_json_string(record->path) : NULL);
    json_object_object_add(
        object, "trouble", record->trouble[0] ? cs_json_string(record->trouble) : NULL);
    json_object_object_add(object, "lost", json_object_new_uint64(record->lost));
    return object;
}

static int print_json(const struct cs_cli *cli, const struct view *view)
{
    const struct countersign_status *agent = view->agent;
    struct json_object *object = json_object_new_object();
    struct json_object *modules = json_object_new_array(), *tokens = json_object_new_array();
    const struct countersign_module *module;
    const struct countersign_token *token;

    json_object_object_add(object, "running", json_object_new_boolean(true));
    json_object_object_add(object, "version", cs_json_string(countersign_status_version(agent)));
    json_object_object_add(object, "pid", json_object_new_int64(countersign_status_pid(agent)));
    json_object_object_add(
        object, "started", cs_json_time((int64_t)countersign_status_started(agent)));
    json_object_object_add(object, "socket", cs_json_string(countersign_status_socket(agent)));
    json_object_object_add(
        object, "clients", json_object_new_int64(countersign_status_clients(agent)));
    json_object_object_add(
        object, "signatures", json_object_new_uint64(countersign_status_signatures(agent)));
    json_object_object_add(
        object, "policy_error", policy_error(view)[0] ? cs_json_string(policy_error(view)) : NULL);
    for (size_t i = 0; (module = countersign_status_module(agent, i)); i++)
        json_object_array_add(modules, json_module(module));
    json_object_object_add(object, "modules", modules);
    for (size_t i = 0; (token = countersign_list_token(view->tokens, i)); i++)
        json_object_array_add(tokens, cs_json_token(token));
    json_object_object_add(object, "tokens", tokens);
    json_object_object_add(object, "uses", json_uses(view->uses));
    json_object_object_add(object, "record", json_record(&view->record));
    return cs_json_print(object, cli->out);
}

/* No agent is an answer too: programs get it in the form they asked for. */
static int fail(const struct cs_cli *cli, int code)
{
    struct json_object *object;
    char path[256];

    if (cli->json && cs_error_exit_status(code) == CS_EXIT_NO_AGENT) {
        object = json_object_new_object();
        json_object_object_add(object, "running", json_object_new_boolean(false));
        json_object_object_add(object, "socket",
            cs_runtime_socket_path(path, sizeof(path)) == 0 ? cs_json_string(path) : NULL);
        json_object_object_add(object, "error", cs_json_string(cli->fault.text));
        cs_json_print(object, cli->out);
    }
    return cs_cli_fail(cli, code);
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const struct cs_option options[] = {{.name = "json", .flag = &cli->json}};
    struct view view = {0};
    int status = CS_EXIT_OK;
    int r = cs_options_read(cli, options, 1, &argc, &argv, 0, 0);

    if (r != CS_OPTIONS_GO)
        return r;
    r = cs_cli_connect(cli);
    if (r == 0)
        r = view_get(&view, cli);
    if (r == 0 && cli->json) {
        status = print_json(cli, &view);
    } else if (r == 0) {
        print_agent(cli, &view);
        print_record(cli, &view.record);
        if (view.tokens) {
            r = print_modules(cli, view.agent);
            if (r == 0)
                r = print_tokens(cli, view.tokens);
        }
        if (r == 0)
            r = print_uses(cli, view.uses);
    }
    view_deinit(&view);
    return r < 0 ? fail(cli, r) : status;
}

const struct cs_verb cs_verb_status = {
    .name = "status",
    .arguments = "[--json]",
    .summary = "the agent, its modules and tokens",
    .help = "Shows whether the agent runs and since when, the PKCS#11 modules it drives, each\n"
            "in a process of its own, and the tokens: what state they are in, since when and\n"
            "why; where the record of uses is, or why it cannot be kept; and for each program\n"
            "how often it had something signed, and how much of it the agent could prove to\n"
            "be a login or a request for a certificate.\n"
            "When no agent answers, the exit status is 3.\n"
            "\n"
            "  --json   print JSON\n",
    .examples = "  countersign status\n"
                "  countersign status --json | jq -r '.tokens[] | select(.held).label'\n",
    .run = run,
};
