/* SPDX-License-Identifier: Apache-2.0 */
/* C_WaitForSlotEvent. */
#ifndef FAULT_EVENT_H
#define FAULT_EVENT_H

#include "call.h"

CK_RV fault_event_wait(
    struct fault_call *call, CK_FLAGS flags, CK_SLOT_ID *idp, CK_VOID_PTR reserved);

#endif
