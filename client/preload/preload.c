/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preload library's entry: it stands before libssl's makers of an SSL_CTX. Both are covered.
 * SSL_CTX_new(3) is the second one with no context and no properties, so one does for both; and
 * where libssl's own SSL_CTX_new calls the second through the PLT, as it did up to OpenSSL 3.5,
 * programs are caught too that found the first by dlsym.
 *
 * A program that has no OpenSSL never comes here, nor does one with an OpenSSL of its own inside.
 */
#include "preload/libssl.h"
#include "preload/present.h"

#include <errno.h>

#define EXPORT __attribute__((visibility("default")))

static SSL_CTX *make(const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx, const char *propq,
    const SSL_METHOD *method)
{
    SSL_CTX *context = openssl->SSL_CTX_new_ex(libctx, propq, method);
    int saved = errno;

    if (context)
        cs_present_install(openssl, context, libctx);
    errno = saved;
    return context;
}

EXPORT SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    const struct cs_libssl *openssl = cs_libssl_of(method);
    __typeof__(&SSL_CTX_new) next;

    if (openssl)
        return make(openssl, NULL, NULL, method);
    cs_libssl_find(method, "SSL_CTX_new", &next);
    return next ? next(method) : NULL;
}

EXPORT SSL_CTX *SSL_CTX_new_ex(OSSL_LIB_CTX *libctx, const char *propq, const SSL_METHOD *method)
{
    const struct cs_libssl *openssl = cs_libssl_of(method);
    __typeof__(&SSL_CTX_new_ex) next;

    if (openssl)
        return make(openssl, libctx, propq, method);
    cs_libssl_find(method, "SSL_CTX_new_ex", &next);
    return next ? next(libctx, propq, method) : NULL;
}
