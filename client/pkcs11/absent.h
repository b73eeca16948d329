/* SPDX-License-Identifier: Apache-2.0 */
/* What the module does not offer: one function for each shape of arguments, which says so. */
#ifndef CS_PKCS11_ABSENT_H
#define CS_PKCS11_ABSENT_H

#include "pkcs11/interface.h"

/* CKR_FUNCTION_NOT_SUPPORTED */
CK_RV cs_absent_init_token(CK_SLOT_ID, CK_UTF8CHAR *, CK_ULONG, CK_UTF8CHAR *);
CK_RV cs_absent_set_pin(CK_SESSION_HANDLE, CK_UTF8CHAR *, CK_ULONG, CK_UTF8CHAR *, CK_ULONG);
CK_RV cs_absent_create(CK_SESSION_HANDLE, CK_ATTRIBUTE *, CK_ULONG, CK_OBJECT_HANDLE *);
CK_RV cs_absent_copy(
    CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE *, CK_ULONG, CK_OBJECT_HANDLE *);
CK_RV cs_absent_object(CK_SESSION_HANDLE, CK_OBJECT_HANDLE);
CK_RV cs_absent_size(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ULONG *);
CK_RV cs_absent_change(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE *, CK_ULONG);
CK_RV cs_absent_init(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
CK_RV cs_absent_convert(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
CK_RV cs_absent_last(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *);
CK_RV cs_absent_part(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG);
CK_RV cs_absent_verify(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG);
CK_RV cs_absent_generate(
    CK_SESSION_HANDLE, CK_MECHANISM *, CK_ATTRIBUTE *, CK_ULONG, CK_OBJECT_HANDLE *);
CK_RV cs_absent_generate_pair(CK_SESSION_HANDLE, CK_MECHANISM *, CK_ATTRIBUTE *, CK_ULONG,
    CK_ATTRIBUTE *, CK_ULONG, CK_OBJECT_HANDLE *, CK_OBJECT_HANDLE *);
CK_RV cs_absent_wrap(
    CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE, CK_BYTE *, CK_ULONG *);
CK_RV cs_absent_unwrap(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE, CK_BYTE *, CK_ULONG,
    CK_ATTRIBUTE *, CK_ULONG, CK_OBJECT_HANDLE *);
CK_RV cs_absent_derive(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE, CK_ATTRIBUTE *,
    CK_ULONG, CK_OBJECT_HANDLE *);
cs_session_call cs_absent_session;
cs_begin_call cs_absent_begin;
cs_begin_aad_call cs_absent_begin_aad;
cs_aead_call cs_absent_aead;
cs_aead_next_call cs_absent_aead_next;
cs_message_call cs_absent_message;
cs_verify_call cs_absent_verify_message;

/* CKR_RANDOM_NO_RNG */
CK_RV cs_absent_random(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG);

/* CKR_FUNCTION_NOT_PARALLEL: what is left of version 1 */
CK_RV cs_absent_parallel(CK_SESSION_HANDLE);

#endif
