/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSS for tokens that have RSA alone: many cards are older than TLS 1.3, which wants it. OpenSSL
 * does this only beside a key of its own. Used by mechanism.c.
 */
#include "token-host/pss.h"
#include "base/cleanup.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

CS_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);

/* The hash of one after the other. */
static bool digest(const EVP_MD *md, struct cs_bytes first, struct cs_bytes second,
    struct cs_bytes third, uint8_t *out)
{
    CS_AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    return ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
           EVP_DigestUpdate(ctx, first.data, first.len) == 1 &&
           EVP_DigestUpdate(ctx, second.data, second.len) == 1 &&
           EVP_DigestUpdate(ctx, third.data, third.len) == 1 &&
           EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

/* MGF1 (B.2.1), over what is there. */
static bool mask(const EVP_MD *md, struct cs_bytes seed, uint8_t *data, size_t len)
{
    uint8_t block[EVP_MAX_MD_SIZE];

    for (size_t at = 0; at < len; at++) {
        size_t n = at / seed.len;
        const uint8_t counter[4] = {0, 0, 0, (uint8_t)n}; /* 512 octets are no more blocks */

        if (at % seed.len == 0 &&
            !digest(md, seed, CS_BYTES(counter, sizeof(counter)), (struct cs_bytes){0}, block))
            return false;
        data[at] ^= block[at % seed.len];
    }
    return true;
}

bool cs_pss_encode(enum cs_hash hash, struct cs_bytes message, uint32_t bits, uint8_t *out)
{
    static const uint8_t zeros[8];
    const EVP_MD *md = EVP_get_digestbyname(cs_hash_name(hash));
    size_t size = (bits + 7) / 8, len = (bits + 6) / 8, n = message.len;
    uint8_t *em = out + (size - len), *salt, *own;

    if (!md || (size_t)EVP_MD_get_size(md) != n || len < 2 * n + 2)
        return false;
    memset(out, 0, size);
    own = em + len - 1 - n;
    salt = own - n;
    salt[-1] = 1;
    if (RAND_bytes(salt, (int)n) != 1 ||
        !digest(md, CS_BYTES(zeros, sizeof(zeros)), message, CS_BYTES(salt, n), own) ||
        !mask(md, CS_BYTES(own, n), em, len - 1 - n))
        return false;
    em[0] &= (uint8_t)(0xff >> (8 * len - (bits - 1)));
    em[len - 1] = 0xbc;
    return true;
}
