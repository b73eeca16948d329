/* SPDX-License-Identifier: Apache-2.0 */
#include "other-provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

static void *open_nothing(void *provider, const char *uri)
{
    (void)provider, (void)uri;
    return NULL;
}

static int load_nothing(
    void *store, OSSL_CALLBACK *object, void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    (void)store, (void)object, (void)arg, (void)ask, (void)ask_arg;
    return 0;
}

static int is_at_end(void *store)
{
    (void)store;
    return 1;
}

static int close_nothing(void *store)
{
    (void)store;
    return 1;
}

static const OSSL_DISPATCH store_functions[] = {
    {OSSL_FUNC_STORE_OPEN, (void (*)(void))open_nothing},
    {OSSL_FUNC_STORE_LOAD, (void (*)(void))load_nothing},
    {OSSL_FUNC_STORE_EOF, (void (*)(void))is_at_end},
    {OSSL_FUNC_STORE_CLOSE, (void (*)(void))close_nothing},
    {0, NULL},
};

static const OSSL_ALGORITHM stores[] = {
    {"pkcs11", "provider=other", store_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_STORE ? stores : NULL;
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
    {0, NULL},
};

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
    const OSSL_DISPATCH **functionsp, void **providerp)
{
    (void)core;
    *functionsp = functions;
    *providerp = (void *)handle;
    return 1;
}

int other_provider_load(OSSL_LIB_CTX *libctx)
{
    return OSSL_PROVIDER_add_builtin(libctx, "other", start) &&
           OSSL_PROVIDER_try_load(libctx, "other", 1);
}
