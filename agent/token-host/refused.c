/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remembers refused PINs as SHA-256 under a salt of the process. A refused PIN may be a slip of
 * the right one, or right for another token, so it is not kept itself. Forgotten at the first
 * right one.
 */
#include "token-host/refused.h"
#include "base/error.h"

#include <countersign/error.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

static bool hash_pin(
    const struct cs_refused *refused, struct cs_secret *pin, uint8_t hash[CS_REFUSED_HASH])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(ctx, refused->salt, sizeof(refused->salt)) == 1 &&
              EVP_DigestUpdate(ctx, cs_secret_data(pin), cs_secret_len(pin)) == 1 &&
              EVP_DigestFinal_ex(ctx, hash, NULL) == 1;

    /* Wipes the block that the PIN went through. */
    EVP_MD_CTX_free(ctx);
    return ok;
}

int cs_refused_add(struct cs_refused *refused, struct cs_secret *pin)
{
    if (refused->n == 0 && RAND_bytes(refused->salt, sizeof(refused->salt)) != 1)
        return CS_ERR_SYSTEM;
    if (!hash_pin(refused, pin, refused->hashes[refused->next]))
        return CS_ERR_SYSTEM;
    refused->next = (refused->next + 1) % CS_REFUSED_MAX;
    if (refused->n < CS_REFUSED_MAX)
        refused->n++;
    return 0;
}

bool cs_refused_has(const struct cs_refused *refused, struct cs_secret *pin)
{
    uint8_t hash[CS_REFUSED_HASH];
    bool found = false;

    if (refused->n == 0 || !hash_pin(refused, pin, hash))
        return false;
    for (unsigned i = 0; i < refused->n; i++)
        found |= memcmp(refused->hashes[i], hash, sizeof(hash)) == 0;
    return found;
}

void cs_refused_clear(struct cs_refused *refused)
{
    cs_wipe(refused, sizeof(*refused));
}
