/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects. Programs keep handles for as long as a session lives, while the agent's picture is
 * replaced as often as something happens. So a handle is made of what the object is, and nothing
 * need be remembered to give it again. Called by view.c and attribute.c.
 */
#include "pkcs11/object.h"
#include "base/der.h"

#include <countersign/error.h>
#include <limits.h>

uint64_t cs_hash_bytes(uint64_t hash, struct cs_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ bytes.data[i]) * 0x100000001b3u;
    return hash;
}

CK_OBJECT_HANDLE cs_object_handle(const struct cs_object *object, struct cs_bytes token)
{
    const uint8_t class = (uint8_t)object->class;
    uint64_t hash = cs_hash_bytes(CS_HASH_BEGIN, token);
    CK_OBJECT_HANDLE handle;

    hash = cs_hash_bytes(hash, CS_BYTES(&class, 1));
    if (object->class == CKO_CERTIFICATE) {
        hash = cs_hash_bytes(hash, object->certificate.serial);
        hash = cs_hash_bytes(hash, object->certificate.issuer);
    } else if (object->identity) {
        hash = cs_hash_bytes(hash, object->identity->id);
    }
    handle = (CK_OBJECT_HANDLE)hash & (ULONG_MAX >> 1);
    return handle ? handle : 1;
}

/* The curve: a parameter of id-ecPublicKey, or, for Edwards curves, the algorithm itself. */
static int find_parameters(struct cs_object *object)
{
    struct cs_bytes spki = object->identity->spki, sequence, algorithm;
    struct cs_der oid, parameters;

    if (cs_der_expect(&spki, CS_DER_SEQUENCE, &sequence) < 0 ||
        cs_der_expect(&sequence, CS_DER_SEQUENCE, &algorithm) < 0 ||
        cs_der_next(&algorithm, &oid) < 0 || oid.tag != CS_DER_OID)
        return CS_ERR_PROTOCOL;
    if (object->identity->key_type == CS_KEY_EC && cs_der_next(&algorithm, &parameters) < 0)
        return CS_ERR_PROTOCOL;
    object->parameters = object->identity->key_type == CS_KEY_EC ? parameters.whole : oid.whole;
    return 0;
}

int cs_object_set_key(struct cs_object *object, const struct cs_msg_identity *identity)
{
    struct cs_bytes key;

    object->identity = identity;
    if (cs_der_spki_key(identity->spki, &key) < 0)
        return CS_ERR_PROTOCOL;
    switch (identity->key_type) {
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        return cs_der_rsa_public_key(key, &object->modulus, &object->exponent);
    case CS_KEY_EC:
    case CS_KEY_ED25519:
    case CS_KEY_ED448:
        object->point = key;
        return key.len <= CS_POINT_MAX ? find_parameters(object) : CS_ERR_PROTOCOL;
    default:
        return CS_ERR_PROTOCOL;
    }
}

CK_KEY_TYPE cs_object_key_type(const struct cs_object *object)
{
    switch (object->identity->key_type) {
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        return CKK_RSA;
    case CS_KEY_EC:
        return CKK_EC;
    default:
        return CKK_EC_EDWARDS;
    }
}
