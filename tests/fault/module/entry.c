/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that the program calls. Each is a row: its name, what its first argument is, its
 * parameters, and what is done between begin and end of the call, which for most is SoftHSM's
 * function of that name. The function list is made of the same names, so none can be missing.
 */
#include "call.h"
#include "control.h"
#include "event.h"
#include "key.h"
#include "login.h"
#include "module.h"

#define TRY(first, then)                                                                           \
    __extension__({                                                                                \
        CK_RV tried_ = (first);                                                                    \
        tried_ == CKR_OK ? (then) : tried_;                                                        \
    })

static CK_RV boast(CK_ULONG *count, CK_RV rv)
{
    if (rv == CKR_OK && fault_control_script()->boastful)
        *count = 1000000;
    return rv;
}

/* Asked how many there are, the module looks for new ones. */
static CK_RV list_slots(
    struct fault_call *call, CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    if (list)
        return fault_slot_list(present, list, count);
    fault_call_pause(call);
    fault_control_enter_alone();
    if (fault_control_is_started())
        fault_slot_refresh();
    fault_control_leave();
    return TRY(fault_call_resume(call), fault_slot_list(present, list, count));
}

static CK_RV found(struct fault_call *call, CK_OBJECT_HANDLE *objects, CK_ULONG *n, CK_RV rv)
{
    for (CK_ULONG i = 0; rv == CKR_OK && i < *n; i++)
        fault_key_out(call, &objects[i], rv);
    return rv;
}

static CK_RV open_session(struct fault_call *call, CK_FLAGS flags, CK_VOID_PTR application,
    CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
    CK_RV rv = fault_session_open(call->slot, flags, application, notify, session);

    if (rv == CKR_OK)
        fault_call_note(call, " opened=%lu", *session);
    return rv;
}

static CK_RV session_info(struct fault_call *call, CK_SESSION_INFO *info)
{
    CK_RV rv = fault_session_info(call->session, info);

    if (rv == CKR_OK)
        fault_call_note(call, " state=%lu", info->state);
    return rv;
}

/* clang-format off */
#define ROW(name, on, id, parameters, what) \
    static CK_RV entry_##name parameters \
    { \
        struct fault_call call; \
        CK_RV rv = fault_call_begin(&call, FAULT_##name, on, id); \
        if (rv == CKR_OK) \
            rv = (what); \
        return fault_call_end(&call, rv); \
    }
#define SLOT(name, parameters, what) ROW(name, FAULT_ON_SLOT, slot, parameters, what)
#define SESSION(name, parameters, what) ROW(name, FAULT_ON_SESSION, session, parameters, what)

#define H CK_SESSION_HANDLE session
#define MECHANISM CK_MECHANISM *mechanism
#define IN CK_BYTE *in, CK_ULONG in_len
#define OUT CK_BYTE *out, CK_ULONG *out_len
#define TEMPLATE CK_ATTRIBUTE *template, CK_ULONG n
#define OBJECT(handle) fault_key_in(&call, &(handle), CKR_OBJECT_HANDLE_INVALID)
#define KEY(handle) fault_key_in(&call, &(handle), CKR_KEY_HANDLE_INVALID)
#define MADE(handle, rv) fault_key_out(&call, handle, rv)

static CK_RV entry_C_Initialize(CK_VOID_PTR args) { return fault_module_initialize(args); }
static CK_RV entry_C_Finalize(CK_VOID_PTR reserved) { return fault_module_finalize(reserved); }

ROW(C_GetInfo, FAULT_ON_NOTHING, 0, (CK_INFO *info), fault_module_info(info))
ROW(C_GetSlotList, FAULT_ON_NOTHING, 0, (CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count),
    boast(count, list_slots(&call, present, list, count)))
ROW(C_WaitForSlotEvent, FAULT_ON_NOTHING, 0, (CK_FLAGS flags, CK_SLOT_ID *slot, CK_VOID_PTR reserved),
    fault_event_wait(&call, flags, slot, reserved))

ROW(C_GetSlotInfo, FAULT_ON_ANY_SLOT, slot, (CK_SLOT_ID slot, CK_SLOT_INFO *info),
    fault_slot_info(call.slot, info))
SLOT(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), fault_slot_token_info(call.slot, info))
SLOT(C_GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count),
    REAL(C_GetMechanismList)(call.slot->real, list, count))
SLOT(C_GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info),
    REAL(C_GetMechanismInfo)(call.slot->real, type, info))
SLOT(C_InitToken, (CK_SLOT_ID slot, CK_UTF8CHAR *pin, CK_ULONG pin_len, CK_UTF8CHAR *label),
    fault_login_init_token(&call, pin, pin_len, label))
SLOT(C_OpenSession, (CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify, CK_SESSION_HANDLE *session),
    open_session(&call, flags, application, notify, session))
ROW(C_CloseAllSessions, FAULT_ON_ANY_SLOT, slot, (CK_SLOT_ID slot),
    fault_session_close_all(call.slot))

