/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, and what is under way in each. */
#ifndef CS_PKCS11_SESSION_H
#define CS_PKCS11_SESSION_H

#include "base/sha2.h"
#include "pkcs11/cryptoki.h"

#include <stdbool.h>

struct cs_module;
struct cs_signing;

/* A search: what it found when it began. */
struct cs_search {
    bool active;
    CK_OBJECT_HANDLE *found;
    size_t n, at;
};

struct cs_digesting {
    bool active, updated;
    struct cs_sha2 sha2;
};

struct cs_session {
    CK_SESSION_HANDLE handle;
    CK_SLOT_ID slot;
    CK_FLAGS flags;
    struct cs_search search;
    struct cs_digesting digesting;
    struct cs_signing *signing; /* NULL: none */
};

/* A handle is a place in the list and how often the place was taken. */
struct cs_session_place {
    CK_ULONG turn;
    struct cs_session *session; /* NULL: free */
};

struct cs_sessions {
    struct cs_session_place *list;
    size_t n, free; /* no place below free is free */
};

struct cs_session *cs_session_get(const struct cs_sessions *sessions, CK_SESSION_HANDLE handle);
/* Those of one slot. */
void cs_sessions_close(struct cs_module *module, CK_SLOT_ID slot);
void cs_sessions_deinit(struct cs_sessions *sessions);

CK_RV cs_open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
    CK_SESSION_HANDLE *handle);
CK_RV cs_close_session(CK_SESSION_HANDLE handle);
CK_RV cs_close_all_sessions(CK_SLOT_ID slot);
CK_RV cs_get_session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info);
CK_RV cs_login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len);
CK_RV cs_login_user(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len,
    CK_UTF8CHAR *name, CK_ULONG name_len);
CK_RV cs_logout(CK_SESSION_HANDLE handle);
CK_RV cs_session_cancel(CK_SESSION_HANDLE handle, CK_FLAGS flags);

#endif
