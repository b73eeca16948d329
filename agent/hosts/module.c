/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which modules to drive. The list is made once, at the start; it comes from files of the user and
 * of root alone, never from a client.
 */
#include "hosts/module.h"
#include "limit.h"
#include "hosts/registry.h"
#include "base/log.h"

#include <limits.h>
#include <string.h>

/* Two names of one file are one module, for its tokens must not be there twice; unless they are
 * told apart by what the module is started with, which says where its tokens are. */
static bool has(const struct cs_modules *modules, const char *path, const char *init_args)
{
    char ours[PATH_MAX], other[PATH_MAX];

    if (!realpath(path, ours))
        return false;
    for (size_t i = 0; i < modules->n; i++)
        if (strcmp(init_args, modules->list[i].init_args ? modules->list[i].init_args : "") == 0 &&
            realpath(modules->list[i].path, other) && strcmp(ours, other) == 0)
            return true;
    return false;
}

/* Our own module shows what we hold: its tokens are ours already. */
static bool is_own(const char *path)
{
    char real[PATH_MAX];
    const char *file = strrchr(realpath(path, real) ? real : path, '/');

    return file && strcmp(file + 1, "countersign-pkcs11.so") == 0;
}

int cs_modules_add(
    struct cs_modules *modules, const char *name, const char *path, const char *init_args)
{
    struct cs_module module = {0};
    struct cs_module *list;

    if (is_own(path)) {
        cs_info("module '%s' is left out: %s shows the tokens of this agent", name, path);
        return 0;
    }
    if (has(modules, path, init_args ? init_args : "")) {
        cs_info("module '%s' is left out: %s is there under another name", name, path);
        return 0;
    }
    if (modules->n >= CS_LIMIT_MODULES) {
        cs_warn("module '%s' is left out: there are %d already", name, CS_LIMIT_MODULES);
        return 0;
    }
    list = reallocarray(modules->list, modules->n + 1, sizeof(*list));
    if (!list)
        return CS_ERR_MEMORY;
    modules->list = list;
    module.name = strdup(name);
    module.path = strdup(path);
    module.init_args = init_args && *init_args ? strdup(init_args) : NULL;
    list[modules->n++] = module;
    if (!module.name || !module.path || (init_args && *init_args && !module.init_args))
        return CS_ERR_MEMORY;
    return 0;
}

void cs_modules_deinit(struct cs_modules *modules)
{
    for (size_t i = 0; i < modules->n; i++) {
        free(modules->list[i].name);
        free(modules->list[i].path);
        free(modules->list[i].init_args);
    }
    free(modules->list);
    *modules = (struct cs_modules){0};
}

int cs_modules_find(
    const struct cs_config *config, struct cs_modules *modules, struct cs_fault *fault)
{
    if (config->n_modules == 0)
        return cs_registry_read(&cs_registry_usual, modules, fault);
    for (size_t i = 0; i < config->n_modules; i++) {
        const struct cs_config_module *module = &config->modules[i];
        int r = cs_modules_add(modules, module->name, module->path, module->init_args);

        if (r < 0)
            return r;
    }
    return 0;
}