ROW(C_CloseSession, FAULT_ON_ANY_SESSION, session, (H), fault_session_close(call.session))
SESSION(C_GetSessionInfo, (H, CK_SESSION_INFO *info), session_info(&call, info))
SESSION(C_GetOperationState, (H, OUT), REAL(C_GetOperationState)(session, out, out_len))
SESSION(C_SetOperationState, (H, IN, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE other),
    REAL(C_SetOperationState)(session, in, in_len, key, other))

SESSION(C_Login, (H, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len),
    fault_login(&call, user, pin, pin_len))
SESSION(C_Logout, (H), REAL(C_Logout)(session))
SESSION(C_InitPIN, (H, CK_UTF8CHAR *pin, CK_ULONG pin_len), fault_login_init_pin(&call, pin, pin_len))
SESSION(C_SetPIN, (H, CK_UTF8CHAR *old, CK_ULONG old_len, CK_UTF8CHAR *new, CK_ULONG new_len),
    fault_login_set_pin(&call, old, old_len, new, new_len))

SESSION(C_CreateObject, (H, TEMPLATE, CK_OBJECT_HANDLE *object),
    MADE(object, REAL(C_CreateObject)(session, template, n, object)))
SESSION(C_CopyObject, (H, CK_OBJECT_HANDLE object, TEMPLATE, CK_OBJECT_HANDLE *copy),
    TRY(OBJECT(object), MADE(copy, REAL(C_CopyObject)(session, object, template, n, copy))))
SESSION(C_DestroyObject, (H, CK_OBJECT_HANDLE object),
    TRY(OBJECT(object), REAL(C_DestroyObject)(session, object)))
SESSION(C_GetObjectSize, (H, CK_OBJECT_HANDLE object, CK_ULONG *size),
    TRY(OBJECT(object), REAL(C_GetObjectSize)(session, object, size)))
SESSION(C_GetAttributeValue, (H, CK_OBJECT_HANDLE object, TEMPLATE),
    TRY(OBJECT(object), fault_key_shown(&call, object, template, n,
        REAL(C_GetAttributeValue)(session, object, template, n))))
SESSION(C_SetAttributeValue, (H, CK_OBJECT_HANDLE object, TEMPLATE),
    TRY(OBJECT(object), REAL(C_SetAttributeValue)(session, object, template, n)))
SESSION(C_FindObjectsInit, (H, TEMPLATE), REAL(C_FindObjectsInit)(session, template, n))
SESSION(C_FindObjects, (H, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *n),
    found(&call, objects, n, REAL(C_FindObjects)(session, objects, max, n)))
SESSION(C_FindObjectsFinal, (H), REAL(C_FindObjectsFinal)(session))

SESSION(C_EncryptInit, (H, MECHANISM, CK_OBJECT_HANDLE key),
    TRY(KEY(key), REAL(C_EncryptInit)(session, mechanism, key)))
SESSION(C_Encrypt, (H, IN, OUT), REAL(C_Encrypt)(session, in, in_len, out, out_len))
SESSION(C_EncryptUpdate, (H, IN, OUT), REAL(C_EncryptUpdate)(session, in, in_len, out, out_len))
SESSION(C_EncryptFinal, (H, OUT), REAL(C_EncryptFinal)(session, out, out_len))

SESSION(C_DecryptInit, (H, MECHANISM, CK_OBJECT_HANDLE key),
    TRY(KEY(key), fault_key_begun(&call, key, REAL(C_DecryptInit)(session, mechanism, key))))
SESSION(C_Decrypt, (H, IN, OUT),
    TRY(fault_key_use(&call), fault_key_used(&call, REAL(C_Decrypt)(session, in, in_len, out, out_len), !out)))
SESSION(C_DecryptUpdate, (H, IN, OUT),
    TRY(fault_key_use(&call), REAL(C_DecryptUpdate)(session, in, in_len, out, out_len)))
SESSION(C_DecryptFinal, (H, OUT),
    TRY(fault_key_use(&call), fault_key_used(&call, REAL(C_DecryptFinal)(session, out, out_len), !out)))

SESSION(C_DigestInit, (H, MECHANISM), REAL(C_DigestInit)(session, mechanism))
SESSION(C_Digest, (H, IN, OUT), REAL(C_Digest)(session, in, in_len, out, out_len))
SESSION(C_DigestUpdate, (H, IN), REAL(C_DigestUpdate)(session, in, in_len))
SESSION(C_DigestKey, (H, CK_OBJECT_HANDLE key), TRY(KEY(key), REAL(C_DigestKey)(session, key)))
SESSION(C_DigestFinal, (H, OUT), REAL(C_DigestFinal)(session, out, out_len))

SESSION(C_SignInit, (H, MECHANISM, CK_OBJECT_HANDLE key),
    TRY(fault_key_knows(&call, mechanism, KEY(key)),
        fault_key_begun(&call, key, REAL(C_SignInit)(session, mechanism, key))))
SESSION(C_Sign, (H, IN, OUT),
    TRY(fault_key_use(&call),
        fault_key_used(&call, boast(out_len, REAL(C_Sign)(session, in, in_len, out, out_len)), !out)))
