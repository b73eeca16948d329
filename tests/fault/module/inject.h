/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of the script do to a call. */
#ifndef FAULT_INJECT_H
#define FAULT_INJECT_H

#include "counter.h"
#include "script.h"

/* What is to be done to one call. All zero: nothing. */
struct fault_plan {
    CK_ULONG delay; /* milliseconds */
    bool is_set;
    struct fault_rule rule; /* the rest, if set */
    struct fault_version version;
};

/* Between enter and leave: counts the call, and tells what is to be done to it. slot is NULL for a
 * call that belongs to none. */
struct fault_plan fault_inject_plan(enum fault_function function, const CK_SLOT_ID *slot);
bool fault_inject_waits(const struct fault_plan *plan);
/* Neither entered nor alone: waits, hangs or dies as planned. */
void fault_inject_play(const struct fault_plan *plan, enum fault_function function);
/* What the call answers, CKR_OK if it goes on; *afterp if only once it was made. */
CK_RV fault_inject_rv(const struct fault_plan *plan, bool *afterp);

#endif
