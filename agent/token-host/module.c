/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vendor's library. libp11 loads it, initialises it and tells who made it; everything after
 * that goes through the module's own function list, out of the same handle. What libp11 0.4.12
 * would do beyond loading does not fit a process that lives long and serves several tokens:
 *  - PKCS11_enumerate_slots gives up on all slots when one of them fails, PKCS11_update_slots
 *    touches memory it has freed, and releasing a list of slots closes their sessions, which ends
 *    logins;
 *  - every call that needs a session waits for ever when C_OpenSession fails;
 *  - PKCS11_login keeps a copy of the PIN on the heap;
 *  - labels end at their first zero, one Ed25519 key hides all keys, return codes are lost.
 */
#include "token-host/module.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <countersign/error.h>
#include <dlfcn.h>
#include <libp11.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

struct cs_module {
    PKCS11_CTX *ctx; /* NULL: it was not libp11 that initialised it, we did */
    void *handle;
    CK_FUNCTION_LIST *functions;
    char manufacturer[33], description[33];
    bool threaded;
    pthread_mutex_t lock; /* recursive; taken only if not threaded */
};

static struct cs_module *module_alloc(void)
{
    struct cs_module *module = calloc(1, sizeof(*module));
    pthread_mutexattr_t attr;

    if (!module)
        return NULL;
    module->threaded = true;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&module->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return module;
}

static void module_discard(struct cs_module *module)
{
    if (module->ctx)
        PKCS11_CTX_free(module->ctx);
    pthread_mutex_destroy(&module->lock);
    free(module);
}
CS_DEFINE_CLEANUP(struct cs_module *, module_discard);

/* Our own handle comes first: it has the reason when the library cannot be opened, and it keeps
 * the library mapped, for some crash when they are unmapped. */
static int open_library(struct cs_module *module, const char *path, struct cs_failure *failure)
{
    CK_RV (*get_function_list)(CK_FUNCTION_LIST **);
    void *symbol;
    CK_RV rv;

    module->handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!module->handle)
        return cs_fail(
            &failure->fault, CS_ERR_MODULE_FAILED, "cannot load the module: %s", dlerror());
    symbol = dlsym(module->handle, "C_GetFunctionList");
    if (!symbol)
        return cs_fail(&failure->fault, CS_ERR_MODULE_FAILED, "%s is not a PKCS#11 module", path);
    memcpy(&get_function_list, &symbol, sizeof(symbol));
    rv = get_function_list(&module->functions);
    if (rv != CKR_OK || !module->functions) {
        failure->rv = rv;
        return cs_fail(&failure->fault, CS_ERR_MODULE_FAILED,
            "the module %s has no function list (%s)", path, cs_ckr_name(rv));
    }
    return 0;
}

/* The module's return code behind libp11's last failure. */
static CK_RV libp11_error(void)
{
    unsigned long e, last = 0;

    while ((e = ERR_get_error()) != 0)
        if (ERR_GET_LIB(e) == ERR_get_CKR_code())
            last = e;
    return last ? (CK_RV)ERR_GET_REASON(last) : CKR_GENERAL_ERROR;
}

static void copy_field(char text[33], const uint8_t field[32])
{
    size_t len = 32;

    while (len > 0 && field[len - 1] == ' ')
        len--;
    memcpy(text, field, len);
    text[len] = '\0';
}

static CK_RV initialize_here(struct cs_module *module, const char *init_args)
{
    CK_C_INITIALIZE_ARGS args = {.flags = module->threaded ? CKF_OS_LOCKING_OK : 0};
    CK_INFO info;
    CK_RV rv;

    memcpy(&args.pReserved, &init_args, sizeof(init_args));
    rv = module->functions->C_Initialize(init_args || module->threaded ? &args : NULL);
    if (rv != CKR_OK)
        return rv;
    rv = module->functions->C_GetInfo(&info);
    if (rv != CKR_OK) {
        module->functions->C_Finalize(NULL);
        return rv;
    }
    copy_field(module->manufacturer, info.manufacturerID);
    copy_field(module->description, info.libraryDescription);
    return CKR_OK;
}

/* libp11 offers the system's locks and cannot do without: a module that does not take them is
 * initialised here, for one thread. And so is one that libp11 got a state of its own from, beside
 * ours: p11-kit's proxy makes a new one for everybody who asks for the function list. */
static CK_RV initialize(struct cs_module *module, const char *path, const char *init_args)
{
    PKCS11_CTX *ctx = PKCS11_CTX_new();
    CK_INFO info;
    CK_RV rv;

    if (!ctx)
        return CKR_HOST_MEMORY;
    PKCS11_CTX_init_args(ctx, init_args);
    ERR_clear_error();
    if (PKCS11_CTX_load(ctx, path) < 0) {
        rv = libp11_error();
        PKCS11_CTX_free(ctx);
        if (rv != CKR_CANT_LOCK)
            return rv;
        module->threaded = false;
        return initialize_here(module, init_args);
    }
    if (module->functions->C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED) {
        PKCS11_CTX_unload(ctx);
        PKCS11_CTX_free(ctx);
        return initialize_here(module, init_args);
    }
    module->ctx = ctx;
    snprintf(module->manufacturer, sizeof(module->manufacturer), "%s",
        ctx->manufacturer ? ctx->manufacturer : "");
    snprintf(module->description, sizeof(module->description), "%s",
        ctx->description ? ctx->description : "");
    return CKR_OK;
}

int cs_module_new(
    const char *path, const char *init_args, struct cs_failure *failure, struct cs_module **modulep)
{
    CS_AUTO(module_discardp) struct cs_module *module = module_alloc();
    CK_RV rv;
    int r;

    if (!module)
        return CS_ERR_MEMORY;
    r = open_library(module, path, failure);
    if (r < 0)
        return cs_trace(r);
    rv = initialize(module, path, init_args);
    if (rv != CKR_OK) {
        failure->rv = rv;
        return cs_fail(&failure->fault, CS_ERR_MODULE_FAILED,
            "the module %s does not start: %s (%s, 0x%lx)", path, cs_ckr_text(rv), cs_ckr_name(rv),
            (unsigned long)rv);
    }
    *modulep = cs_steal(&module);
    return 0;
}

void cs_module_free(struct cs_module *module)
{
    if (!module)
        return;
    if (module->ctx)
        PKCS11_CTX_unload(module->ctx);
    else
        module->functions->C_Finalize(NULL);
    module_discard(module);
}

CK_FUNCTION_LIST *cs_module_functions(struct cs_module *module)
{
    return module->functions;
}

bool cs_module_threaded(const struct cs_module *module)
{
    return module->threaded;
}

const char *cs_module_manufacturer(const struct cs_module *module)
{
    return module->manufacturer;
}

const char *cs_module_description(const struct cs_module *module)
{
    return module->description;
}

void cs_module_enter(struct cs_module *module)
{
    if (!module->threaded)
        pthread_mutex_lock(&module->lock);
}

void cs_module_leave(struct cs_module *module)
{
    if (!module->threaded)
        pthread_mutex_unlock(&module->lock);
}
