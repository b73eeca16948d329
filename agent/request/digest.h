/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of messages to be signed. */
#ifndef CS_AGENT_DIGEST_H
#define CS_AGENT_DIGEST_H

#include "base/buf.h"
#include "base/scheme.h"

#include <openssl/evp.h>

struct cs_digest {
    EVP_MD_CTX *context;
    EVP_MD *sha256, *sha384, *sha512;
};

#define CS_DIGEST_MAX 64

int cs_digest_init(struct cs_digest *digest);
void cs_digest_deinit(struct cs_digest *digest);
/* out has cs_hash_size(hash) bytes at least. */
int cs_digest_make(
    struct cs_digest *digest, enum cs_hash hash, struct cs_bytes message, uint8_t *out);

#endif
