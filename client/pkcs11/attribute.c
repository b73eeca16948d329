/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every client of ours asks for, and what the standard says an object of its class has. All of
 * it is in memory already. Truths that are the same for every object of a class are in one table.
 */
#include "pkcs11/attribute.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"

#include <stdio.h>
#include <string.h>

#define UTC_TIME 0x17
#define GENERALIZED_TIME 0x18

enum {
    CERTIFICATE = 1,
    PRIVATE = 2,
    PUBLIC = 4,
    PROFILE = 8,
    KEY = PRIVATE | PUBLIC,
    ALL = KEY | CERTIFICATE | PROFILE,
};

static const struct {
    CK_ATTRIBUTE_TYPE type;
    int classes;
    CK_BBOOL truth;
} truths[] = {
    {CKA_TOKEN, ALL, CK_TRUE},
    {CKA_PRIVATE, ALL, CK_FALSE}, /* seen without a login */
    {CKA_MODIFIABLE, ALL, CK_FALSE},
    {CKA_COPYABLE, ALL, CK_FALSE},
    {CKA_DESTROYABLE, ALL, CK_FALSE},
    {CKA_TRUSTED, CERTIFICATE | PUBLIC, CK_FALSE},
    {CKA_LOCAL, KEY, CK_FALSE}, /* where a key was made, the agent does not tell, nor what was */
    {CKA_ALWAYS_SENSITIVE, PRIVATE, CK_FALSE}, /* done with it before */
    {CKA_NEVER_EXTRACTABLE, PRIVATE, CK_FALSE},
    {CKA_SENSITIVE, PRIVATE, CK_TRUE},
    {CKA_EXTRACTABLE, PRIVATE, CK_FALSE},
    {CKA_ALWAYS_AUTHENTICATE, PRIVATE, CK_FALSE}, /* the agent does, where the token wants it */
    {CKA_WRAP_WITH_TRUSTED, PRIVATE, CK_FALSE},
    {CKA_SIGN, PRIVATE, CK_TRUE},
    {CKA_SIGN_RECOVER, PRIVATE, CK_FALSE},
    {CKA_DECRYPT, PRIVATE, CK_FALSE},
    {CKA_UNWRAP, PRIVATE, CK_FALSE},
    {CKA_DERIVE, KEY, CK_FALSE},
    {CKA_ENCRYPT, PUBLIC, CK_FALSE},
    {CKA_VERIFY, PUBLIC, CK_FALSE},
    {CKA_VERIFY_RECOVER, PUBLIC, CK_FALSE},
    {CKA_WRAP, PUBLIC, CK_FALSE},
};

static int class_of(const struct cs_object *object)
{
    switch (object->class) {
    case CKO_CERTIFICATE:
        return CERTIFICATE;
    case CKO_PRIVATE_KEY:
        return PRIVATE;
    case CKO_PUBLIC_KEY:
        return PUBLIC;
    default:
        return PROFILE;
    }
}

static CK_RV bytes(struct cs_attribute *attribute, struct cs_bytes value)
{
    attribute->value = value;
    return CKR_OK;
}

static CK_RV nothing(struct cs_attribute *attribute)
{
    return bytes(attribute, CS_BYTES("", 0));
}

static CK_RV number(struct cs_attribute *attribute, CK_ULONG value)
{
    attribute->room.number = value;
    return bytes(attribute, CS_BYTES(&attribute->room.number, sizeof(value)));
}

static CK_RV truth(struct cs_attribute *attribute, CK_BBOOL value)
{
    attribute->room.truth = value;
    return bytes(attribute, CS_BYTES(&attribute->room.truth, sizeof(value)));
}

/* Time in DER as CK_DATE; years of two digits are RFC 5280's, 4.1.2.5.1. */
static CK_RV date(struct cs_attribute *attribute, struct cs_bytes time)
{
    CK_DATE *date = &attribute->room.date;
    const uint8_t *digits;

    if (time.len < 2 + 8)
        return nothing(attribute);
    digits = time.data + 2;
    if (time.data[0] == GENERALIZED_TIME) {
        memcpy(date->year, digits, 4);
        digits += 4;
    } else {
        memcpy(date->year, digits[0] < '5' ? "20" : "19", 2);
        memcpy(date->year + 2, digits, 2);
        digits += 2;
    }
    memcpy(date->month, digits, 2);
    memcpy(date->day, digits + 2, 2);
    return bytes(attribute, CS_BYTES(date, sizeof(*date)));
}

/* CKA_EC_POINT: the point in an OCTET STRING. */
static CK_RV point(struct cs_attribute *attribute, struct cs_bytes value)
{
    uint8_t *at = attribute->room.bytes;

    *at++ = 0x04;
    if (value.len >= 0x80)
        *at++ = 0x81;
    *at++ = (uint8_t)value.len;
    memcpy(at, value.data, value.len);
    return bytes(attribute,
        CS_BYTES(attribute->room.bytes, (size_t)(at - attribute->room.bytes) + value.len));
}

static CK_RV unique_id(struct cs_attribute *attribute, const struct cs_object *object)
{
    int n = snprintf(
        (char *)attribute->room.bytes, sizeof(attribute->room.bytes), "%016lx", object->handle);

    return bytes(attribute, CS_BYTES(attribute->room.bytes, (size_t)n));
}

