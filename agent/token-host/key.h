/* SPDX-License-Identifier: Apache-2.0 */
/* Which private key handle belongs to a public key: found once, remembered once proven. */
#ifndef CS_TOKEN_HOST_KEY_H
#define CS_TOKEN_HOST_KEY_H

#include "token-host/object.h"

#define CS_KEY_CANDIDATES_MAX 16
#define CS_PAIRS_MAX 256u

/* What a signature needs to know of a key. */
struct cs_key {
    CK_OBJECT_HANDLE handle;
    uint8_t type;  /* enum cs_key_type of its public key */
    uint32_t bits; /* of its public key */
    bool always_authenticate;
};

struct cs_pair;

struct cs_pairs {
    struct cs_pair *items;
    size_t n;
};

void cs_pairs_clear(struct cs_pairs *pairs);
bool cs_pairs_find(
    const struct cs_pairs *pairs, struct cs_bytes spki, struct cs_bytes cka_id, struct cs_key *key);
/* A pair whose signature was verified. */
int cs_pairs_add(
    struct cs_pairs *pairs, struct cs_bytes spki, struct cs_bytes cka_id, const struct cs_key *key);

/*
 * The private keys among objects that may belong to spki, most likely first: those with its value,
 * else those of its type with the CKA_ID, then those with the label of a certificate or public key
 * of its value. 0, and *np may be 0; CS_ERR_INVALID if spki is no key; CS_ERR_KEY_MISMATCH if the
 * CKA_ID is that of other keys alone.
 */
int cs_key_candidates(const struct cs_objects *objects, struct cs_bytes spki,
    struct cs_bytes cka_id, struct cs_key *keys, size_t *np);

#endif
