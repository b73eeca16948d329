/* SPDX-License-Identifier: Apache-2.0 */
/* Searches. */
#ifndef CS_PKCS11_FIND_H
#define CS_PKCS11_FIND_H

#include "pkcs11/session.h"

void cs_search_end(struct cs_search *search);

CK_RV cs_find_objects_init(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG count);
CK_RV cs_find_objects(
    CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count);
CK_RV cs_find_objects_final(CK_SESSION_HANDLE handle);

#endif
