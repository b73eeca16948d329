/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, and the three names that the module exports. Version 3.0 differs by the functions
 * behind its end alone, and by the version that C_GetInfo tells; NSS looks for it first, and loads
 * no module whose C_GetInterface fails.
 */
#include "pkcs11/entry.h"
#include "pkcs11/absent.h"
#include "pkcs11/attribute.h"
#include "pkcs11/digest.h"
#include "pkcs11/find.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"
#include "pkcs11/sign.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

#define FUNCTIONS(major, minor, get_info)                                                          \
    {                                                                                              \
        .version = {major, minor}, .C_Initialize = cs_initialize, .C_Finalize = cs_finalize,       \
        .C_GetInfo = get_info, .C_GetFunctionList = C_GetFunctionList,                             \
        .C_GetSlotList = cs_get_slot_list, .C_GetSlotInfo = cs_get_slot_info,                      \
        .C_GetTokenInfo = cs_get_token_info, .C_GetMechanismList = cs_get_mechanism_list,          \
        .C_GetMechanismInfo = cs_get_mechanism_info, .C_InitToken = cs_absent_init_token,          \
        .C_InitPIN = cs_absent_part, .C_SetPIN = cs_absent_set_pin,                                \
        .C_OpenSession = cs_open_session, .C_CloseSession = cs_close_session,                      \
        .C_CloseAllSessions = cs_close_all_sessions, .C_GetSessionInfo = cs_get_session_info,      \
        .C_GetOperationState = cs_get_operation_state,                                             \
        .C_SetOperationState = cs_set_operation_state, .C_Login = cs_login, .C_Logout = cs_logout, \
        .C_CreateObject = cs_absent_create, .C_CopyObject = cs_absent_copy,                        \
        .C_DestroyObject = cs_absent_object, .C_GetObjectSize = cs_absent_size,                    \
        .C_GetAttributeValue = cs_get_attribute_value, .C_SetAttributeValue = cs_absent_change,    \
        .C_FindObjectsInit = cs_find_objects_init, .C_FindObjects = cs_find_objects,               \
        .C_FindObjectsFinal = cs_find_objects_final, .C_EncryptInit = cs_absent_init,              \
        .C_Encrypt = cs_absent_convert, .C_EncryptUpdate = cs_absent_convert,                      \
        .C_EncryptFinal = cs_absent_last, .C_DecryptInit = cs_absent_init,                         \
        .C_Decrypt = cs_absent_convert, .C_DecryptUpdate = cs_absent_convert,                      \
        .C_DecryptFinal = cs_absent_last, .C_DigestInit = cs_digest_init, .C_Digest = cs_digest,   \
        .C_DigestUpdate = cs_digest_update, .C_DigestKey = cs_absent_object,                       \
        .C_DigestFinal = cs_digest_final, .C_SignInit = cs_sign_init, .C_Sign = cs_sign,           \
        .C_SignUpdate = cs_sign_update, .C_SignFinal = cs_sign_final,                              \
        .C_SignRecoverInit = cs_absent_init, .C_SignRecover = cs_absent_convert,                   \
        .C_VerifyInit = cs_absent_init, .C_Verify = cs_absent_verify,                              \
        .C_VerifyUpdate = cs_absent_part, .C_VerifyFinal = cs_absent_part,                         \
        .C_VerifyRecoverInit = cs_absent_init, .C_VerifyRecover = cs_absent_convert,               \
        .C_DigestEncryptUpdate = cs_absent_convert, .C_DecryptDigestUpdate = cs_absent_convert,    \
        .C_SignEncryptUpdate = cs_absent_convert, .C_DecryptVerifyUpdate = cs_absent_convert,      \
        .C_GenerateKey = cs_absent_generate, .C_GenerateKeyPair = cs_absent_generate_pair,         \
        .C_WrapKey = cs_absent_wrap, .C_UnwrapKey = cs_absent_unwrap,                              \
        .C_DeriveKey = cs_absent_derive, .C_SeedRandom = cs_absent_random,                         \
        .C_GenerateRandom = cs_absent_random, .C_GetFunctionStatus = cs_absent_parallel,           \
        .C_CancelFunction = cs_absent_parallel, .C_WaitForSlotEvent = cs_wait_for_slot_event,      \
    }

static CK_FUNCTION_LIST functions = FUNCTIONS(2, 40, cs_get_info);

static struct cs_functions_3 functions_3 = {
    .base = FUNCTIONS(3, 0, cs_get_info_3),
    .C_GetInterfaceList = C_GetInterfaceList,
    .C_GetInterface = C_GetInterface,
    .C_LoginUser = cs_login_user,
    .C_SessionCancel = cs_session_cancel,
    .C_MessageEncryptInit = cs_absent_init,
    .C_EncryptMessage = cs_absent_aead,
    .C_EncryptMessageBegin = cs_absent_begin_aad,
    .C_EncryptMessageNext = cs_absent_aead_next,
    .C_MessageEncryptFinal = cs_absent_session,
    .C_MessageDecryptInit = cs_absent_init,
    .C_DecryptMessage = cs_absent_aead,
    .C_DecryptMessageBegin = cs_absent_begin_aad,
    .C_DecryptMessageNext = cs_absent_aead_next,
    .C_MessageDecryptFinal = cs_absent_session,
    .C_MessageSignInit = cs_absent_init,
    .C_SignMessage = cs_absent_message,
    .C_SignMessageBegin = cs_absent_begin,
    .C_SignMessageNext = cs_absent_message,
    .C_MessageSignFinal = cs_absent_session,
    .C_MessageVerifyInit = cs_absent_init,
    .C_VerifyMessage = cs_absent_verify_message,
    .C_VerifyMessageBegin = cs_absent_begin,
    .C_VerifyMessageNext = cs_absent_verify_message,
    .C_MessageVerifyFinal = cs_absent_session,
};

static char name[] = "PKCS 11";

/* The first is what a program gets that names no version. */
static struct cs_interface interfaces[] = {
    {name, &functions_3, 0},
    {name, &functions, 0},
};

#define N_INTERFACES (sizeof(interfaces) / sizeof(interfaces[0]))

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    if (!list)
        return CKR_ARGUMENTS_BAD;
    *list = &functions;
    return CKR_OK;
}

EXPORT CK_RV C_GetInterfaceList(struct cs_interface *list, CK_ULONG *count)
{
    CK_ULONG room;

    if (!count)
        return CKR_ARGUMENTS_BAD;
    room = *count;
    *count = N_INTERFACES;
    if (!list)
        return CKR_OK;
    if (room < N_INTERFACES)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(list, interfaces, sizeof(interfaces));
    return CKR_OK;
}

/* Flags that are asked for must be there, and none are: a child after fork begins anew. */
EXPORT CK_RV C_GetInterface(
    CK_UTF8CHAR *wanted, CK_VERSION *version, struct cs_interface **interface, CK_FLAGS flags)
{
    if (!interface)
        return CKR_ARGUMENTS_BAD;
    if (wanted && strcmp((const char *)wanted, name) != 0)
        return CKR_FUNCTION_FAILED;
    for (size_t i = 0; i < N_INTERFACES && flags == 0; i++) {
        const CK_VERSION *ours = interfaces[i].functions;

        if (version && (version->major != ours->major || version->minor != ours->minor))
            continue;
        *interface = &interfaces[i];
        return CKR_OK;
    }
    return CKR_FUNCTION_FAILED;
}
