/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that has libcrypto, with an allocator of its own, and opens another libssl that a
 * plug-in brought along together with another libcrypto, for preload.py.
 *
 *   bundle-guest LIBCRYPTO LIBSSL [LIBSSL-BEFORE]
 *
 * That libssl calls the program's libcrypto, which has the names first. So the other never runs,
 * and all that the program's frees it has made. We present for the libssl that came first, alone.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MADE_HERE UINT64_C(0x6d61646568657265)
#define HEAD 16

static const char *other; /* the path of the other libcrypto, once it is there */
static int foreign;

/* Whether the other libcrypto calls. */
static int is_called_by_it(void)
{
    void *frames[32];
    int n = other ? backtrace(frames, sizeof(frames) / sizeof(frames[0])) : 0;
    Dl_info info;

    for (int i = 0; i < n; i++)
        if (dladdr(frames[i], &info) && strcmp(info.dli_fname, other) == 0)
            return 1;
    return 0;
}

static void *make(size_t size, const char *file, int line)
{
    const uint64_t mark = MADE_HERE;
    char *block = malloc(HEAD + size);

    (void)file, (void)line;
    foreign += is_called_by_it();
    if (!block)
        return NULL;
    memcpy(block, &mark, sizeof(mark));
    return block + HEAD;
}

static void unmake(void *data, const char *file, int line)
{
    uint64_t mark;

    (void)file, (void)line;
    if (!data)
        return;
    memcpy(&mark, (char *)data - HEAD, sizeof(mark));
    if (mark == MADE_HERE)
        free((char *)data - HEAD);
    else
        foreign++;
}

static void *remake(void *data, size_t size, const char *file, int line)
{
    char *block;

    if (!data)
        return make(size, file, line);
    block = realloc((char *)data - HEAD, HEAD + size);
    if (!block)
        return NULL;
    return block + HEAD;
}

static void *find(void *library, const char *name, void *functionp)
{
    void *function = dlsym(library, name);

    memcpy(functionp, &function, sizeof(function));
    return function;
}

/* Makes an SSL_CTX by a libssl. Whether somebody presents for it; -1: there is none. */
static int make_context(void *library)
{
    __typeof__(&TLS_client_method) method;
    __typeof__(&SSL_CTX_new) make_one;
    __typeof__(&SSL_CTX_get_client_cert_cb) get_callback;
    __typeof__(&SSL_CTX_free) free_it;
    SSL_CTX *context;
    int presents;

    if (!library || !find(library, "TLS_client_method", &method) ||
        !find(library, "SSL_CTX_new", &make_one) ||
        !find(library, "SSL_CTX_get_client_cert_cb", &get_callback) ||
        !find(library, "SSL_CTX_free", &free_it))
        return -1;
    context = make_one(method());
    presents = context ? get_callback(context) != NULL : -1;
    free_it(context);
    return presents;
}

int main(int argc, char **argv)
{
    int before = argc > 3;

    if (argc < 3 || !CRYPTO_set_mem_functions(make, remake, unmake) ||
        (before && make_context(dlopen(argv[3], RTLD_NOW | RTLD_LOCAL)) != 1) ||
        !dlopen(argv[1], RTLD_NOW | RTLD_LOCAL))
        return 2;
    other = argv[1];
    if (make_context(dlopen(argv[2], RTLD_NOW | RTLD_LOCAL)) != !before)
        return 3;
    return foreign ? 1 : 0;
}
