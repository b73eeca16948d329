/* SPDX-License-Identifier: Apache-2.0 */
/* The PKCS#11 modules to drive: which, and where they are. No module is loaded here. */
#ifndef CS_AGENT_MODULE_H
#define CS_AGENT_MODULE_H

#include "config/config.h"

struct cs_module {
    char *name;
    char *path;
    char *init_args; /* or NULL */
};

struct cs_modules {
    size_t n;
    struct cs_module *list;
};

/* Adds one; a path that is there already is left out, whatever its name. */
int cs_modules_add(
    struct cs_modules *modules, const char *name, const char *path, const char *init_args);
void cs_modules_deinit(struct cs_modules *modules);

/* The [module] sections, or if there are none, what is registered with p11-kit. */
int cs_modules_find(
    const struct cs_config *config, struct cs_modules *modules, struct cs_fault *fault);

#endif
