/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Naming any provider switches off the one that OpenSSL has by default, so where the base names
 * none, the default is named beside ours. Where the base has chosen (FIPS alone, say), the choice
 * stays. A section may be opened again: what is added there joins what the base says.
 */
#include "cli/setup/openssl-conf.h"
#include "base/cleanup.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME "countersign"

/* What a program reads: openssl_conf, or nodejs_conf for node. */
struct init {
    const char *section;   /* or NULL */
    const char *providers; /* or NULL */
    bool any_active, default_active, ours_active;
    const char *module;
};

void cs_openssl_conf_default(char path[PATH_MAX])
{
    const char *directory = OPENSSL_info(OPENSSL_INFO_CONFIG_DIR);

    snprintf(path, PATH_MAX, "%s/openssl.cnf", directory ? directory : "/etc/ssl");
}

void cs_openssl_conf_path(char path[PATH_MAX], bool *from_environmentp)
{
    const char *given = getenv("OPENSSL_CONF");
    char here[PATH_MAX];

    *from_environmentp = given && *given;
    if (!*from_environmentp)
        cs_openssl_conf_default(path);
    else if (given[0] != '/' && getcwd(here, sizeof(here)))
        snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX / 2, here, given);
    else
        snprintf(path, PATH_MAX, "%s", given);
}

static void freep(CONF **confp)
{
    NCONF_free(*confp);
}

static int load(CONF **confp, const char *path, struct cs_fault *fault)
{
    CONF *conf = NCONF_new(NULL);
    unsigned long error;
    const char *data = NULL;
    long line = 0;
    int flags = 0, loaded;

    if (!conf)
        return CS_ERR_MEMORY;
    ERR_clear_error();
    loaded = NCONF_load(conf, path, &line);
    if (loaded > 0) {
        ERR_clear_error();
        *confp = conf;
        return 0;
    }
    error = ERR_peek_last_error_data(&data, &flags);
    cs_fail(fault, CS_ERR_CONFIG, "%s:%ld: OpenSSL does not understand this%s%s: %s", path,
        line > 0 ? line : 1, data && *data ? ", " : "",
        data && (flags & ERR_TXT_STRING) ? data : "",
        ERR_reason_error_string(error) ? ERR_reason_error_string(error) : "unknown");
    ERR_clear_error();
    NCONF_free(conf);
    return CS_ERR_CONFIG;
}

/* NULL if it is not there, without an error in the queue. */
static const char *get(const CONF *conf, const char *section, const char *name)
{
    const char *value = NCONF_get_string(conf, section, name);

    ERR_clear_error();
    return value;
}

static bool is_active(const CONF *conf, const char *section)
{
    static const char *const no[] = {"0", "no", "false", "off"};
    const char *value = get(conf, section, "activate");

    for (size_t i = 0; value && i < sizeof(no) / sizeof(no[0]); i++)
        if (strcasecmp(value, no[i]) == 0)
            return false;
    return value;
}

static void look_at_provider(struct init *init, const CONF *conf, const CONF_VALUE *entry)
{
    const char *identity = get(conf, entry->value, "identity");

    if (!is_active(conf, entry->value))
        return;
    init->any_active = true;
    identity = identity ? identity : entry->name;
    if (strcmp(identity, "default") == 0)
        init->default_active = true;
    if (strcmp(identity, NAME) == 0) {
        init->ours_active = true;
        init->module = get(conf, entry->value, "module");
    }
}

static struct init look(const CONF *conf, const char *name)
{
    struct init init = {.section = conf ? get(conf, NULL, name) : NULL};
    const STACK_OF(CONF_VALUE) * entries;

    if (!init.section)
        return init;
    init.providers = get(conf, init.section, "providers");
    entries = init.providers ? NCONF_get_section(conf, init.providers) : NULL;
    ERR_clear_error();
    for (int i = 0; i < sk_CONF_VALUE_num(entries); i++)
        look_at_provider(&init, conf, sk_CONF_VALUE_value(entries, i));
    return init;
}

