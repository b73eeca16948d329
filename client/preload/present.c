/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callback that OpenSSL runs when a server has sent a CertificateRequest and the program has
 * configured no certificate (SSL_CTX_set_client_cert_cb(3)). It asks the agent which identity
 * suits, loads its key through the provider, and hands both over. If anything fails the handshake
 * goes on without a certificate, as it would without us, and the host's error queue is as before.
 */
#include "preload/present.h"
#include "preload/choose.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define PROVIDER "countersign"
#define STORE_PROPERTIES "provider=" PROVIDER
#define SIGALGS_MAX 64

/* Where an SSL_CTX keeps its library context, for OpenSSL has no way to ask it; -1: nowhere. */
static int libctx_index(const struct cs_libssl *ssl)
{
    static atomic_int index = -1;
    int found = atomic_load(&index), made;

    if (found >= 0)
        return found;
    made = ssl->CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, NULL, NULL, NULL, NULL);
    if (made < 0 || atomic_compare_exchange_strong(&index, &found, made))
        return made;
    return found; /* another thread was faster; an index left over does no harm */
}

/* The DER names of the issuers that the server accepts; an empty list means any. */
static int put_issuers(
    const struct cs_libssl *openssl, SSL *ssl, struct countersign_criteria *criteria)
{
    const STACK_OF(X509_NAME) *names = openssl->SSL_get0_peer_CA_list(ssl);
    int n = names ? openssl->OPENSSL_sk_num((const OPENSSL_STACK *)names) : 0;
    struct countersign_bytes *issuers;

    if (n <= 0)
        return 0;
    issuers = calloc((size_t)n, sizeof(*issuers));
    if (!issuers)
        return CS_ERR_MEMORY;
    criteria->issuers = issuers;
    for (int i = 0; i < n; i++) {
        const X509_NAME *name = openssl->OPENSSL_sk_value((const OPENSSL_STACK *)names, i);
        unsigned char *der = NULL;
        int len = openssl->i2d_X509_NAME(name, &der);

        if (len <= 0)
            continue;
        issuers[criteria->n_issuers++] = (struct countersign_bytes){der, (size_t)len};
    }
    return 0;
}

static void free_issuers(const struct cs_libssl *openssl, struct countersign_criteria *criteria)
{
    for (size_t i = 0; i < criteria->n_issuers; i++)
        openssl->CRYPTO_free((void *)criteria->issuers[i].data, __FILE__, __LINE__);
    free((void *)criteria->issuers);
}

/* The SignatureSchemes of the CertificateRequest. */
static size_t get_schemes(const struct cs_libssl *openssl, SSL *ssl, uint16_t *schemes)
{
    int n = openssl->SSL_get_sigalgs(ssl, -1, NULL, NULL, NULL, NULL, NULL);
    size_t found = 0;

    for (int i = 0; i < n && found < SIGALGS_MAX; i++) {
        unsigned char signature = 0, hash = 0;

        if (openssl->SSL_get_sigalgs(ssl, i, NULL, NULL, NULL, &signature, &hash) > 0)
            schemes[found++] = (uint16_t)(hash << 8 | signature);
    }
    return found;
}

static int find_identity(
    const struct cs_libssl *openssl, SSL *ssl, struct countersign_identity **identityp)
{
    uint16_t schemes[SIGALGS_MAX];
    struct countersign_criteria criteria = {
        .host = openssl->SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name),
        .schemes = schemes,
        .n_schemes = get_schemes(openssl, ssl, schemes),
    };
    int r = put_issuers(openssl, ssl, &criteria);

    if (r == 0)
        r = cs_choose(&criteria, identityp);
    free_issuers(openssl, &criteria);
    return r;
}

/* The provider may have come with the configuration. Otherwise it is loaded, and the default stays:
 * from where this OpenSSL looks, or, when that is elsewhere, from where ours was installed. */
