/* SPDX-License-Identifier: Apache-2.0 */
/* The slots that the module shows, and what lies in them. */
#ifndef FAULT_SLOT_H
#define FAULT_SLOT_H

#include "counter.h"
#include "script.h"

struct fault_slot {
    struct fault_spec spec;
    bool placed, used, present, event;
    CK_SLOT_ID real;           /* SoftHSM's, where there is a token */
    unsigned epoch;            /* how often sessions and objects died */
    struct fault_tries *tries; /* NULL where they are not counted */
};

/* Called alone: the script's slots replace those before. */
bool fault_slot_apply(const struct fault_script *script, char *error, size_t error_size);
/* SoftHSM has new slots after a token was initialised. */
void fault_slot_refresh(void);
void fault_slot_forget(void);

/* Between enter and leave: */
struct fault_slot *fault_slot_find(CK_SLOT_ID id);
/* What a call on the slot answers before anything else; CKR_OK: go on. */
CK_RV fault_slot_check(const struct fault_slot *slot);

CK_RV fault_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count);
CK_RV fault_slot_info(const struct fault_slot *slot, CK_SLOT_INFO *info);
CK_RV fault_slot_token_info(const struct fault_slot *slot, CK_TOKEN_INFO *info);
/* One event, which is over then. Only in calls that no other thread makes at the same time. */
bool fault_slot_event(CK_SLOT_ID *idp);

#endif
