/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, SHA-384 and SHA-512 (FIPS 180-4) for shims that may not link libcrypto. */
#ifndef CS_BASE_SHA2_H
#define CS_BASE_SHA2_H

#include "base/scheme.h"

#define CS_SHA2_MAX 64 /* bytes of the longest digest */

struct cs_sha2 {
    enum cs_hash hash;
    uint64_t state[8]; /* SHA-256: 32 bits of each */
    uint64_t len;      /* bytes taken */
    uint8_t block[128];
};

/* hash is one of the three. The struct may be copied at any time. */
void cs_sha2_init(struct cs_sha2 *sha2, enum cs_hash hash);
void cs_sha2_update(struct cs_sha2 *sha2, const void *data, size_t len);
/* Writes cs_hash_size bytes. */
void cs_sha2_final(struct cs_sha2 *sha2, uint8_t *digest);

#endif
