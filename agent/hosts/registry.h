/* SPDX-License-Identifier: Apache-2.0 */
/* p11-kit's registry of modules, pkcs11.conf(5), read without loading one. */
#ifndef CS_AGENT_REGISTRY_H
#define CS_AGENT_REGISTRY_H

#include "hosts/module.h"

struct cs_registry {
    const char *system_conf; /* pkcs11.conf of the system */
    const char *system_dir;  /* the administrator's *.module */
    const char *package_dir; /* the packages' *.module */
    const char *module_dir;  /* what relative names are relative to */
    const char *user_base; /* the directory that holds the user's pkcs11/, or NULL for the usual */
};

/* The places p11-kit was built with. */
extern const struct cs_registry cs_registry_usual;

/* Adds what is registered and of use to us: no trust modules, no proxies, nothing of our own. */
int cs_registry_read(
    const struct cs_registry *registry, struct cs_modules *modules, struct cs_fault *fault);

#endif
