/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p11-kit's registry. Its library can only list modules by loading them, and this process loads no
 * module; so the files are read here, as pkcs11.conf(5) describes them: the user's, the
 * administrator's and the packages', where an earlier file of the same name wins setting by
 * setting. A file that cannot be read is left out with a warning: it is not ours.
 */
#include "hosts/registry.h"
#include "config/settings.h"
#include "base/log.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const struct cs_registry cs_registry_usual = {
    .system_conf = P11_SYSTEM_CONFIG,
    .system_dir = P11_SYSTEM_CONFIG_MODULES,
    .package_dir = P11_PACKAGE_CONFIG_MODULES,
    .module_dir = P11_MODULE_PATH,
};

/* By these names modules may be switched on and off for us. */
static const char *const our_names[] = {"countersign-agent", "countersign"};

static const char *const never[] = {"p11-kit-proxy.so", "p11-kit-client.so", "p11-kit-trust.so",
    "libp11-kit.so", "libp11-kit.so.0"};

enum user_config {
    USER_MERGE,
    USER_NONE,
    USER_ONLY,
};

enum field {
    MODULE,
    INIT_ARGS,
    ENABLE_IN,
    DISABLE_IN,
    TRUST_POLICY,
    REMOTE,
    N_FIELDS,
};

static const char *const field_names[N_FIELDS] = {
    [MODULE] = "module",
    [INIT_ARGS] = "x-init-reserved",
    [ENABLE_IN] = "enable-in",
    [DISABLE_IN] = "disable-in",
    [TRUST_POLICY] = "trust-policy",
    [REMOTE] = "remote",
};

struct entry {
    char name[128];
    char *fields[N_FIELDS];
};

struct entries {
    size_t n;
    struct entry *list;
};

static void entries_deinit(struct entries *entries)
{
    for (size_t i = 0; i < entries->n; i++)
        for (size_t f = 0; f < N_FIELDS; f++)
            free(entries->list[i].fields[f]);
    free(entries->list);
    *entries = (struct entries){0};
}

static struct entry *entry_of(struct entries *entries, const char *name)
{
    struct entry *list;

    for (size_t i = 0; i < entries->n; i++)
        if (strcmp(entries->list[i].name, name) == 0)
            return &entries->list[i];
    list = reallocarray(entries->list, entries->n + 1, sizeof(*list));
    if (!list)
        return NULL;
    entries->list = list;
    list[entries->n] = (struct entry){0};
    snprintf(list[entries->n].name, sizeof(list->name), "%.127s", name);
    return &list[entries->n++];
}

static int take_field(void *user, const struct cs_setting *at, struct cs_fault *fault)
{
    struct entry *entry = user;

    (void)fault;
    if (!at->name)
        return 0;
    for (size_t f = 0; f < N_FIELDS; f++) {
        if (strcmp(at->name, field_names[f]) != 0 || entry->fields[f])
            continue;
        entry->fields[f] = strdup(at->value);
        if (!entry->fields[f])
            return CS_ERR_MEMORY;
    }
    return 0;
}

static int take_user_config(void *user, const struct cs_setting *at, struct cs_fault *fault)
{
    enum user_config *mode = user;

    (void)fault;
    if (!at->name || strcmp(at->name, "user-config") != 0)
        return 0;
    if (strcmp(at->value, "none") == 0)
        *mode = USER_NONE;
    else if (strcmp(at->value, "only") == 0 || strcmp(at->value, "override") == 0)
        *mode = USER_ONLY;
    else
        *mode = USER_MERGE;
    return 0;
}

/* NAME.module, as p11-kit wants it. */
static int is_module_file(const struct dirent *entry)
{
    const char *name = entry->d_name;
    size_t len = strlen(name);

    if (len <= 7 || len >= sizeof(((struct entry *)0)->name) || !isalnum((unsigned char)name[0]))
        return 0;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_-.", *c))
            return 0;
    return strcmp(name + len - 7, ".module") == 0;
}

static int read_directory(struct entries *entries, const char *directory)
{
    struct dirent **files = NULL;
    int n = scandir(directory, &files, is_module_file, alphasort);
    int r = 0;

    for (int i = 0; i < n; i++) {
        struct cs_fault fault = {0};
        struct entry *entry;
        char path[4096];
        int error = CS_ERR_MEMORY;

        snprintf(path, sizeof(path), "%s/%s", directory, files[i]->d_name);
        files[i]->d_name[strlen(files[i]->d_name) - 7] = '\0';
        entry = r == 0 ? entry_of(entries, files[i]->d_name) : NULL;
        if (entry)
            error = cs_settings_read(path, take_field, entry, &fault);
        if (error == CS_ERR_MEMORY)
            r = error;
        else if (error < 0)
            cs_warn("a registered module is left out: %s", cs_fault_text(&fault, error));
        free(files[i]);
    }
    free(files);
    return r;
}

