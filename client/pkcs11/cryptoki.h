/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS #11: what p11-kit's header has, and what it lacks of version 3.0. */
#ifndef CS_PKCS11_CRYPTOKI_H
#define CS_PKCS11_CRYPTOKI_H

/* From 0.25 on p11-kit's header declares these two, with types that older ones lack. */
#define C_GetInterfaceList p11_kit_C_GetInterfaceList
#define C_GetInterface p11_kit_C_GetInterface
#include <p11-kit/pkcs11.h>
#undef C_GetInterfaceList
#undef C_GetInterface

#ifndef CKO_PROFILE
#define CKO_PROFILE 9UL
#endif
#ifndef CKA_PROFILE_ID
#define CKA_PROFILE_ID 0x601UL
#endif
#ifndef CKP_PUBLIC_CERTIFICATES_TOKEN
#define CKP_PUBLIC_CERTIFICATES_TOKEN 4UL
#endif
#ifndef CKA_UNIQUE_ID
#define CKA_UNIQUE_ID 4UL
#endif
#ifndef CKF_FIND_OBJECTS
#define CKF_FIND_OBJECTS (1UL << 6)
#endif

/* The parameters of CKM_EDDSA. */
struct cs_eddsa_params {
    CK_BBOOL prehash;
    CK_ULONG context_len;
    CK_BYTE *context;
};

#endif
