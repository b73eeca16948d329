/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: INI files in /etc/countersign, then in the user's own directory; a later file
 * changes what an earlier one said. Nothing is guessed: a section or a setting that nobody knows is
 * an error that names file and line. Loaded before anything else runs; when the files change, rules
 * and preferences ([host]) alone are taken over from a configuration that was loaded anew. Only
 * where nothing could be loaded before all of it is.
 */
#include "config/config.h"
#include "base/duration.h"
#include "limit.h"
#include "config/settings.h"
#include "base/wire.h"
#include "token-host/host-message.h"

#include <stdio.h>
#include <string.h>

#define HOT_PLUG_MAX 3600000
#define HOT_PLUG "2000"
#define MODULE_TIMEOUT 60000
#define PROMPT_TIMEOUT 120
#define PROMPT_TIMEOUT_MAX 3600

static int set_string(char **stringp, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return CS_ERR_MEMORY;
    free(*stringp);
    *stringp = copy;
    return 0;
}

static int set_path(char **pathp, const struct cs_setting *at, struct cs_fault *fault)
{
    if (at->value[0] != '/')
        return cs_setting_refuse(at, fault, "write an absolute path");
    return set_string(pathp, at->value);
}

/* Kept as a token host takes it: wait, never or milliseconds. */
static int set_hot_plug(char **hot_plugp, const struct cs_setting *at, struct cs_fault *fault)
{
    uint64_t milliseconds = 0;
    char number[32];

    if (strcmp(at->value, "wait") == 0 || strcmp(at->value, "never") == 0)
        return set_string(hot_plugp, at->value);
    if (cs_duration_parse(at->value, &milliseconds) < 0 || milliseconds < 100 ||
        milliseconds > HOT_PLUG_MAX)
        return cs_setting_refuse(at, fault, "write a time from 100ms to 1h, wait, or never");
    snprintf(number, sizeof(number), "%u", (unsigned)milliseconds);
    return set_string(hot_plugp, number);
}

static int set_module_timeout(
    struct cs_config *config, const struct cs_setting *at, struct cs_fault *fault)
{
    uint64_t milliseconds = 0;

    if (cs_duration_parse(at->value, &milliseconds) < 0 ||
        milliseconds < CS_LIMIT_MODULE_TIME_MIN || milliseconds > CS_LIMIT_MODULE_TIME_MAX)
        return cs_setting_refuse(at, fault, "write a time from 1s to 1h");
    config->module_timeout = milliseconds;
    return 0;
}

/* One of two words. */
static int set_choice(bool *choicep, const struct cs_setting *at, const char *yes, const char *no,
    struct cs_fault *fault)
{
    char mend[64];

    *choicep = strcmp(at->value, yes) == 0;
    if (*choicep || strcmp(at->value, no) == 0)
        return 0;
    snprintf(mend, sizeof(mend), "write %s or %s", yes, no);
    return cs_setting_refuse(at, fault, mend);
}

static int set_agent(struct cs_config *config, const struct cs_setting *at, struct cs_fault *fault)
{
    const char *mend;

    if (cs_session_setting_take(&config->session, at->name, at->value, &mend))
        return mend ? cs_setting_refuse(at, fault, mend) : 0;
    if (strcmp(at->name, "prompt") == 0)
        return set_choice(&config->prompt, at, "auto", "never", fault);
    if (strcmp(at->name, "choose") == 0)
        return set_choice(&config->choose, at, "ask", "latest", fault);
    if (strcmp(at->name, "audit") == 0)
        return set_choice(&config->audit, at, "on", "off", fault);
    if (strcmp(at->name, "audit-failure") == 0)
        return set_choice(&config->audit_strict, at, "deny", "allow", fault);
    if (strcmp(at->name, "pinentry") == 0)
        return set_path(&config->pinentry, at, fault);
    if (strcmp(at->name, "certificates") == 0)
        return cs_bundle_take(&config->certificates, at, fault);
    if (strcmp(at->name, "hot-plug") == 0)
        return set_hot_plug(&config->hot_plug, at, fault);
    if (strcmp(at->name, "module-timeout") == 0)
        return set_module_timeout(config, at, fault);
    if (strcmp(at->name, "prompt-timeout") == 0) {
        char *end;
        unsigned long seconds = strtoul(at->value, &end, 10);

        if (end == at->value || *end || seconds < 1 || seconds > PROMPT_TIMEOUT_MAX)
            return cs_setting_refuse(at, fault, "write a number of seconds from 1 to 3600");
        config->prompt_timeout = (uint32_t)seconds;
        return 0;
    }
    return cs_setting_refuse(
        at, fault, "no such setting in [agent]: countersign.conf(5) names them all");
}