int cs_openssl_conf_read(struct cs_openssl_conf *answer, const char *path, struct cs_fault *fault)
{
    CS_AUTO(freep) CONF *conf = NULL;
    struct init init, node;
    int r;

    *answer = (struct cs_openssl_conf){0};
    if (access(path, F_OK) < 0)
        return CS_ERR_NOT_FOUND;
    r = load(&conf, path, fault);
    if (r < 0)
        return r;
    init = look(conf, "openssl_conf");
    node = look(conf, "nodejs_conf");
    answer->active = init.ours_active;
    answer->default_active = init.default_active;
    answer->for_node = node.ours_active && node.default_active;
    snprintf(answer->module, sizeof(answer->module), "%s", init.module ? init.module : "");
    return 0;
}

/* A value as the configuration's reader takes it. */
static void put_value(FILE *out, const char *value)
{
    for (; *value; value++) {
        if (strchr("\\\"'`#$", *value))
            fputc('\\', out);
        fputc(*value, out);
    }
    fputc('\n', out);
}

static void put_init(FILE *out, const struct init *init)
{
    const char *providers = init->providers ? init->providers : "countersign_providers";

    if (!init->providers)
        fprintf(out, "\n[%s]\nproviders = %s\n", init->section ? init->section : "countersign_init",
            providers);
    fprintf(out, "\n[%s]\n", providers);
    if (!init->any_active)
        fputs("default = countersign_default\n", out);
    fputs(NAME " = countersign_provider\n", out);
}

/*
 * Of the default section 'openssl x509' of OpenSSL 4.0 takes all for a certificate's extensions,
 * unless it names a section for those. A base that says nothing there adds none, and so do we.
 */
static void put_default(
    FILE *out, const CONF *conf, const struct init *init, const struct init *node)
{
    const STACK_OF(CONF_VALUE) *entries = conf ? NCONF_get_section(conf, "default") : NULL;
    const char *section = init->section ? init->section : "countersign_init";

    ERR_clear_error();
    if (init->section && node->section)
        return;
    if (sk_CONF_VALUE_num(entries) <= 0)
        fputs(
            "\n[countersign_extensions]\n\n[default]\nextensions = countersign_extensions\n", out);
    else
        fputs("\n[default]\n", out);
    if (!init->section)
        fprintf(out, "openssl_conf = %s\n", section);
    if (!node->section)
        fprintf(out, "nodejs_conf = %s\n", section);
}

static void put_all(FILE *out, const CONF *conf, const char *base, const char *provider)
{
    struct init init = look(conf, "openssl_conf"), node = look(conf, "nodejs_conf");
    const char *section = init.section ? init.section : "countersign_init";

    if (conf) {
        fputs("\n.include ", out);
        put_value(out, base);
    }
    put_default(out, conf, &init, &node);
    put_init(out, &init);
    if (node.section &&
        (!node.providers || !init.providers || strcmp(node.providers, init.providers) != 0) &&
        strcmp(node.section, section) != 0)
        put_init(out, &node);
    if (!init.any_active || (node.section && !node.any_active))
        fputs("\n[countersign_default]\nactivate = 1\n", out);
    fputs("\n[countersign_provider]\nmodule = ", out);
    put_value(out, provider);
    /* A program is not to suffer when Countersign was removed and this file was not. */
    fputs("activate = 1\nsoft_load = 1\n", out);
}

int cs_openssl_conf_extend(
    char **textp, const char *base, const char *provider, struct cs_fault *fault)
{
    CS_AUTO(freep) CONF *conf = NULL;
    char *text = NULL;
    size_t size;
    FILE *out;
    int r = access(base, F_OK) < 0 ? 0 : load(&conf, base, fault);

    if (r < 0)
        return r;
    out = open_memstream(&text, &size);
    if (!out)
        return CS_ERR_MEMORY;
    fputs(
        "# OpenSSL, with the keys of the Countersign agent. $OPENSSL_CONF is to name this file.\n",
        out);
    put_all(out, conf, base, provider);
    if (fclose(out) != 0) {
        free(text);
        return CS_ERR_MEMORY;
    }
    *textp = text;
    return 0;
}
