/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is presented. Once made it is only read, so any number of threads may use it; the references
 * that OpenSSL counts are OpenSSL's.
 */
#include "preload/credential.h"

#include <stdlib.h>
#include <string.h>

#define PROVIDER "countersign"
#define STORE_PROPERTIES "provider=" PROVIDER

struct cs_credential {
    struct countersign_identity *identity;
    EVP_PKEY *key;
    size_t n; /* certificates, the leaf first */
    X509 *certificates[];
};

static bool has_provider(const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx)
{
    return openssl->OSSL_PROVIDER_available(libctx, PROVIDER) ||
           openssl->OSSL_PROVIDER_available(libctx, CS_PROVIDER_PATH);
}

/*
 * Where the key is to live. The provider may have come with the configuration, for this context or
 * the default one, whose keys serve an SSL_CTX of any other. Otherwise it is loaded, and OpenSSL's
 * own stays: from where this OpenSSL looks, or, when that is elsewhere, from where ours was
 * installed.
 */
static bool have_provider(const struct cs_libssl *openssl, OSSL_LIB_CTX **libctxp)
{
    if (has_provider(openssl, *libctxp))
        return true;
    if (*libctxp && has_provider(openssl, NULL)) {
        *libctxp = NULL;
        return true;
    }
    return openssl->OSSL_PROVIDER_try_load(*libctxp, PROVIDER, 1) ||
           openssl->OSSL_PROVIDER_try_load(*libctxp, CS_PROVIDER_PATH, 1);
}

static EVP_PKEY *load_key(const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx, const char *uri)
{
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info = NULL;
    EVP_PKEY *key = NULL;

    if (!have_provider(openssl, &libctx))
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

static bool load_chain(const struct cs_libssl *openssl, struct cs_credential *credential, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = 0;
        const unsigned char *der = countersign_identity_chain(credential->identity, i, &len);
        X509 *certificate = der ? openssl->d2i_X509(NULL, &der, (long)len) : NULL;

        if (certificate)
            credential->certificates[credential->n++] = certificate;
        else if (i == 0)
            return false; /* nothing goes without the leaf */
    }
    return n > 0;
}

struct cs_credential *cs_credential_new(
    const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx, struct countersign_identity *identity)
{
    size_t n = countersign_identity_n_chain(identity);
    struct cs_credential *credential =
        calloc(1, sizeof(*credential) + n * sizeof(credential->certificates[0]));

    if (!credential) {
        countersign_identity_free(identity);
        return NULL;
    }
    credential->identity = identity;
    if (load_chain(openssl, credential, n))
        credential->key = load_key(openssl, libctx, countersign_identity_uri(identity));
    if (credential->key)
        return credential;
    cs_credential_free(openssl, credential);
    return NULL;
}

void cs_credential_free(const struct cs_libssl *openssl, struct cs_credential *credential)
{
    if (!credential)
        return;
    for (size_t i = 0; i < credential->n; i++)
        openssl->X509_free(credential->certificates[i]);
    openssl->EVP_PKEY_free(credential->key);
    countersign_identity_free(credential->identity);
    free(credential);
}

bool cs_credential_is(
    const struct cs_credential *credential, const struct countersign_identity *identity)
{
    const struct countersign_identity *mine = credential->identity;
    size_t n = countersign_identity_n_chain(mine), len, other_len;

    if (memcmp(countersign_identity_id(mine), countersign_identity_id(identity), CS_ID_SIZE) != 0 ||
        strcmp(countersign_identity_uri(mine), countersign_identity_uri(identity)) != 0 ||
        n != countersign_identity_n_chain(identity))
        return false;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *der = countersign_identity_chain(mine, i, &len);
        const uint8_t *other = countersign_identity_chain(identity, i, &other_len);

        if (len != other_len || memcmp(der, other, len) != 0)
            return false;
    }
    return true;
}

/*
 * OpenSSL takes the leaf from the callback and builds the rest from its trust store, which knows
 * roots but no intermediates. The chain is attached to the key's place in the SSL, which is chosen
 * by using the leaf; what OpenSSL does with the callback's result after that keeps it.
 */
bool cs_credential_use(const struct cs_libssl *openssl, const struct cs_credential *credential,
    SSL *ssl, X509 **certificatep, EVP_PKEY **keyp)
{
    X509 *leaf = credential->certificates[0];

    if (!openssl->SSL_use_certificate(ssl, leaf) ||
        !openssl->SSL_use_PrivateKey(ssl, credential->key))
        return false;
    for (size_t i = 1; i < credential->n; i++)
        openssl->SSL_ctrl(ssl, SSL_CTRL_CHAIN_CERT, 1, credential->certificates[i]);
    if (!openssl->X509_up_ref(leaf))
        return false;
    if (!openssl->EVP_PKEY_up_ref(credential->key)) {
        openssl->X509_free(leaf);
        return false;
    }
    *certificatep = leaf;
    *keyp = credential->key;
    return true;
}
