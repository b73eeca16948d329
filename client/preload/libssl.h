/* SPDX-License-Identifier: Apache-2.0 */
/* The host program's own libssl and libcrypto, found at run time: the preload library links to
 * neither. */
#ifndef CS_PRELOAD_LIBSSL_H
#define CS_PRELOAD_LIBSSL_H

#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/store.h>

/* The types are taken from OpenSSL's own prototypes, so that a wrong call does not compile. */
#define CS_LIBSSL_FUNCTIONS(X)                                                                     \
    X(SSL_CTX_get_ex_data)                                                                         \
    X(SSL_CTX_set_client_cert_cb)                                                                  \
    X(SSL_CTX_set_post_handshake_auth)                                                             \
    X(SSL_get_SSL_CTX)                                                                             \
    X(SSL_get0_peer_CA_list)                                                                       \
    X(SSL_get_sigalgs)                                                                             \
    X(SSL_get_servername)                                                                          \
    X(SSL_get0_peer_certificate)                                                                   \
    X(SSL_use_certificate)                                                                         \
    X(SSL_use_PrivateKey)                                                                          \
    X(SSL_ctrl)

#define CS_LIBCRYPTO_FUNCTIONS(X)                                                                  \
    X(CTLOG_STORE_new_ex)                                                                          \
    X(CRYPTO_get_ex_new_index)                                                                     \
    X(CRYPTO_set_ex_data)                                                                          \
    X(ERR_set_mark)                                                                                \
    X(ERR_pop_to_mark)                                                                             \
    X(EVP_PKEY_up_ref)                                                                             \
    X(EVP_PKEY_free)                                                                               \
    X(OPENSSL_sk_num)                                                                              \
    X(OPENSSL_sk_value)                                                                            \
    X(OSSL_PROVIDER_available)                                                                     \
    X(OSSL_PROVIDER_try_load)                                                                      \
    X(OSSL_STORE_open_ex)                                                                          \
    X(OSSL_STORE_expect)                                                                           \
    X(OSSL_STORE_load)                                                                             \
    X(OSSL_STORE_close)                                                                            \
    X(OSSL_STORE_INFO_get1_PKEY)                                                                   \
    X(OSSL_STORE_INFO_free)                                                                        \
    X(X509_up_ref)                                                                                 \
    X(X509_free)                                                                                   \
    X(d2i_X509)                                                                                    \
    X(i2d_X509)                                                                                    \
    X(i2d_X509_NAME)                                                                               \
    X(CRYPTO_free)

struct cs_libssl {
    const void *object; /* the loaded object that has them */
#define X(name) __typeof__(&name) name;
    CS_LIBSSL_FUNCTIONS(X)
    CS_LIBCRYPTO_FUNCTIONS(X)
#undef X
};

/*
 * The functions of the OpenSSL whose libssl this address lies in. NULL when it is no libssl, no
 * OpenSSL 3 or later, or not the one of the first call: a process may have copies, and we serve one
 * of them.
 */
const struct cs_libssl *cs_libssl_of(const void *caller);

/* The one that is served; NULL before the first success of cs_libssl_of. */
const struct cs_libssl *cs_libssl_served(void);

typedef __typeof__(CTLOG_STORE_new_ex) cs_libssl_store_new;

/* The CTLOG_STORE_new_ex that this caller meant, before which we stand; NULL if there is none. */
cs_libssl_store_new *cs_libssl_original(const void *caller);

#endif
