/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preload library's entry. While libssl makes an SSL_CTX it calls CTLOG_STORE_new_ex(3), and
 * hardly anybody else does. That function is libcrypto's, so libssl finds it by its name, which is
 * ours first, however the program came to SSL_CTX_new: linked, through another library, or by dlsym
 * in a libssl that was opened with local scope. The call tells which libssl makes one, by where it
 * returns to, and in which library context. The SSL_CTX itself is met when it gets its extra data.
 *
 * A program that has no OpenSSL never comes here, nor does one with an OpenSSL of its own inside,
 * with one from before 3.0, or with one of those that parted from it then.
 */
#include "preload/libssl.h"
#include "preload/present.h"

#include <errno.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT CTLOG_STORE *CTLOG_STORE_new_ex(OSSL_LIB_CTX *libctx, const char *propq)
{
    const void *caller = __builtin_return_address(0);
    int saved = errno;
    const struct cs_libssl *openssl = cs_libssl_of(caller);
    cs_libssl_store_new *original =
        openssl ? openssl->CTLOG_STORE_new_ex : cs_libssl_original(caller);

    cs_present_expect(openssl, libctx);
    errno = saved;
    return original ? original(libctx, propq) : NULL;
}
