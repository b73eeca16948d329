/* SPDX-License-Identifier: Apache-2.0 */
/* An object of a token: a key, a certificate, or the profile. */
#ifndef CS_PKCS11_OBJECT_H
#define CS_PKCS11_OBJECT_H

#include "base/message.h"
#include "pkcs11/certificate.h"
#include "pkcs11/cryptoki.h"

#define CS_POINT_MAX 160 /* bytes; P-521 has 133 */

struct cs_object {
    CK_OBJECT_CLASS class;
    CK_OBJECT_HANDLE handle;
    struct cs_bytes label, id;
    const struct cs_msg_identity *identity; /* whose key or certificate it is, or NULL */
    struct cs_certificate certificate;      /* itself, or the first of the key; may be empty */
    struct cs_bytes modulus, exponent;      /* of an RSA key */
    struct cs_bytes parameters, point;      /* of another: the curve in DER, the key */
};

/* The objects of an identity: fill in what its key tells. CS_ERR_PROTOCOL when it tells nonsense.
 */
int cs_object_set_key(struct cs_object *object, const struct cs_msg_identity *identity);

/* The number by which programs know it: the same for the same thing, whenever it is seen. */
CK_OBJECT_HANDLE cs_object_handle(const struct cs_object *object, struct cs_bytes token);

/* FNV-1a, continued from hash; begin with CS_HASH_BEGIN. */
#define CS_HASH_BEGIN 0xcbf29ce484222325u
uint64_t cs_hash_bytes(uint64_t hash, struct cs_bytes bytes);

CK_KEY_TYPE cs_object_key_type(const struct cs_object *object);

#endif
