/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 'openssl req -verify' and X509_REQ_verify check a request with the key that signed it. OpenSSL
 * asks the key's own provider for that, and takes no other; so its default is asked from here, with
 * the public half as a key of its own. The agent has no part in it.
 */
#include "provider/verify.h"
#include "provider/core.h"
#include "provider/param.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

/* The types are taken from OpenSSL's own prototypes, so that a wrong call does not compile. */
#define FUNCTIONS(X)                                                                               \
    X(d2i_PUBKEY_ex)                                                                               \
    X(EVP_PKEY_free)                                                                               \
    X(EVP_MD_CTX_new)                                                                              \
    X(EVP_MD_CTX_free)                                                                             \
    X(EVP_DigestVerifyInit_ex)                                                                     \
    X(EVP_DigestVerify)

struct functions {
#define X(name) __typeof__(&name) name;
    FUNCTIONS(X)
#undef X
};

#define N_FUNCTIONS (sizeof(struct functions) / sizeof(void *))

static bool find(const struct cs_provider *provider, struct functions *functions)
{
    static const char *const names[] = {
#define X(name) #name,
        FUNCTIONS(X)
#undef X
    };
    void *found[N_FUNCTIONS];

    cs_core_find(provider, names, N_FUNCTIONS, found);
    for (size_t i = 0; i < N_FUNCTIONS; i++)
        if (!found[i])
            return false;
    memcpy(functions, found, sizeof(found));
    return true;
}

/* The choices, in the words of OpenSSL's own RSA. */
static void put_params(
    const struct cs_signature *signature, int *padding, int *salt, OSSL_PARAM params[4])
{
    *padding = signature->padding == CS_PADDING_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
    *salt = signature->salt;
    if (cs_key_is_rsa(signature->key))
        *params++ = cs_param_of_int(OSSL_SIGNATURE_PARAM_PAD_MODE, padding);
    if (signature->padding == CS_PADDING_PSS)
        *params++ = cs_param_of_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt);
    if (signature->padding == CS_PADDING_PSS && signature->mgf_hash != CS_HASH_NONE)
        *params++ =
            cs_param_of_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, cs_hash_name(signature->mgf_hash));
    *params = (OSSL_PARAM)OSSL_PARAM_END;
}

int cs_verify(const struct cs_signature *signature, struct cs_bytes message, struct cs_bytes value)
{
    const struct cs_provider *provider = signature->provider;
    const unsigned char *spki = signature->key->spki.data;
    struct functions openssl;
    OSSL_PARAM params[4];
    int padding, salt, ok;
    OSSL_LIB_CTX *libctx;
    EVP_PKEY *public;
    EVP_MD_CTX *md;

    if (!find(provider, &openssl))
        return cs_raise(&signature->provider->queue, CS_ERR_UNSUPPORTED,
            "Countersign verifies nothing in this program: use the certificate");
    libctx = (OSSL_LIB_CTX *)provider->get_libctx(provider->queue.handle);
    put_params(signature, &padding, &salt, params);
    public = openssl.d2i_PUBKEY_ex(NULL, &spki, (long)signature->key->spki.len, libctx, NULL);
    md = openssl.EVP_MD_CTX_new();
    ok = public && md &&
         openssl.EVP_DigestVerifyInit_ex(
             md, NULL, cs_hash_name(signature->hash), libctx, NULL, public, params) == 1 &&
         openssl.EVP_DigestVerify(md, value.data, value.len, message.data, message.len) == 1;
    openssl.EVP_MD_CTX_free(md);
    openssl.EVP_PKEY_free(public);
    return ok;
}
