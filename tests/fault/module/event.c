/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C_WaitForSlotEvent. The script is all that can make an event, and nobody tells of its changes, so
 * a call that blocks looks at it a hundred times a second.
 */
#include "event.h"

#include "control.h"
#include "module.h"

#define POLL_MS 10

CK_RV fault_event_wait(
    struct fault_call *call, CK_FLAGS flags, CK_SLOT_ID *idp, CK_VOID_PTR reserved)
{
    CK_RV rv;

    if (fault_control_script()->no_wait)
        return CKR_FUNCTION_NOT_SUPPORTED;
    if (!idp || reserved)
        return CKR_ARGUMENTS_BAD;
    while (!fault_slot_event(idp)) {
        if (flags & CKF_DONT_BLOCK)
            return CKR_NO_EVENT;
        fault_call_pause(call);
        fault_control_sleep(POLL_MS);
        rv = fault_call_resume(call);
        if (rv != CKR_OK)
            return rv;
    }
    fault_call_note(call, " event=%lu", *idp);
    return CKR_OK;
}