static CK_RV certificate_attribute(
    const struct cs_object *object, CK_ATTRIBUTE_TYPE type, struct cs_attribute *attribute)
{
    const struct cs_certificate *certificate = &object->certificate;

    switch (type) {
    case CKA_CERTIFICATE_TYPE:
        return number(attribute, CKC_X_509);
    case CKA_CERTIFICATE_CATEGORY: /* 1 the token's user, 2 an authority */
        return number(attribute, object->identity ? 1 : certificate->is_authority ? 2 : 0);
    case CKA_VALUE:
        return bytes(attribute, certificate->der);
    case CKA_SUBJECT:
        return bytes(attribute, certificate->subject);
    case CKA_ISSUER:
        return bytes(attribute, certificate->issuer);
    case CKA_SERIAL_NUMBER:
        return bytes(attribute, certificate->serial);
    case CKA_PUBLIC_KEY_INFO:
        return bytes(attribute, certificate->spki);
    case CKA_ID:
        return bytes(attribute, object->id);
    case CKA_START_DATE:
        return date(attribute, certificate->not_before);
    case CKA_END_DATE:
        return date(attribute, certificate->not_after);
    case CKA_JAVA_MIDP_SECURITY_DOMAIN:
        return number(attribute, 0);
    case CKA_URL:
    case CKA_HASH_OF_SUBJECT_PUBLIC_KEY:
    case CKA_HASH_OF_ISSUER_PUBLIC_KEY:
        return nothing(attribute);
    default:
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
}

static CK_RV rsa_attribute(
    const struct cs_object *object, CK_ATTRIBUTE_TYPE type, struct cs_attribute *attribute)
{
    switch (type) {
    case CKA_MODULUS:
        return bytes(attribute, object->modulus);
    case CKA_PUBLIC_EXPONENT:
        return bytes(attribute, object->exponent);
    case CKA_MODULUS_BITS:
        return number(attribute, object->identity->bits);
    case CKA_PRIVATE_EXPONENT:
    case CKA_PRIME_1:
    case CKA_PRIME_2:
    case CKA_EXPONENT_1:
    case CKA_EXPONENT_2:
    case CKA_COEFFICIENT:
        if (object->class == CKO_PRIVATE_KEY)
            return CKR_ATTRIBUTE_SENSITIVE;
    }
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV ec_attribute(
    const struct cs_object *object, CK_ATTRIBUTE_TYPE type, struct cs_attribute *attribute)
{
    switch (type) {
    case CKA_EC_PARAMS:
        return bytes(attribute, object->parameters);
    case CKA_EC_POINT:
        return point(attribute, object->point);
    case CKA_VALUE:
        if (object->class == CKO_PRIVATE_KEY)
            return CKR_ATTRIBUTE_SENSITIVE;
    }
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV key_attribute(
    const struct cs_object *object, CK_ATTRIBUTE_TYPE type, struct cs_attribute *attribute)
{
    size_t n;

    switch (type) {
    case CKA_KEY_TYPE:
        return number(attribute, cs_object_key_type(object));
    case CKA_ID:
        return bytes(attribute, object->id);
    case CKA_SUBJECT:
        return bytes(attribute, object->certificate.subject);
    case CKA_PUBLIC_KEY_INFO:
        return bytes(attribute, object->identity->spki);
    case CKA_START_DATE:
    case CKA_END_DATE:
        return nothing(attribute);
    case CKA_KEY_GEN_MECHANISM:
        return number(attribute, CK_UNAVAILABLE_INFORMATION);
    case CKA_ALLOWED_MECHANISMS:
        n = cs_mechanisms_of_key(object->identity, attribute->room.mechanisms,
            sizeof(attribute->room.mechanisms) / sizeof(attribute->room.mechanisms[0]));
        return bytes(
            attribute, CS_BYTES(attribute->room.mechanisms, n * sizeof(CK_MECHANISM_TYPE)));
    }
    return cs_object_key_type(object) == CKK_RSA ? rsa_attribute(object, type, attribute)
                                                 : ec_attribute(object, type, attribute);
}

CK_RV cs_attribute_get(
    const struct cs_object *object, CK_ATTRIBUTE_TYPE type, struct cs_attribute *attribute)
{
    int class = class_of(object);

    switch (type) {
    case CKA_CLASS:
        return number(attribute, object->class);
    case CKA_LABEL:
        return bytes(attribute, object->label);
    case CKA_UNIQUE_ID:
        return unique_id(attribute, object);
    case CKA_PROFILE_ID:
        if (class == PROFILE)
            return number(attribute, CKP_PUBLIC_CERTIFICATES_TOKEN);
    }
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++)
        if (truths[i].type == type && truths[i].classes & class)
            return truth(attribute, truths[i].truth);
    if (class == CERTIFICATE)
        return certificate_attribute(object, type, attribute);
    if (class & KEY)
        return key_attribute(object, type, attribute);
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

/* PKCS #11, C_GetAttributeValue: one that cannot be had does not keep the others back. */
static CK_RV answer(const struct cs_object *object, CK_ATTRIBUTE *asked)
{
    struct cs_attribute attribute;
    CK_RV rv = cs_attribute_get(object, asked->type, &attribute);
    CK_ULONG room = asked->ulValueLen;

    asked->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    if (rv != CKR_OK)
        return rv;
    if (asked->pValue && room < attribute.value.len)
        return CKR_BUFFER_TOO_SMALL;
    if (asked->pValue && attribute.value.len)
        memcpy(asked->pValue, attribute.value.data, attribute.value.len);
    asked->ulValueLen = attribute.value.len;
    return CKR_OK;
}

CK_RV cs_get_attribute_value(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle,
    CK_ATTRIBUTE *template, CK_ULONG count)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);
    const struct cs_object *object;

    if (rv != CKR_OK)
        return rv;
    if (!template && count)
        return CKR_ARGUMENTS_BAD;
    object = cs_module_object(module, session, object_handle);
    if (!object)
        return CKR_OBJECT_HANDLE_INVALID;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_RV one = answer(object, &template[i]);

        if (one != CKR_OK)
            rv = one;
    }
    return rv;
}
