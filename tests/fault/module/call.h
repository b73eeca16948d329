/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the program: what is the same for all functions. */
#ifndef FAULT_CALL_H
#define FAULT_CALL_H

#include "session.h"
#include "slot.h"

enum fault_call_on {
    FAULT_ON_NOTHING,
    FAULT_ON_SLOT,        /* id is a slot, which must have a token */
    FAULT_ON_ANY_SLOT,    /* it need not; the slot may be NULL */
    FAULT_ON_SESSION,     /* id is a session, which must live */
    FAULT_ON_ANY_SESSION, /* it need not live */
};

struct fault_call {
    enum fault_function function;
    enum fault_call_on on;
    CK_ULONG id;
    uint64_t start;
    bool entered, logged;
    struct fault_slot *slot;
    struct fault_session *session;
    CK_RV answer; /* instead of SoftHSM's, once that was called; CKR_OK: SoftHSM's */
    char note[96];
};

/* CKR_OK: the call goes on, and nothing changes before end. Else it answers that; end comes too. */
CK_RV fault_call_begin(
    struct fault_call *call, enum fault_function function, enum fault_call_on on, CK_ULONG id);
/* What the program gets. */
CK_RV fault_call_end(struct fault_call *call, CK_RV rv);

/* Waiting within a call: after pause things may change, resume says whether the call may go on. */
void fault_call_pause(struct fault_call *call);
CK_RV fault_call_resume(struct fault_call *call);

/* More words for the call's line in the log. */
void fault_call_note(struct fault_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The program said that it makes one call at a time. */
void fault_call_set_single(bool single);

#endif
