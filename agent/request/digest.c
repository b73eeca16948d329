/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes. Algorithms are fetched once, because a fetch costs more than a hash. */
#include "request/digest.h"

#include <countersign/error.h>
#include <openssl/crypto.h>

int cs_digest_init(struct cs_digest *digest)
{
    /* OpenSSL 3.0 fetches from a library context that it had no memory for. */
    if (!OSSL_LIB_CTX_get0_global_default())
        return CS_ERR_MEMORY;
    digest->context = EVP_MD_CTX_new();
    digest->sha256 = EVP_MD_fetch(NULL, cs_hash_name(CS_HASH_SHA256), NULL);
    digest->sha384 = EVP_MD_fetch(NULL, cs_hash_name(CS_HASH_SHA384), NULL);
    digest->sha512 = EVP_MD_fetch(NULL, cs_hash_name(CS_HASH_SHA512), NULL);
    if (digest->context && digest->sha256 && digest->sha384 && digest->sha512)
        return 0;
    cs_digest_deinit(digest);
    return CS_ERR_MEMORY;
}

void cs_digest_deinit(struct cs_digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->sha256);
    EVP_MD_free(digest->sha384);
    EVP_MD_free(digest->sha512);
    *digest = (struct cs_digest){0};
}

int cs_digest_make(
    struct cs_digest *digest, enum cs_hash hash, struct cs_bytes message, uint8_t *out)
{
    const EVP_MD *md = hash == CS_HASH_SHA256   ? digest->sha256
                       : hash == CS_HASH_SHA384 ? digest->sha384
                                                : digest->sha512;

    if (hash == CS_HASH_NONE)
        return CS_ERR_INVALID;
    if (!EVP_DigestInit_ex2(digest->context, md, NULL) ||
        !EVP_DigestUpdate(digest->context, message.data, message.len) ||
        !EVP_DigestFinal_ex(digest->context, out, NULL))
        return CS_ERR_MEMORY;
    return 0;
}