static bool have_provider(const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx)
{
    return openssl->OSSL_PROVIDER_available(libctx, PROVIDER) ||
           openssl->OSSL_PROVIDER_available(libctx, CS_PROVIDER_PATH) ||
           openssl->OSSL_PROVIDER_try_load(libctx, PROVIDER, 1) ||
           openssl->OSSL_PROVIDER_try_load(libctx, CS_PROVIDER_PATH, 1);
}

static EVP_PKEY *load_key(const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx, const char *uri)
{
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info = NULL;
    EVP_PKEY *key = NULL;

    if (!have_provider(openssl, libctx))
        return NULL;
    store =
        openssl->OSSL_STORE_open_ex(uri, libctx, STORE_PROPERTIES, NULL, NULL, NULL, NULL, NULL);
    if (!store)
        return NULL;
    if (openssl->OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY))
        info = openssl->OSSL_STORE_load(store);
    if (info)
        key = openssl->OSSL_STORE_INFO_get1_PKEY(info);
    openssl->OSSL_STORE_INFO_free(info);
    openssl->OSSL_STORE_close(store);
    return key;
}

static X509 *chain_certificate(
    const struct cs_libssl *openssl, const struct countersign_identity *identity, size_t index)
{
    size_t len = 0;
    const unsigned char *der = countersign_identity_chain(identity, index, &len);

    return der ? openssl->d2i_X509(NULL, &der, (long)len) : NULL;
}

/*
 * OpenSSL takes the leaf from the callback and builds the rest from its trust store, which knows
 * roots but no intermediates. The chain is attached to the key's place in the SSL, which is chosen
 * by using the leaf; what OpenSSL does with the callback's result after that keeps it.
 */
static bool attach_chain(const struct cs_libssl *openssl, SSL *ssl, X509 *leaf, EVP_PKEY *key,
    const struct countersign_identity *identity)
{
    if (!openssl->SSL_use_certificate(ssl, leaf) || !openssl->SSL_use_PrivateKey(ssl, key))
        return false;
    for (size_t i = 1; i < countersign_identity_n_chain(identity); i++) {
        X509 *issuer = chain_certificate(openssl, identity, i);

        if (issuer)
            openssl->SSL_ctrl(ssl, SSL_CTRL_CHAIN_CERT, 1, issuer);
        openssl->X509_free(issuer);
    }
    return true;
}

/* The leaf and its key; the chain is attached. */
static bool use(const struct cs_libssl *openssl, SSL *ssl,
    const struct countersign_identity *identity, X509 **certificatep, EVP_PKEY **keyp)
{
    SSL_CTX *context = openssl->SSL_get_SSL_CTX(ssl);
    OSSL_LIB_CTX *libctx = openssl->SSL_CTX_get_ex_data(context, libctx_index(openssl));
    X509 *leaf = chain_certificate(openssl, identity, 0);
    EVP_PKEY *key = leaf ? load_key(openssl, libctx, countersign_identity_uri(identity)) : NULL;

    if (key && attach_chain(openssl, ssl, leaf, key, identity)) {
        *certificatep = leaf;
        *keyp = key;
        return true;
    }
    openssl->EVP_PKEY_free(key);
    openssl->X509_free(leaf);
    return false;
}

/* 1: here they are; 0: go on without a certificate. */
static int present(SSL *ssl, X509 **certificatep, EVP_PKEY **keyp)
{
    const struct cs_libssl *openssl = cs_libssl_served();
    struct countersign_identity *identity = NULL;
    int saved = errno;
    bool done = false;

    if (!openssl)
        return 0;
    openssl->ERR_set_mark();
    if (find_identity(openssl, ssl, &identity) == 0)
        done = use(openssl, ssl, identity, certificatep, keyp);
    openssl->ERR_pop_to_mark();
    countersign_identity_free(identity);
    errno = saved;
    return done;
}

void cs_present_install(const struct cs_libssl *openssl, SSL_CTX *context, OSSL_LIB_CTX *libctx)
{
    int index = libctx_index(openssl);

    if (index < 0 || openssl->SSL_CTX_get_client_cert_cb(context))
        return;
    if (openssl->SSL_CTX_set_ex_data(context, index, libctx))
        openssl->SSL_CTX_set_client_cert_cb(context, present);
}
