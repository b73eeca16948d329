/* SPDX-License-Identifier: Apache-2.0 */
/* A public key: what the agent knows of it from its SubjectPublicKeyInfo. */
#ifndef CS_AGENT_KEY_H
#define CS_AGENT_KEY_H

#include "base/buf.h"

#include <countersign/protocol.h>

struct cs_key {
    struct cs_bytes spki;   /* borrowed from whoever parsed it */
    struct cs_bytes point;  /* what its BIT STRING holds; in spki */
    uint8_t id[CS_ID_SIZE]; /* SHA-256 of spki */
    enum cs_key_type type;
    uint32_t bits;
    char group[32]; /* OpenSSL's name of the curve, or "" */
};

/* CS_ERR_UNSUPPORTED when it is no key that signs in TLS, CS_ERR_PROTOCOL when it is none at all.
 * The key borrows spki. */
int cs_key_parse(struct cs_bytes spki, struct cs_key *key);

/* Whether keys of these types can be the same private key: one for RSA may have a public key
 * restricted to PSS. */
bool cs_key_type_fits(uint8_t a, uint8_t b);
/* Whether it is the same private key, even if the public keys are written differently. */
bool cs_key_equal(const struct cs_key *a, const struct cs_key *b);

#endif