static struct cs_config_module *module_of(
    struct cs_config *config, const char *name, const struct cs_setting *at)
{
    struct cs_config_module *modules;
    struct cs_config_module module = {0};

    for (size_t i = 0; i < config->n_modules; i++)
        if (strcmp(config->modules[i].name, name) == 0)
            return &config->modules[i];
    modules = reallocarray(config->modules, config->n_modules + 1, sizeof(*modules));
    if (!modules)
        return NULL;
    config->modules = modules;
    module.name = strdup(name);
    if (!module.name || asprintf(&module.where, "%s:%d", at->file, at->line) < 0) {
        free(module.name);
        return NULL;
    }
    modules[config->n_modules] = module;
    return &modules[config->n_modules++];
}

static int set_module(
    struct cs_config *config, const char *name, const struct cs_setting *at, struct cs_fault *fault)
{
    struct cs_config_module *module = module_of(config, name, at);

    if (!module)
        return CS_ERR_MEMORY;
    if (strcmp(at->name, "path") == 0)
        return set_path(&module->path, at, fault);
    if (strcmp(at->name, "init-args") == 0)
        return set_string(&module->init_args, at->value);
    if (strcmp(at->name, "hot-plug") == 0)
        return set_hot_plug(&module->hot_plug, at, fault);
    return cs_setting_refuse(
        at, fault, "no such setting in [module]: there are path, init-args and hot-plug");
}

static struct cs_config_token *token_of(struct cs_config *config, const char *name)
{
    struct cs_config_token *tokens;
    char *copy;

    for (size_t i = 0; i < config->n_tokens; i++)
        if (strcmp(config->tokens[i].name, name) == 0)
            return &config->tokens[i];
    tokens = reallocarray(config->tokens, config->n_tokens + 1, sizeof(*tokens));
    if (!tokens)
        return NULL;
    config->tokens = tokens;
    copy = strdup(name);
    if (!copy)
        return NULL;
    tokens[config->n_tokens] =
        (struct cs_config_token){.name = copy, .command = CS_BUF_INIT(CS_FRAME_MAX / 64)};
    return &tokens[config->n_tokens++];
}

/* Splits words as a shell would, with quotes and backslashes, and does nothing else of a shell.
 * CS_ERR_INVALID when a quote is left open. */
static int split_words(const char *text, struct cs_buf *argv)
{
    bool in_word = false;
    char quote = '\0';

    for (; *text; text++) {
        bool space = *text == ' ' || *text == '\t';

        if (!quote && space) {
            in_word = false;
            continue;
        }
        if (!in_word && argv->len)
            cs_buf_put_u8(argv, 0);
        in_word = true;
        if (quote ? *text == quote : (*text == '\'' || *text == '"'))
            quote = quote ? '\0' : *text;
        else if (*text == '\\' && quote != '\'' && text[1])
            cs_buf_put_u8(argv, (uint8_t) * ++text);
        else
            cs_buf_put_u8(argv, (uint8_t)*text);
    }
    if (quote)
        return CS_ERR_INVALID;
    return argv->error;
}

static int set_command(
    struct cs_config_token *token, const struct cs_setting *at, struct cs_fault *fault)
{
    if (!at->goes_on)
        cs_buf_reset(&token->command);
    if (split_words(at->value, &token->command) < 0)
        return cs_setting_refuse(at, fault, "a quote is left open, or the command is too long");
    if (token->command.len == 0 || token->command.data[0] != '/')
        return cs_setting_refuse(
            at, fault, "write the absolute path of a program, then its arguments");
    return 0;
}

static int set_token(
    struct cs_config *config, const char *name, const struct cs_setting *at, struct cs_fault *fault)
{
    struct cs_config_token *token = token_of(config, name);

