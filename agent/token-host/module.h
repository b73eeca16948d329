/* SPDX-License-Identifier: Apache-2.0 */
/* The PKCS#11 module of this process, loaded and initialised through libp11. */
#ifndef CS_TOKEN_HOST_MODULE_H
#define CS_TOKEN_HOST_MODULE_H

#include "token-host/ckr.h"

#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>

struct cs_module;

int cs_module_new(const char *path, const char *init_args, struct cs_failure *failure,
    struct cs_module **modulep);
/* Finalises the module; nothing may be in a call. The library stays mapped. */
void cs_module_free(struct cs_module *module);

CK_FUNCTION_LIST *cs_module_functions(struct cs_module *module);
/* Whether several threads may call at once. */
bool cs_module_threaded(const struct cs_module *module);
const char *cs_module_manufacturer(const struct cs_module *module);
const char *cs_module_description(const struct cs_module *module);

/* Around every call; in a module without threads one thread at a time passes. They nest. */
void cs_module_enter(struct cs_module *module);
void cs_module_leave(struct cs_module *module);

/* CS_MODULE_CALL(module, C_Sign(session, ...)) */
#define CS_MODULE_CALL(module, call)                                                               \
    __extension__({                                                                                \
        CK_RV call_rv_;                                                                            \
        cs_module_enter(module);                                                                   \
        call_rv_ = cs_module_functions(module)->call;                                              \
        cs_module_leave(module);                                                                   \
        call_rv_;                                                                                  \
    })

#endif