static bool listed(const char *list, const char *name)
{
    size_t len = strlen(name);

    while (list && *list) {
        size_t n = strcspn(list, ", \t");

        if (n == len && strncmp(list, name, n) == 0)
            return true;
        list += n + strspn(list + n, ", \t");
    }
    return false;
}

static bool listed_us(const char *list)
{
    for (size_t i = 0; i < sizeof(our_names) / sizeof(our_names[0]); i++)
        if (listed(list, our_names[i]))
            return true;
    return false;
}

/* Why an entry is not for us, or NULL. */
static const char *objection(const struct entry *entry, const char *path)
{
    const char *file = strrchr(path, '/');
    bool trust = false;

    if (!entry->fields[MODULE] || !entry->fields[MODULE][0])
        return entry->fields[REMOTE] ? "it is remote" : "it names no module";
    if (entry->fields[TRUST_POLICY] &&
        cs_settings_boolean(entry->fields[TRUST_POLICY], &trust) == 0 && trust)
        return "it is for trust policy";
    if (entry->fields[ENABLE_IN] && !listed_us(entry->fields[ENABLE_IN]))
        return "it is enabled in other programs only";
    if (!entry->fields[ENABLE_IN] && listed_us(entry->fields[DISABLE_IN]))
        return "it is disabled in this program";
    for (size_t i = 0; file && i < sizeof(never) / sizeof(never[0]); i++)
        if (strcmp(file + 1, never[i]) == 0)
            return "it stands for other modules";
    return NULL;
}

/* The file itself: a link to p11-kit's proxy is p11-kit's proxy. */
static char *real_path(const char *module_dir, const char *module)
{
    char path[4096];
    char *real;

    if (module[0] == '/')
        snprintf(path, sizeof(path), "%s", module);
    else
        snprintf(path, sizeof(path), "%s/%s", module_dir, module);
    real = realpath(path, NULL);
    return real ? real : strdup(path);
}

static int add_entry(
    const struct cs_registry *registry, const struct entry *entry, struct cs_modules *modules)
{
    const char *module = entry->fields[MODULE] ? entry->fields[MODULE] : "";
    CS_AUTO(cs_freep) char *path = real_path(registry->module_dir, module);
    const char *why;

    if (!path)
        return CS_ERR_MEMORY;
    why = objection(entry, path);
    if (why) {
        cs_debug("registered module '%s' is left out: %s", entry->name, why);
        return 0;
    }
    if (access(path, R_OK) < 0) {
        cs_info("registered module '%s' is left out: there is no %s", entry->name, path);
        return 0;
    }
    return cs_modules_add(modules, entry->name, path, entry->fields[INIT_ARGS]);
}

/* As p11-kit: none for root, none if told so. */
static bool find_user_base(const struct cs_registry *registry, char *base, size_t size)
{
    const char *config = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");

    if (registry->user_base)
        return snprintf(base, size, "%s", registry->user_base) > 0;
    if (geteuid() == 0 || secure_getenv("P11_KIT_NO_USER_CONFIG"))
        return false;
    if (config && config[0] == '/')
        return snprintf(base, size, "%s", config) > 0;
    return home && home[0] == '/' && snprintf(base, size, "%s/.config", home) > 0;
}

static int read_entries(const struct cs_registry *registry, struct entries *entries)
{
    enum user_config mode = USER_MERGE;
    char base[2048], path[4096];
    int r = 0;

    cs_settings_read(registry->system_conf, take_user_config, &mode, NULL);
    if (mode != USER_NONE && !find_user_base(registry, base, sizeof(base)))
        mode = USER_NONE;
    if (mode != USER_NONE) {
        snprintf(path, sizeof(path), "%s/pkcs11/pkcs11.conf", base);
        cs_settings_read(path, take_user_config, &mode, NULL);
    }
    if (mode != USER_NONE) {
        snprintf(path, sizeof(path), "%s/pkcs11/modules", base);
        r = read_directory(entries, path);
    }
    if (r == 0 && mode != USER_ONLY)
        r = read_directory(entries, registry->system_dir);
    if (r == 0 && mode != USER_ONLY)
        r = read_directory(entries, registry->package_dir);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

int cs_registry_read(
    const struct cs_registry *registry, struct cs_modules *modules, struct cs_fault *fault)
{
    CS_AUTO(entries_deinit) struct entries entries = {0};
    int r = read_entries(registry, &entries);

    if (entries.n)
        qsort(entries.list, entries.n, sizeof(*entries.list), by_name);
    for (size_t i = 0; r == 0 && i < entries.n; i++)
        r = add_entry(registry, &entries.list[i], modules);
    if (r < 0)
        return cs_fail(fault, r, "cannot read p11-kit's list of modules: %s", cs_error_text(r));
    return 0;
}
