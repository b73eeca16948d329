/* SPDX-License-Identifier: Apache-2.0 */
/* Names of functions, return values and flags, both ways. */
#ifndef FAULT_NAME_H
#define FAULT_NAME_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

/* clang-format off */
/* Every function of a v2.40 module, in the order of its function list. */
#define FAULT_FUNCTIONS(X) \
    X(C_Initialize) X(C_Finalize) X(C_GetInfo) X(C_GetFunctionList) X(C_GetSlotList) \
    X(C_GetSlotInfo) X(C_GetTokenInfo) X(C_GetMechanismList) X(C_GetMechanismInfo) \
    X(C_InitToken) X(C_InitPIN) X(C_SetPIN) X(C_OpenSession) X(C_CloseSession) \
    X(C_CloseAllSessions) X(C_GetSessionInfo) X(C_GetOperationState) X(C_SetOperationState) \
    X(C_Login) X(C_Logout) X(C_CreateObject) X(C_CopyObject) X(C_DestroyObject) \
    X(C_GetObjectSize) X(C_GetAttributeValue) X(C_SetAttributeValue) X(C_FindObjectsInit) \
    X(C_FindObjects) X(C_FindObjectsFinal) X(C_EncryptInit) X(C_Encrypt) X(C_EncryptUpdate) \
    X(C_EncryptFinal) X(C_DecryptInit) X(C_Decrypt) X(C_DecryptUpdate) X(C_DecryptFinal) \
    X(C_DigestInit) X(C_Digest) X(C_DigestUpdate) X(C_DigestKey) X(C_DigestFinal) \
    X(C_SignInit) X(C_Sign) X(C_SignUpdate) X(C_SignFinal) X(C_SignRecoverInit) \
    X(C_SignRecover) X(C_VerifyInit) X(C_Verify) X(C_VerifyUpdate) X(C_VerifyFinal) \
    X(C_VerifyRecoverInit) X(C_VerifyRecover) X(C_DigestEncryptUpdate) \
    X(C_DecryptDigestUpdate) X(C_SignEncryptUpdate) X(C_DecryptVerifyUpdate) X(C_GenerateKey) \
    X(C_GenerateKeyPair) X(C_WrapKey) X(C_UnwrapKey) X(C_DeriveKey) X(C_SeedRandom) \
    X(C_GenerateRandom) X(C_GetFunctionStatus) X(C_CancelFunction) X(C_WaitForSlotEvent)
/* clang-format on */

enum fault_function {
#define X(name) FAULT_##name,
    FAULT_FUNCTIONS(X)
#undef X
        FAULT_N_FUNCTIONS,
    FAULT_EVERY_FUNCTION = FAULT_N_FUNCTIONS,
};

const char *fault_function_name(enum fault_function function);
/* "*" is FAULT_EVERY_FUNCTION. */
bool fault_function_by_name(const char *name, enum fault_function *functionp);

/* The CKR_ name, or hexadecimal digits in a buffer of the calling thread. */
const char *fault_rv_name(CK_RV rv);
/* A CKR_ name, or 0x and hexadecimal digits. */
bool fault_rv_by_name(const char *name, CK_RV *rvp);

/* A token's flag, with or without its CKF_. */
bool fault_flag_by_name(const char *name, CK_FLAGS *flagp);

#endif
