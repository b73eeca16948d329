/* SPDX-License-Identifier: Apache-2.0 */
/* A key of ours: its public half, and the id by which the agent knows it. It never changes. */
#ifndef CS_PROVIDER_KEY_H
#define CS_PROVIDER_KEY_H

#include "base/pem.h"

#include <countersign/protocol.h>
#include <stdatomic.h>

struct cs_key {
    atomic_uint refs;
    enum cs_key_type type;
    unsigned bits;
    const char *group;       /* the curve as OpenSSL names it, NULL for other keys */
    struct cs_bytes encoded; /* EC: the point; Ed25519, Ed448: the key */
    struct cs_bytes n, e;    /* RSA: big-endian */
    uint8_t id[CS_ID_SIZE];
    struct cs_bytes spki; /* what the above point into */
    const char *uri;      /* what it was called when its reference was written; a hint for people */
};

/* Of a whole reference. CS_ERR_PROTOCOL when spki is no SubjectPublicKeyInfo of a type that we
 * know, CS_ERR_MEMORY. */
int cs_key_new(struct cs_key **keyp, const struct cs_pem_reference *reference);
/* One that can do nothing; NULL when there is no memory. */
struct cs_key *cs_key_new_empty(void);
bool cs_key_is_empty(const struct cs_key *key);
struct cs_key *cs_key_ref(struct cs_key *key);
void cs_key_unref(struct cs_key *key); /* accepts NULL */

/* What OpenSSL calls its type. */
const char *cs_key_type(const struct cs_key *key);
unsigned cs_key_security_bits(const struct cs_key *key);
/* The longest signature. */
size_t cs_key_signature_size(const struct cs_key *key);
bool cs_key_is_rsa(const struct cs_key *key); /* RSA or RSA-PSS */
/* Ed25519 and Ed448 sign a message, never a digest. */
bool cs_key_is_pure(const struct cs_key *key);

#endif
