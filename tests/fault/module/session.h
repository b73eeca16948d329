/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions that a program has open. */
#ifndef FAULT_SESSION_H
#define FAULT_SESSION_H

#include "slot.h"

#include <stdatomic.h>

/* How far the job of a key is that wants a PIN for every use. */
enum fault_job {
    FAULT_JOB_FREE,    /* no operation, or of a key that wants none */
    FAULT_JOB_ASKS,    /* initialised: C_Login(CKU_CONTEXT_SPECIFIC) has to come */
    FAULT_JOB_ALLOWED, /* it came: the operation may go on */
    FAULT_JOB_BROKEN,  /* another call came between */
};

struct fault_session {
    CK_SESSION_HANDLE handle;
    struct fault_slot *slot;
    _Atomic CK_RV dead; /* what every call answers; CKR_OK: it lives */
    _Atomic enum fault_job job;
    atomic_uint refs;
    struct fault_session *next;
};

/* Between enter and leave: a session and a reference to it, or NULL. */
struct fault_session *fault_session_get(CK_SESSION_HANDLE handle);
void fault_session_unref(struct fault_session *session);

CK_RV fault_session_open(struct fault_slot *slot, CK_FLAGS flags, CK_VOID_PTR application,
    CK_NOTIFY notify, CK_SESSION_HANDLE *handlep);
CK_RV fault_session_close(struct fault_session *session);
CK_RV fault_session_close_all(struct fault_slot *slot);
CK_RV fault_session_info(struct fault_session *session, CK_SESSION_INFO *info);

/* Called alone: sessions of the slot end and answer rv from now on; the login is lost. */
void fault_session_kill(struct fault_slot *slot, CK_RV rv);
/* Called alone: the login is lost. */
void fault_session_log_out(struct fault_slot *slot);
/* Called alone: all are forgotten. */
void fault_session_forget(void);

#endif
