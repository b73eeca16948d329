/* SPDX-License-Identifier: Apache-2.0 */
/* Signing. */
#ifndef CS_PKCS11_SIGN_H
#define CS_PKCS11_SIGN_H

#include "pkcs11/cryptoki.h"

struct cs_signing;
void cs_signing_free(struct cs_signing *signing);

CK_RV cs_sign_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
CK_RV cs_sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
    CK_ULONG *signature_len);
CK_RV cs_sign_update(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_len);
CK_RV cs_sign_final(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG *signature_len);

#endif
