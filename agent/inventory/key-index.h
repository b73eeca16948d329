/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of a token by their public keys, or by their CKA_IDs, while its identities are put
 * together. */
#ifndef CS_AGENT_KEY_INDEX_H
#define CS_AGENT_KEY_INDEX_H

#include "inventory/object.h"

struct cs_key_entry {
    struct cs_object *object;
    struct cs_bytes by; /* what they are sorted by */
    size_t place;       /* in the token's list */
    bool identity;      /* there is one with this key */
};

struct cs_key_index {
    struct cs_key_entry *entries;
    size_t n;
};

/* Of those objects whose public key is known. */
int cs_key_index_init(struct cs_key_index *index, struct cs_object *const *objects, size_t n);
/* The same, of those that have a CKA_ID, by that. */
int cs_key_index_init_by_id(struct cs_key_index *index, struct cs_object *const *objects, size_t n);
void cs_key_index_deinit(struct cs_key_index *index);

/* The next object with an equal key, in the token's order; NULL after the last. *atp begins as 0.
 */
struct cs_key_entry *cs_key_index_next(
    const struct cs_key_index *index, const struct cs_key *key, size_t *atp);
/* The same, of those that are sorted by just these bytes. */
struct cs_key_entry *cs_key_index_next_by(
    const struct cs_key_index *index, struct cs_bytes by, size_t *atp);

#endif