    if (!token)
        return CS_ERR_MEMORY;
    if (config->n_tokens > CS_HOST_PIN_SOURCES_MAX)
        return cs_setting_refuse(at, fault, "there are too many [token] sections");
    if (strcmp(at->name, "pin-command") == 0)
        return set_command(token, at, fault);
    if (strcmp(at->name, "pin-credential") == 0) {
        if (!at->value[0] || strchr(at->value, '/'))
            return cs_setting_refuse(
                at, fault, "write the name of a file in $CREDENTIALS_DIRECTORY");
        return set_string(&token->credential, at->value);
    }
    return cs_setting_refuse(
        at, fault, "no such setting in [token]: there are pin-command and pin-credential");
}

/* The name in a header such as `module "corp"`, or NULL when the header is of another kind. */
static const char *quoted_name(const char *section, const char *kind, char *name, size_t size)
{
    size_t n = strlen(kind);
    size_t len;

    if (strncmp(section, kind, n) != 0 || section[n] != ' ')
        return NULL;
    section += n + strspn(section + n, " \t");
    len = strlen(section);
    if (len < 3 || section[0] != '"' || section[len - 1] != '"')
        return NULL;
    snprintf(name, size, "%.*s", (int)(len - 2), section + 1);
    return name;
}

struct loading {
    struct cs_config *config;
    bool administrator; /* the file is one of the administrator's */
};

/* In [agent] everything may be commented out; any other section without a setting is a mistake. */
static int take_empty(const struct cs_setting *at, struct cs_fault *fault)
{
    if (strcmp(at->section, "agent") == 0)
        return 0;
    return cs_fail(fault, CS_ERR_CONFIG,
        "%s:%d: there is no setting in [%s]: write what it is to say, or take the section out",
        at->file, at->line, at->section);
}

static int take_setting(void *user, const struct cs_setting *at, struct cs_fault *fault)
{
    const struct loading *loading = user;
    struct cs_config *config = loading->config;
    char buffer[512];
    const char *name;

    if (!at->name)
        return take_empty(at, fault);
    name = quoted_name(at->section, "rule", buffer, sizeof(buffer));
    if (name)
        return cs_policy_take(&config->policy, name, at, loading->administrator, fault);
    if (at->goes_on && strcmp(at->name, "pin-command") != 0)
        return cs_setting_refuse(
            at, fault, "only pin-command goes on in the next line: write this in one");
    if (strcmp(at->section, "agent") == 0)
        return set_agent(config, at, fault);
    name = quoted_name(at->section, "module", buffer, sizeof(buffer));
    if (name)
        return set_module(config, name, at, fault);
    name = quoted_name(at->section, "token", buffer, sizeof(buffer));
    if (name)
        return set_token(config, name, at, fault);
    name = quoted_name(at->section, "host", buffer, sizeof(buffer));
    if (name)
        return cs_preferences_take(&config->preferences, name, at, loading->administrator, fault);
    if (!*at->section)
        return cs_fail(fault, CS_ERR_CONFIG,
            "%s:%d: '%s' stands before any section: begin it with [agent], [module \"NAME\"], "
            "[token \"NAME\"], [rule \"NAME\"] or [host \"NAME\"]",
            at->file, at->line, at->name);
    return cs_fail(fault, CS_ERR_CONFIG,
        "%s:%d: no such section as [%s]: there are [agent], [module \"NAME\"], [token "
        "\"NAME\"], [rule \"NAME\"] and [host \"NAME\"]",
        at->file, at->line, at->section);
}

/* What only the whole can tell. */
static int check_whole(const struct cs_config *config, struct cs_fault *fault)
{
    for (size_t i = 0; i < config->n_modules; i++)
        if (!config->modules[i].path)
            return cs_fail(fault, CS_ERR_CONFIG,
                "%s: [module \"%s\"] has no path: write path = /usr/lib/…/module.so",
                config->modules[i].where, config->modules[i].name);
    if (config->n_modules > CS_LIMIT_MODULES)
        return cs_fail(
            fault, CS_ERR_CONFIG, "there are more than %d [module] sections", CS_LIMIT_MODULES);
    return 0;
}

static int load(struct cs_config *config, const struct cs_places *places, struct cs_fault *fault)
{
    struct loading loading = {.config = config, .administrator = true};
    int r = cs_policy_init(&config->policy);

    if (r == 0)
        r = cs_places_read_system(places, take_setting, &loading, fault);
    loading.administrator = false;
    if (r == 0)
        r = cs_places_read_user(places, take_setting, &loading, fault);
    if (r == 0)
        r = check_whole(config, fault);
    return r == 0 ? cs_policy_complete(&config->policy, fault) : r;
}

