/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our key managers must be called RSA, EC and so on, and once OpenSSL has fetched one of ours for
 * a key, it may return it to whoever asks for that name next. Ours can neither generate nor import
 * keys, so with EC that would end ECDHE in the whole process. OpenSSL remembers the answer to a
 * question it has had, so the question is asked here, once, before the first key of ours appears:
 * then the answer is the default provider's, as the order in openssl.cnf says.
 *
 * EVP_KEYMGMT_fetch is found at run time in the very libcrypto that loaded us, for this module
 * links no libcrypto and a process may hold several, one of them inside the program itself. Where
 * it is not to be found, nothing is done.
 */
#include "provider/fetch.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

typedef void *fetch_fn(void *libctx, const char *algorithm, const char *properties);
typedef void free_fn(void *keymgmt);

/* A function of the object that holds `base`. */
static void *symbol_in(void *handle, const char *name, const void *base)
{
    void *symbol = handle ? dlsym(handle, name) : NULL;
    Dl_info info;

    return symbol && dladdr(symbol, &info) && info.dli_fbase == base ? symbol : NULL;
}

static void fetch_each(void *libctx, fetch_fn *fetch, free_fn *release)
{
    static const char *const names[] = {"EC", "RSA", "RSA-PSS", "ED25519", "ED448"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        void *keymgmt = fetch(libctx, names[i], NULL);

        if (keymgmt)
            release(keymgmt);
    }
}

void cs_fetch_defaults(struct cs_provider *provider)
{
    void *handle, *symbols[2];
    fetch_fn *fetch;
    free_fn *release;
    Dl_info info;

    if (!provider->get_libctx || atomic_load(&provider->fetched))
        return;
    /* Any function of the core tells which object the core is. */
    if (!dladdr(*(void **)(void *)&provider->get_libctx, &info) || !info.dli_fname)
        return;
    handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle) /* the program itself, which has no name to the loader */
        handle = dlopen(NULL, RTLD_LAZY);
    symbols[0] = symbol_in(handle, "EVP_KEYMGMT_fetch", info.dli_fbase);
    symbols[1] = symbol_in(handle, "EVP_KEYMGMT_free", info.dli_fbase);
    if (symbols[0] && symbols[1]) {
        memcpy(&fetch, &symbols[0], sizeof(fetch));
        memcpy(&release, &symbols[1], sizeof(release));
        fetch_each(provider->get_libctx(provider->queue.handle), fetch, release);
    }
    if (handle)
        dlclose(handle);
    atomic_store(&provider->fetched, true); /* not before: other threads go on when they see it */
}
