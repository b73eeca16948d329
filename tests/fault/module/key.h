/* SPDX-License-Identifier: Apache-2.0 */
/* Object handles, and keys that want a PIN for every use. */
#ifndef FAULT_KEY_H
#define FAULT_KEY_H

#include "call.h"

/* From the program's handle to SoftHSM's, in place; wrong is what a dead one answers. */
CK_RV fault_key_in(struct fault_call *call, CK_OBJECT_HANDLE *handle, CK_RV wrong);
/* From SoftHSM's handle to the program's, in place, when rv is CKR_OK; passes rv on. */
CK_RV fault_key_out(struct fault_call *call, CK_OBJECT_HANDLE *handle, CK_RV rv);

/* CKR_MECHANISM_INVALID if the token has not got that one; else passes rv on. */
CK_RV fault_key_knows(const struct fault_call *call, const CK_MECHANISM *mechanism, CK_RV rv);
/* An operation with SoftHSM's key was begun, and that answered rv; passes rv on. */
CK_RV fault_key_begun(struct fault_call *call, CK_OBJECT_HANDLE key, CK_RV rv);
/* Whether the operation may go on; if not it is over. */
CK_RV fault_key_use(struct fault_call *call);
/* The call that should end the operation answered rv, and only told a length if asked for that. */
CK_RV fault_key_used(struct fault_call *call, CK_RV rv, bool only_length);
/* Attributes of SoftHSM's key were read. */
CK_RV fault_key_shown(struct fault_call *call, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *attributes,
    CK_ULONG n_attributes, CK_RV rv);

#endif