/* As if no file said anything, but without rules. */
static struct cs_config *new_config(void)
{
    struct cs_config *config = calloc(1, sizeof(*config));

    if (!config)
        return NULL;
    config->prompt = true;
    config->choose = true;
    config->audit = true;
    config->prompt_timeout = PROMPT_TIMEOUT;
    config->module_timeout = MODULE_TIMEOUT;
    cs_session_setting_init(&config->session);
    return config;
}

int cs_config_load(
    const struct cs_places *places, struct cs_config **configp, struct cs_fault *fault)
{
    CS_AUTO(cs_config_freep) struct cs_config *config = new_config();
    int r = config ? load(config, places, fault) : CS_ERR_MEMORY;

    if (r < 0)
        return r;
    *configp = cs_steal(&config);
    return 0;
}

int cs_config_new_denying(struct cs_config **configp)
{
    CS_AUTO(cs_config_freep) struct cs_config *config = new_config();
    int r = config ? cs_policy_init(&config->policy) : CS_ERR_MEMORY;

    if (r < 0)
        return r;
    for (size_t i = 0; i < config->policy.n_rules; i++)
        config->policy.rules[i].sign = 0;
    config->prompt = false;
    /* There is nothing to be locked that sleep would wait for. */
    config->session.lock_on_sleep = false;
    *configp = cs_steal(&config);
    return 0;
}

void cs_config_take(struct cs_config *config, struct cs_config *newer)
{
    struct cs_config older = *config;

    *config = *newer;
    *newer = older;
}

void cs_config_take_rules(struct cs_config *config, struct cs_config *newer)
{
    struct cs_policy policy = config->policy;
    struct cs_preferences preferences = config->preferences;

    config->policy = newer->policy;
    newer->policy = policy;
    config->preferences = newer->preferences;
    newer->preferences = preferences;
}

int cs_config_take_system_rules(struct cs_config *config, struct cs_config *newer)
{
    int r = cs_policy_keep_user(&newer->policy, &config->policy);

    if (r < 0)
        return r;
    cs_preferences_keep_user(&newer->preferences, &config->preferences);
    cs_config_take_rules(config, newer);
    return 0;
}

int cs_config_put(const struct cs_config *config, const char *prompt_program, struct cs_buf *buf)
{
    struct cs_host_configure m = {
        .prompt_program = cs_bytes_of(config->prompt ? prompt_program : ""),
        .pinentry = cs_bytes_of(config->pinentry),
        .prompt_timeout = config->prompt_timeout,
        .n_sources = (uint32_t)config->n_tokens,
    };
    size_t at = cs_frame_begin(buf, CS_HOST_CONFIGURE, 0);

    for (size_t i = 0; i < config->n_tokens; i++)
        m.sources[i] = (struct cs_host_pin_source){
            .token = cs_bytes_of(config->tokens[i].name),
            .command = cs_buf_bytes(&config->tokens[i].command),
            .credential = cs_bytes_of(config->tokens[i].credential),
        };
    cs_host_configure_put(buf, &m);
    return cs_frame_end(buf, at);
}

const char *cs_config_hot_plug(const struct cs_config *config, const char *module)
{
    for (size_t i = 0; i < config->n_modules; i++)
        if (strcmp(config->modules[i].name, module) == 0 && config->modules[i].hot_plug)
            return config->modules[i].hot_plug;
    return config->hot_plug ? config->hot_plug : HOT_PLUG;
}

void cs_config_free(struct cs_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->n_modules; i++) {
        free(config->modules[i].name);
        free(config->modules[i].path);
        free(config->modules[i].init_args);
        free(config->modules[i].hot_plug);
        free(config->modules[i].where);
    }
    for (size_t i = 0; i < config->n_tokens; i++) {
        free(config->tokens[i].name);
        cs_buf_deinit(&config->tokens[i].command);
        free(config->tokens[i].credential);
    }
    cs_bundle_deinit(&config->certificates);
    cs_policy_deinit(&config->policy);
    cs_preferences_deinit(&config->preferences);
    free(config->modules);
    free(config->tokens);
    free(config->pinentry);
    free(config->hot_plug);
    free(config);
}
