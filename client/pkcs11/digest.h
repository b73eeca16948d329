/* SPDX-License-Identifier: Apache-2.0 */
/* Digests. */
#ifndef CS_PKCS11_DIGEST_H
#define CS_PKCS11_DIGEST_H

#include "pkcs11/cryptoki.h"

CK_RV cs_digest_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism);
CK_RV cs_digest(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *digest,
    CK_ULONG *digest_len);
CK_RV cs_digest_update(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_len);
CK_RV cs_digest_final(CK_SESSION_HANDLE handle, CK_BYTE *digest, CK_ULONG *digest_len);
/* Java copies a digest by its state. Any other operation is CKR_STATE_UNSAVEABLE. */
CK_RV cs_get_operation_state(CK_SESSION_HANDLE handle, CK_BYTE *state, CK_ULONG *state_len);
CK_RV cs_set_operation_state(CK_SESSION_HANDLE handle, CK_BYTE *state, CK_ULONG state_len,
    CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key);

#endif
