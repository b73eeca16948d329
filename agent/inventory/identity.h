/* SPDX-License-Identifier: Apache-2.0 */
/* An identity: a private key and its certificates, put together from a token's objects. */
#ifndef CS_AGENT_IDENTITY_H
#define CS_AGENT_IDENTITY_H

#include "limit.h"
#include "inventory/object.h"
#include "base/scheme.h"

struct cs_token;

/* Lives as long as its token's picture; borrows from the token's objects and the bundle. */
struct cs_identity {
    const struct cs_token *token;
    const struct cs_key *key;
    const struct cs_object *source;      /* whose label and CKA_ID it goes by */
    const struct cs_object *private_key; /* NULL while it is only inferred */
    size_t n_certificates;
    const struct cs_object *certificates[CS_LIMIT_CERTIFICATES_PER_KEY];
    size_t n_schemes;
    uint16_t schemes[CS_SCHEMES_MAX];
    char *uri;
};

/* Puts the identities of a token together; *identitiesp is an array that the caller frees with
 * cs_identities_free. */
int cs_identities_assemble(
    const struct cs_token *token, struct cs_identity **identitiesp, size_t *np);
void cs_identities_free(struct cs_identity *identities, size_t n);

/* A certificate of its key that is no object of its token, and lives longer. Beyond the limit it is
 * left out. */
void cs_identity_add(struct cs_identity *identity, const struct cs_object *certificate);
/* Whether the object is one of those that the identity consists of. */
bool cs_identity_has(const struct cs_identity *identity, const struct cs_object *object);
/* The best certificate at this time, or NULL. */
const struct cs_object *cs_identity_best(const struct cs_identity *identity, time_t now);
bool cs_identity_can(const struct cs_identity *identity, uint16_t scheme);
uint32_t cs_identity_flags(const struct cs_identity *identity);
/* The CKA_ID under which the token's host finds the private key. */
struct cs_bytes cs_identity_key_id(const struct cs_identity *identity);

/* For the wire. What the message points to is the identity's, or is put into space. */
void cs_identity_describe(const struct cs_identity *identity, time_t now, struct cs_buf *space,
    struct cs_msg_identity *m);

#endif
