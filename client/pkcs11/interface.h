/* SPDX-License-Identifier: Apache-2.0 */
/* The function list of PKCS #11 3.0, which p11-kit's header lacks: that of 2.40, and then some. */
#ifndef CS_PKCS11_INTERFACE_H
#define CS_PKCS11_INTERFACE_H

#include "pkcs11/cryptoki.h"

/* CK_INTERFACE. */
struct cs_interface {
    char *name;
    void *functions; /* begins with a CK_VERSION */
    CK_FLAGS flags;
};

/* By the shapes of their arguments. */
typedef CK_RV cs_session_call(CK_SESSION_HANDLE);
typedef CK_RV cs_init_call(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
typedef CK_RV cs_begin_call(CK_SESSION_HANDLE, void *, CK_ULONG);
typedef CK_RV cs_begin_aad_call(CK_SESSION_HANDLE, void *, CK_ULONG, CK_BYTE *, CK_ULONG);
typedef CK_RV cs_aead_call(CK_SESSION_HANDLE, void *, CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *,
    CK_ULONG, CK_BYTE *, CK_ULONG *);
typedef CK_RV cs_aead_next_call(
    CK_SESSION_HANDLE, void *, CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *, CK_FLAGS);
typedef CK_RV cs_message_call(
    CK_SESSION_HANDLE, void *, CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
typedef CK_RV cs_verify_call(
    CK_SESSION_HANDLE, void *, CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG);

struct cs_functions_3 {
    CK_FUNCTION_LIST base;
    CK_RV (*C_GetInterfaceList)(struct cs_interface *list, CK_ULONG *count);
    CK_RV(*C_GetInterface)
    (CK_UTF8CHAR *name, CK_VERSION *version, struct cs_interface **interface, CK_FLAGS flags);
    CK_RV(*C_LoginUser)
    (CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR *, CK_ULONG, CK_UTF8CHAR *, CK_ULONG);
    CK_RV (*C_SessionCancel)(CK_SESSION_HANDLE, CK_FLAGS);
    cs_init_call *C_MessageEncryptInit;
    cs_aead_call *C_EncryptMessage;
    cs_begin_aad_call *C_EncryptMessageBegin;
    cs_aead_next_call *C_EncryptMessageNext;
    cs_session_call *C_MessageEncryptFinal;
    cs_init_call *C_MessageDecryptInit;
    cs_aead_call *C_DecryptMessage;
    cs_begin_aad_call *C_DecryptMessageBegin;
    cs_aead_next_call *C_DecryptMessageNext;
    cs_session_call *C_MessageDecryptFinal;
    cs_init_call *C_MessageSignInit;
    cs_message_call *C_SignMessage;
    cs_begin_call *C_SignMessageBegin;
    cs_message_call *C_SignMessageNext;
    cs_session_call *C_MessageSignFinal;
    cs_init_call *C_MessageVerifyInit;
    cs_verify_call *C_VerifyMessage;
    cs_begin_call *C_VerifyMessageBegin;
    cs_verify_call *C_VerifyMessageNext;
    cs_session_call *C_MessageVerifyFinal;
};

#endif
