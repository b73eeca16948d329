/* SPDX-License-Identifier: Apache-2.0 */
/* What a server would do with a signature. */
#include "verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

static bool verify_message(EVP_PKEY *key, struct cs_bytes data, const struct host_answer *answer)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok =
        EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(md, answer->signature, answer->signature_len, data.data, data.len) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

bool verify_answer(EVP_PKEY *key, const struct cs_scheme *scheme, struct cs_bytes data,
    const struct host_answer *answer)
{
    EVP_PKEY_CTX *ctx;
    bool ok;

    if (scheme->hash == CS_HASH_NONE)
        return verify_message(key, data, answer);
    ctx = EVP_PKEY_CTX_new(key, NULL);
    ok = EVP_PKEY_verify_init(ctx) == 1 &&
         EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(cs_hash_name(scheme->hash))) == 1;
    if (scheme->padding == CS_PADDING_PSS)
        ok = ok && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok &&
         EVP_PKEY_verify(ctx, answer->signature, answer->signature_len, data.data, data.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

struct host_answer verify_sign(
    struct host *host, struct host_token *token, const struct softhsm_key *key, struct cs_bytes id)
{
    struct cs_bytes spki = softhsm_spki(key);
    struct host_answer answer;
    uint8_t digest[32];

    RAND_bytes(digest, sizeof(digest));
    answer = host_sign(host, token, spki, id, 0x0403, CS_BYTES(digest, sizeof(digest)));
    OPENSSL_free((void *)spki.data);
    if (answer.type == CS_HOST_SIGNED)
        assert_true(verify_answer(
            key->key, cs_scheme_by_code(0x0403), CS_BYTES(digest, sizeof(digest)), &answer));
    return answer;
}
