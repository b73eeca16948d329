/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that look at none of their arguments. Named in entry.c's tables. */
#include "pkcs11/absent.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

CK_RV cs_absent_init_token(CK_SLOT_ID a, CK_UTF8CHAR *b, CK_ULONG c, CK_UTF8CHAR *d)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_set_pin(CK_SESSION_HANDLE a, CK_UTF8CHAR *b, CK_ULONG c, CK_UTF8CHAR *d, CK_ULONG e)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_create(CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c, CK_OBJECT_HANDLE *d)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_copy(
    CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d, CK_OBJECT_HANDLE *e)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_object(CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_size(CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ULONG *c)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_change(CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_init(CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_convert(CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_last(CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG *c)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_part(CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_verify(CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_generate(
    CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_ATTRIBUTE *c, CK_ULONG d, CK_OBJECT_HANDLE *e)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_generate_pair(CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_ATTRIBUTE *c, CK_ULONG d,
    CK_ATTRIBUTE *e, CK_ULONG f, CK_OBJECT_HANDLE *g, CK_OBJECT_HANDLE *h)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_wrap(CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c, CK_OBJECT_HANDLE d,
    CK_BYTE *e, CK_ULONG *f)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_unwrap(CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c, CK_BYTE *d,
    CK_ULONG e, CK_ATTRIBUTE *f, CK_ULONG g, CK_OBJECT_HANDLE *h)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_derive(CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c, CK_ATTRIBUTE *d,
    CK_ULONG e, CK_OBJECT_HANDLE *f)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_session(CK_SESSION_HANDLE a)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_begin(CK_SESSION_HANDLE a, void *b, CK_ULONG c)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_begin_aad(CK_SESSION_HANDLE a, void *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_aead(CK_SESSION_HANDLE a, void *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e, CK_BYTE *f,
    CK_ULONG g, CK_BYTE *h, CK_ULONG *i)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_aead_next(CK_SESSION_HANDLE a, void *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e,
    CK_BYTE *f, CK_ULONG *g, CK_FLAGS h)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_message(
    CK_SESSION_HANDLE a, void *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e, CK_BYTE *f, CK_ULONG *g)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_verify_message(
    CK_SESSION_HANDLE a, void *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e, CK_BYTE *f, CK_ULONG g)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV cs_absent_random(CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c)
{
    return CKR_RANDOM_NO_RNG;
}

CK_RV cs_absent_parallel(CK_SESSION_HANDLE a)
{
    return CKR_FUNCTION_NOT_PARALLEL;
}