SESSION(C_SignUpdate, (H, IN), TRY(fault_key_use(&call), REAL(C_SignUpdate)(session, in, in_len)))
SESSION(C_SignFinal, (H, OUT),
    TRY(fault_key_use(&call), fault_key_used(&call, REAL(C_SignFinal)(session, out, out_len), !out)))
SESSION(C_SignRecoverInit, (H, MECHANISM, CK_OBJECT_HANDLE key),
    TRY(KEY(key), fault_key_begun(&call, key, REAL(C_SignRecoverInit)(session, mechanism, key))))
SESSION(C_SignRecover, (H, IN, OUT),
    TRY(fault_key_use(&call), fault_key_used(&call, REAL(C_SignRecover)(session, in, in_len, out, out_len), !out)))

SESSION(C_VerifyInit, (H, MECHANISM, CK_OBJECT_HANDLE key),
    TRY(KEY(key), REAL(C_VerifyInit)(session, mechanism, key)))
SESSION(C_Verify, (H, IN, CK_BYTE *signature, CK_ULONG signature_len),
    REAL(C_Verify)(session, in, in_len, signature, signature_len))
SESSION(C_VerifyUpdate, (H, IN), REAL(C_VerifyUpdate)(session, in, in_len))
SESSION(C_VerifyFinal, (H, IN), REAL(C_VerifyFinal)(session, in, in_len))
SESSION(C_VerifyRecoverInit, (H, MECHANISM, CK_OBJECT_HANDLE key),
    TRY(KEY(key), REAL(C_VerifyRecoverInit)(session, mechanism, key)))
SESSION(C_VerifyRecover, (H, IN, OUT), REAL(C_VerifyRecover)(session, in, in_len, out, out_len))

SESSION(C_DigestEncryptUpdate, (H, IN, OUT), REAL(C_DigestEncryptUpdate)(session, in, in_len, out, out_len))
SESSION(C_DecryptDigestUpdate, (H, IN, OUT), REAL(C_DecryptDigestUpdate)(session, in, in_len, out, out_len))
SESSION(C_SignEncryptUpdate, (H, IN, OUT), REAL(C_SignEncryptUpdate)(session, in, in_len, out, out_len))
SESSION(C_DecryptVerifyUpdate, (H, IN, OUT), REAL(C_DecryptVerifyUpdate)(session, in, in_len, out, out_len))

SESSION(C_GenerateKey, (H, MECHANISM, TEMPLATE, CK_OBJECT_HANDLE *key),
    MADE(key, REAL(C_GenerateKey)(session, mechanism, template, n, key)))
SESSION(C_GenerateKeyPair, (H, MECHANISM, TEMPLATE, CK_ATTRIBUTE *private, CK_ULONG n_private,
        CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *key),
    MADE(key, MADE(public_key, REAL(C_GenerateKeyPair)(
        session, mechanism, template, n, private, n_private, public_key, key))))
SESSION(C_WrapKey, (H, MECHANISM, CK_OBJECT_HANDLE wrapper, CK_OBJECT_HANDLE key, OUT),
    KEY(wrapper) != CKR_OK ? CKR_WRAPPING_KEY_HANDLE_INVALID :
        TRY(KEY(key), REAL(C_WrapKey)(session, mechanism, wrapper, key, out, out_len)))
SESSION(C_UnwrapKey, (H, MECHANISM, CK_OBJECT_HANDLE wrapper, IN, TEMPLATE, CK_OBJECT_HANDLE *key),
    TRY(KEY(wrapper), MADE(key, REAL(C_UnwrapKey)(session, mechanism, wrapper, in, in_len, template, n, key))))
SESSION(C_DeriveKey, (H, MECHANISM, CK_OBJECT_HANDLE base, TEMPLATE, CK_OBJECT_HANDLE *key),
    TRY(KEY(base), MADE(key, REAL(C_DeriveKey)(session, mechanism, base, template, n, key))))

SESSION(C_SeedRandom, (H, IN), REAL(C_SeedRandom)(session, in, in_len))
SESSION(C_GenerateRandom, (H, CK_BYTE *out, CK_ULONG out_len), REAL(C_GenerateRandom)(session, out, out_len))
SESSION(C_GetFunctionStatus, (H), REAL(C_GetFunctionStatus)(session))
SESSION(C_CancelFunction, (H), REAL(C_CancelFunction)(session))
/* clang-format on */

static CK_RV entry_C_GetFunctionList(CK_FUNCTION_LIST **listp);

static CK_FUNCTION_LIST function_list = {.version = {2, 40},
#define X(name) .name = entry_##name,
    FAULT_FUNCTIONS(X)
#undef X
};

static CK_RV entry_C_GetFunctionList(CK_FUNCTION_LIST **listp)
{
    if (!listp)
        return CKR_ARGUMENTS_BAD;
    *listp = &function_list;
    return CKR_OK;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **listp)
{
    return entry_C_GetFunctionList(listp);
}
