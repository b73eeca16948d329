/* SPDX-License-Identifier: Apache-2.0 */
/* What the module exports. */
#ifndef CS_PKCS11_ENTRY_H
#define CS_PKCS11_ENTRY_H

#include "pkcs11/interface.h"

CK_RV C_GetInterfaceList(struct cs_interface *list, CK_ULONG *count);
CK_RV C_GetInterface(
    CK_UTF8CHAR *wanted, CK_VERSION *version, struct cs_interface **interface, CK_FLAGS flags);

#endif
