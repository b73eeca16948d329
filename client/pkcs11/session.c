/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions are ours alone: the agent knows nothing of them. A session ends with its token. Login
 * and logout are remembered, because programs ask for the state, and have no other effect: the
 * agent asks for PINs, and what one program does here must not lock the token for another.
 */
#include "pkcs11/session.h"
#include "base/cleanup.h"
#include "pkcs11/find.h"
#include "pkcs11/module.h"
#include "pkcs11/sign.h"

#include <limits.h>

#define PLACE_BITS 20
#define PLACES_MAX (1u << PLACE_BITS)

struct cs_session *cs_session_get(const struct cs_sessions *sessions, CK_SESSION_HANDLE handle)
{
    size_t at = handle & (PLACES_MAX - 1);
    struct cs_session *session = at < sessions->n ? sessions->list[at].session : NULL;

    return session && session->handle == handle ? session : NULL;
}

static void session_free(struct cs_session *session)
{
    cs_search_end(&session->search);
    cs_signing_free(session->signing);
    free(session);
}

static struct cs_session_place *find_place(struct cs_sessions *sessions)
{
    struct cs_session_place *list;
    size_t room;

    while (sessions->free < sessions->n && sessions->list[sessions->free].session)
        sessions->free++;
    if (sessions->free < sessions->n)
        return &sessions->list[sessions->free];
    room = sessions->n ? 2 * sessions->n : 16;
    if (room > PLACES_MAX)
        return NULL;
    list = reallocarray(sessions->list, room, sizeof(*list));
    if (!list)
        return NULL;
    for (size_t i = sessions->n; i < room; i++)
        list[i] = (struct cs_session_place){0};
    sessions->list = list;
    sessions->n = room;
    return &list[sessions->free];
}

static struct cs_session *add(struct cs_sessions *sessions, CK_SLOT_ID slot, CK_FLAGS flags)
{
    struct cs_session_place *place = find_place(sessions);
    struct cs_session *session = place ? calloc(1, sizeof(*session)) : NULL;

    if (!session)
        return NULL;
    place->turn = place->turn % (ULONG_MAX >> PLACE_BITS) + 1;
    session->handle = place->turn << PLACE_BITS | (CK_ULONG)(place - sessions->list);
    session->slot = slot;
    session->flags = flags;
    place->session = session;
    return session;
}

static void close_place(struct cs_module *module, size_t at)
{
    struct cs_sessions *sessions = &module->sessions;
    struct cs_session *session = sessions->list[at].session;
    struct cs_slot *slot = cs_slot_get(module, session->slot);

    if (slot) {
        slot->n_sessions--;
        if (session->flags & CKF_RW_SESSION)
            slot->n_rw_sessions--;
        if (slot->n_sessions == 0)
            slot->logged_in = false;
    }
    session_free(session);
    sessions->list[at].session = NULL;
    if (at < sessions->free)
        sessions->free = at;
}

void cs_sessions_close(struct cs_module *module, CK_SLOT_ID slot)
{
    for (size_t i = 0; i < module->sessions.n; i++)
        if (module->sessions.list[i].session && module->sessions.list[i].session->slot == slot)
            close_place(module, i);
}

void cs_sessions_deinit(struct cs_sessions *sessions)
{
    for (size_t i = 0; i < sessions->n; i++)
        if (sessions->list[i].session)
            session_free(sessions->list[i].session);
    free(sessions->list);
    *sessions = (struct cs_sessions){0};
}

/* Nothing can be written, but OpenSSH, for one, does not take less than a R/W session. */
CK_RV cs_open_session(CK_SLOT_ID slot_id, CK_FLAGS flags, void *application, CK_NOTIFY notify,
    CK_SESSION_HANDLE *handle)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter_fresh(&module);
    struct cs_session *session;
    struct cs_slot *slot;

    (void)application;
    (void)notify;
    if (rv != CKR_OK)
        return rv;
    if (!handle)
        return CKR_ARGUMENTS_BAD;
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    rv = cs_slot_with_token(module, slot_id, &slot);
    if (rv != CKR_OK)
        return rv;
    session = add(&module->sessions, slot_id, flags & (CKF_SERIAL_SESSION | CKF_RW_SESSION));
    if (!session)
        return CKR_HOST_MEMORY;
    slot->n_sessions++;
    if (flags & CKF_RW_SESSION)
        slot->n_rw_sessions++;
    *handle = session->handle;
    return CKR_OK;
}

CK_RV cs_close_session(CK_SESSION_HANDLE handle)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);

    if (rv == CKR_OK)
        close_place(module, handle & (PLACES_MAX - 1));
    return rv;
}

CK_RV cs_close_all_sessions(CK_SLOT_ID slot)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    if (!cs_slot_get(module, slot))
        return CKR_SLOT_ID_INVALID;
    cs_sessions_close(module, slot);
    return CKR_OK;
}

CK_RV cs_get_session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, true, &module, &session);
    bool user, rw;

    if (rv != CKR_OK)
        return rv;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    user = cs_slot_get(module, session->slot)->logged_in;
    rw = session->flags & CKF_RW_SESSION;
    *info = (CK_SESSION_INFO){
        .slotID = session->slot,
        .state = rw ? (user ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION)
                    : (user ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION),
        .flags = session->flags,
    };
    return CKR_OK;
}

/* Any PIN will do: none is needed, and whose it is nobody here could tell. */
CK_RV cs_login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, true, &module, &session);
    struct cs_slot *slot;

    if (rv != CKR_OK)
        return rv;
    if (!pin && pin_len)
        return CKR_ARGUMENTS_BAD;
    slot = cs_slot_get(module, session->slot);
    switch (user) {
    case CKU_USER:
        if (slot->logged_in)
            return CKR_USER_ALREADY_LOGGED_IN;
        slot->logged_in = true;
        return CKR_OK;
    case CKU_CONTEXT_SPECIFIC:
        return session->signing ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
    default:
        return CKR_USER_TYPE_INVALID;
    }
}

CK_RV cs_login_user(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len,
    CK_UTF8CHAR *name, CK_ULONG name_len)
{
    if (!name && name_len)
        return CKR_ARGUMENTS_BAD;
    return cs_login(handle, user, pin, pin_len);
}

CK_RV cs_logout(CK_SESSION_HANDLE handle)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, true, &module, &session);
    struct cs_slot *slot;

    if (rv != CKR_OK)
        return rv;
    slot = cs_slot_get(module, session->slot);
    if (!slot->logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    slot->logged_in = false;
    return CKR_OK;
}

CK_RV cs_session_cancel(CK_SESSION_HANDLE handle, CK_FLAGS flags)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_session *session;
    CK_RV rv = cs_module_enter_session(handle, false, &module, &session);

    if (rv != CKR_OK)
        return rv;
    if (flags & CKF_FIND_OBJECTS)
        cs_search_end(&session->search);
    if (flags & CKF_DIGEST)
        session->digesting = (struct cs_digesting){0};
    if (flags & CKF_SIGN) {
        cs_signing_free(session->signing);
        session->signing = NULL;
    }
    return CKR_OK;
}
