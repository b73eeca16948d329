/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of one token: opened when needed, lent to one thread at a time, kept open. */
#ifndef CS_TOKEN_HOST_SESSION_H
#define CS_TOKEN_HOST_SESSION_H

#include "token-host/module.h"

#define CS_SESSIONS_MAX 8

struct cs_token;

struct cs_sessions {
    struct cs_token *token;
    pthread_mutex_t lock;
    pthread_cond_t given;
    CK_SESSION_HANDLE idle[CS_SESSIONS_MAX];
    unsigned n_idle;
    unsigned n_open;    /* idle and lent */
    unsigned n_opening; /* of these: not yet */
    unsigned max;
    CK_SESSION_HANDLE spent; /* not lent any more, but perhaps all that keeps the login */
    bool has_spent;
};

void cs_sessions_init(struct cs_sessions *sessions, struct cs_token *token);
/* Closes none: a token that went took them along, and the module may have given their handles to
 * others. */
void cs_sessions_deinit(struct cs_sessions *sessions);

/* One beside the pool, which the caller closes. CKR_TOKEN_NOT_PRESENT if another token lies in the
 * slot. */
CK_RV cs_session_open(const struct cs_token *token, CK_FLAGS flags, CK_SESSION_HANDLE *sessionp);
/* fresh: one that is opened now, for the others may be dead. */
CK_RV cs_session_take(struct cs_sessions *sessions, bool fresh, CK_SESSION_HANDLE *sessionp);
/* One that lies idle; false if there is none. */
bool cs_session_take_idle(struct cs_sessions *sessions, CK_SESSION_HANDLE *sessionp);
/* Back, with the code of the last call: a session that died is not lent again. */
void cs_session_give(struct cs_sessions *sessions, CK_SESSION_HANDLE session, CK_RV rv);

#endif
