/* SPDX-License-Identifier: Apache-2.0 */
/* TLS SignatureSchemes (IANA registry; RFC 8446, 4.2.3): code point, name, and what they sign with.
 */
#ifndef CS_BASE_SCHEME_H
#define CS_BASE_SCHEME_H

#include <countersign/protocol.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cs_hash {
    CS_HASH_NONE = 0, /* the scheme signs the message itself */
    CS_HASH_SHA256 = 256,
    CS_HASH_SHA384 = 384,
    CS_HASH_SHA512 = 512,
};

enum cs_padding {
    CS_PADDING_NONE,
    CS_PADDING_PKCS1,
    CS_PADDING_PSS, /* MGF1 with the same hash, salt as long as the hash */
};

/*
 * An ECDSA code point names hash and curve in TLS 1.3 but the hash alone in TLS 1.2 (RFC 8446,
 * 4.2.3), so here it names the hash, and any EC key can sign in it.
 */
struct cs_scheme {
    uint16_t code;
    const char *name;
    enum cs_key_type key_type;
    enum cs_hash hash;
    enum cs_padding padding;
};

/* NULL when there is none such. */
const struct cs_scheme *cs_scheme_by_code(uint16_t code);
const struct cs_scheme *cs_scheme_by_name(const char *name);
/* The scheme of a key type with this hash and padding. */
const struct cs_scheme *cs_scheme_for(
    enum cs_key_type type, enum cs_hash hash, enum cs_padding padding);

/* Whether a key of this type and size can sign in the scheme (an RSA key must hold hash, salt and 2
 * bytes). */
bool cs_scheme_fits(const struct cs_scheme *scheme, enum cs_key_type type, unsigned bits);

/* The code points that a key can sign in, best first; returns how many, at most max. */
size_t cs_scheme_list(enum cs_key_type type, unsigned bits, uint16_t *codes, size_t max);
#define CS_SCHEMES_MAX 8

size_t cs_hash_size(enum cs_hash hash);
const char *cs_hash_name(enum cs_hash hash); /* "SHA2-256" as OpenSSL 3 says; NULL for none */
const char *cs_key_type_name(enum cs_key_type type);

#endif
