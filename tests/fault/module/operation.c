/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of a session. By PKCS#11 a call such as C_Sign ends its operation whatever it answers,
 * but for CKR_BUFFER_TOO_SMALL. When the module answers an error in SoftHSM's place, SoftHSM has to
 * forget the operation, or the next C_SignInit would find it still active.
 */
#include "operation.h"

#include "module.h"

static bool ends(enum fault_function function)
{
    switch ((int)function) {
    case FAULT_C_FindObjectsFinal:
    case FAULT_C_Encrypt:
    case FAULT_C_EncryptUpdate:
    case FAULT_C_EncryptFinal:
    case FAULT_C_Decrypt:
    case FAULT_C_DecryptUpdate:
    case FAULT_C_DecryptFinal:
    case FAULT_C_Digest:
    case FAULT_C_DigestUpdate:
    case FAULT_C_DigestKey:
    case FAULT_C_DigestFinal:
    case FAULT_C_Sign:
    case FAULT_C_SignUpdate:
    case FAULT_C_SignFinal:
    case FAULT_C_SignRecover:
    case FAULT_C_Verify:
    case FAULT_C_VerifyUpdate:
    case FAULT_C_VerifyFinal:
    case FAULT_C_VerifyRecover:
        return true;
    default:
        return false;
    }
}

/* Calls that belong to a job of a key that wants a PIN for every use. */
static bool belongs_to_job(enum fault_function function)
{
    switch ((int)function) {
    case FAULT_C_Login:
    case FAULT_C_Sign:
    case FAULT_C_SignUpdate:
    case FAULT_C_SignFinal:
    case FAULT_C_SignRecover:
    case FAULT_C_Decrypt:
    case FAULT_C_DecryptUpdate:
    case FAULT_C_DecryptFinal:
        return true;
    default:
        return false;
    }
}

void fault_operation_seen(enum fault_function function, struct fault_session *session)
{
    if (session->job == FAULT_JOB_FREE || belongs_to_job(function))
        return;
    if (function == FAULT_C_GetAttributeValue && session->slot->spec.lax)
        return;
    session->job = FAULT_JOB_BROKEN;
}

/* SoftHSM resets whatever operation the session has when this call has nowhere to write. */
void fault_operation_drop(struct fault_session *session)
{
    session->job = FAULT_JOB_FREE;
    REAL(C_EncryptFinal)(session->handle, NULL, NULL);
}

void fault_operation_failed(enum fault_function function, struct fault_session *session, CK_RV rv)
{
    bool goes_on = rv == CKR_BUFFER_TOO_SMALL && function != FAULT_C_FindObjectsFinal;

    if (ends(function) && !goes_on && session && session->dead == CKR_OK)
        fault_operation_drop(session);
}
