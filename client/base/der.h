/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough DER (X.690) for shims that may not link libcrypto. */
#ifndef CS_BASE_DER_H
#define CS_BASE_DER_H

#include "base/buf.h"

enum cs_der_tag {
    CS_DER_INTEGER = 0x02,
    CS_DER_BIT_STRING = 0x03,
    CS_DER_OCTET_STRING = 0x04,
    CS_DER_OID = 0x06,
    CS_DER_UTF8_STRING = 0x0c,
    CS_DER_VISIBLE_STRING = 0x1a,
    CS_DER_SEQUENCE = 0x30,
};

struct cs_der {
    uint8_t tag;
    struct cs_bytes content;
    struct cs_bytes whole; /* with tag and length */
};

/* Takes the next element off input. CS_ERR_PROTOCOL when it is not DER, or longer than the input.
 */
int cs_der_next(struct cs_bytes *input, struct cs_der *element);
/* The same, and the tag must be this one. */
int cs_der_expect(struct cs_bytes *input, enum cs_der_tag tag, struct cs_bytes *content);

void cs_der_put(struct cs_buf *buf, enum cs_der_tag tag, struct cs_bytes content);

/* The public key in a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7): what the BIT STRING holds. */
int cs_der_spki_key(struct cs_bytes spki, struct cs_bytes *key);
/* Modulus and public exponent of an RSAPublicKey (RFC 8017, A.1.1), big-endian, no leading zeros.
 */
int cs_der_rsa_public_key(struct cs_bytes key, struct cs_bytes *n, struct cs_bytes *e);
/* An ECDSA signature (RFC 3279, 2.2.3) as PKCS #11 has it: r and s in width bytes each. */
int cs_der_ecdsa_raw(struct cs_bytes der, uint8_t *raw, size_t width);

#endif
