/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sessions that a program has open, by SoftHSM's handles, which SoftHSM never uses twice. When
 * a token goes, SoftHSM's sessions are closed for it at once, and ours stay as dead ones that
 * answer the slot's code, until they are closed by the program, which that code also answers.
 */
#include "session.h"

#include "module.h"

#include <pthread.h>
#include <stdlib.h>

#define N_BUCKETS 256

static struct fault_session *buckets[N_BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct fault_session **bucket_of(CK_SESSION_HANDLE handle)
{
    return &buckets[handle % N_BUCKETS];
}

struct fault_session *fault_session_get(CK_SESSION_HANDLE handle)
{
    struct fault_session *session;

    pthread_mutex_lock(&lock);
    session = *bucket_of(handle);
    while (session && session->handle != handle)
        session = session->next;
    if (session)
        atomic_fetch_add(&session->refs, 1);
    pthread_mutex_unlock(&lock);
    return session;
}

void fault_session_unref(struct fault_session *session)
{
    if (session && atomic_fetch_sub(&session->refs, 1) == 1)
        free(session);
}

/* Called with the lock held. */
static void unlink_session(struct fault_session *session)
{
    struct fault_session **link = bucket_of(session->handle);

    while (*link && *link != session)
        link = &(*link)->next;
    if (*link) {
        *link = session->next;
        fault_session_unref(session);
    }
}

static bool is_full(const struct fault_slot *slot)
{
    CK_ULONG n = 0;

    if (!slot->spec.sessions)
        return false;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < N_BUCKETS; i++) {
        for (const struct fault_session *s = buckets[i]; s; s = s->next)
            n += s->slot == slot && s->dead == CKR_OK;
    }
    pthread_mutex_unlock(&lock);
    return n >= slot->spec.sessions;
}

CK_RV fault_session_open(struct fault_slot *slot, CK_FLAGS flags, CK_VOID_PTR application,
    CK_NOTIFY notify, CK_SESSION_HANDLE *handlep)
{
    struct fault_session *session;
    CK_RV rv;

    if (is_full(slot))
        return CKR_SESSION_COUNT;
    session = calloc(1, sizeof(*session));
    if (!session)
        return CKR_HOST_MEMORY;
    rv = REAL(C_OpenSession)(slot->real, flags, application, notify, handlep);
    if (rv != CKR_OK) {
        free(session);
        return rv;
    }
    if (slot->spec.open.set)
        REAL(C_Login)(*handlep, CKU_USER, slot->spec.open.data, slot->spec.open.len);
    session->handle = *handlep;
    session->slot = slot;
    atomic_init(&session->refs, 1);
    pthread_mutex_lock(&lock);
    session->next = *bucket_of(session->handle);
    *bucket_of(session->handle) = session;
    pthread_mutex_unlock(&lock);
    return CKR_OK;
}

CK_RV fault_session_close(struct fault_session *session)
{
    CK_RV rv = session->dead;

    if (rv == CKR_OK)
        rv = REAL(C_CloseSession)(session->handle);
    pthread_mutex_lock(&lock);
    unlink_session(session);
    pthread_mutex_unlock(&lock);
    return rv;
}

/* Does what is asked with every session of the slot. */
static void each_session(
    const struct fault_slot *slot, void (*visit)(struct fault_session *session, CK_RV rv), CK_RV rv)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < N_BUCKETS; i++) {
        struct fault_session *next;

        for (struct fault_session *session = buckets[i]; session; session = next) {
            next = session->next;
            if (!slot || session->slot == slot)
                visit(session, rv);
        }
    }
    pthread_mutex_unlock(&lock);
}

static void visit_to_close(struct fault_session *session, CK_RV rv)
{
    (void)rv;
    if (session->dead == CKR_OK)
        REAL(C_CloseSession)(session->handle);
    unlink_session(session);
}

CK_RV fault_session_close_all(struct fault_slot *slot)
{
    if (slot)
        each_session(slot, visit_to_close, CKR_OK);
    return fault_slot_check(slot);
}

CK_RV fault_session_info(struct fault_session *session, CK_SESSION_INFO *info)
{
    CK_RV rv = REAL(C_GetSessionInfo)(session->handle, info);

    if (rv == CKR_OK)
        info->slotID = session->slot->spec.id;
    return rv;
}

/* SoftHSM logs out when the last session is closed; but another slot's line may have moved here. */
static void visit_to_log_out(struct fault_session *session, CK_RV rv)
{
    (void)rv;
    if (session->dead == CKR_OK)
        REAL(C_Logout)(session->handle);
}

static void visit_to_kill(struct fault_session *session, CK_RV rv)
{
    if (session->dead != CKR_OK)
        return;
    REAL(C_CloseSession)(session->handle);
    session->job = FAULT_JOB_FREE;
    session->dead = rv;
}

void fault_session_kill(struct fault_slot *slot, CK_RV rv)
{
    each_session(slot, visit_to_log_out, CKR_OK);
    each_session(slot, visit_to_kill, rv);
}

void fault_session_log_out(struct fault_slot *slot)
{
    each_session(slot, visit_to_log_out, CKR_OK);
}

static void visit_to_forget(struct fault_session *session, CK_RV rv)
{
    (void)rv;
    unlink_session(session);
}

void fault_session_forget(void)
{
    each_session(NULL, visit_to_forget, CKR_OK);
}

__attribute__((destructor)) static void forget_at_unload(void)
{
    fault_session_forget();
}
