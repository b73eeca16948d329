/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of objects. */
#ifndef CS_PKCS11_ATTRIBUTE_H
#define CS_PKCS11_ATTRIBUTE_H

#include "pkcs11/object.h"

#define CS_ATTRIBUTE_ROOM 192

/* A value: borrowed from the object, or made in room. Not to be copied. */
struct cs_attribute {
    struct cs_bytes value;
    union {
        CK_BBOOL truth;
        CK_ULONG number;
        CK_MECHANISM_TYPE mechanisms[CS_ATTRIBUTE_ROOM / sizeof(CK_MECHANISM_TYPE)];
        CK_DATE date;
        uint8_t bytes[CS_ATTRIBUTE_ROOM];
    } room;
};

/* CKR_ATTRIBUTE_TYPE_INVALID when the object has none of this type, CKR_ATTRIBUTE_SENSITIVE when
 * nobody may have it. */
CK_RV cs_attribute_get(
    const struct cs_object *object, CK_ATTRIBUTE_TYPE type, struct cs_attribute *attribute);

CK_RV cs_get_attribute_value(
    CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count);

#endif
