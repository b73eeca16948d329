/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the module between C_Initialize and C_Finalize, and the one lock on it. */
#ifndef CS_PKCS11_MODULE_H
#define CS_PKCS11_MODULE_H

#include "pkcs11/cryptoki.h"
#include "pkcs11/link.h"
#include "pkcs11/session.h"
#include "pkcs11/signer.h"
#include "pkcs11/slot.h"

#include <pthread.h>
#include <stdatomic.h>

#define CS_REDIAL 1000 /* milliseconds between looks for an agent, for those who wait for one */

struct cs_module {
    pthread_mutex_t mutex;
    _Atomic pid_t pid;      /* whose it is; 0: nobody's yet */
    struct cs_module *next; /* an ancestor's, which is never touched again */
    bool initialized;
    unsigned long epoch;   /* counts initialisations */
    uint64_t deadline;     /* of a call that waits for the agent, with the lock let go; 0: none */
    struct cs_own_fd wake; /* tells C_WaitForSlotEvent of changes, if anybody waits */
    struct cs_link link;
    struct cs_view *view;
    uint64_t lost; /* when the agent went that had told a picture, 0: it is there */
    struct cs_slots slots;
    struct cs_sessions sessions;
    struct cs_signer *signer;
};

/* Takes the lock, or says why not. Every entry begins with it and gives the lock back by
 * CS_AUTO(cs_module_leavep). */
CK_RV cs_module_enter(struct cs_module **modulep);
/* The same, with the picture brought up to date. */
CK_RV cs_module_enter_fresh(struct cs_module **modulep);
/* The same, and the session. fresh: as above. */
CK_RV cs_module_enter_session(
    CK_SESSION_HANDLE handle, bool fresh, struct cs_module **modulep, struct cs_session **sessionp);
void cs_module_leavep(struct cs_module **modulep);

/* An object of the session's token, or NULL. */
const struct cs_object *cs_module_object(
    const struct cs_module *module, const struct cs_session *session, CK_OBJECT_HANDLE handle);

/* With the lock let go in between, for at most so many milliseconds (negative: for ever), waits for
 * something to come from the agent, or for a change that another call saw.
 * CKR_CRYPTOKI_NOT_INITIALIZED when C_Finalize came instead. */
CK_RV cs_module_wait(struct cs_module *module, int milliseconds);
/* Takes in what came from the agent, without waiting. */
void cs_module_update(struct cs_module *module);

CK_RV cs_initialize(void *arguments);
CK_RV cs_finalize(void *reserved);
CK_RV cs_get_info(CK_INFO *info);
CK_RV cs_get_info_3(CK_INFO *info);

#endif
