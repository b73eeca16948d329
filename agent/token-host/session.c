/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session pool of a token. Sessions that work stay open while the token is there, and the last
 * one even if it does not: a login lasts as long as any session is open. A warm signature takes the
 * session that was given back last and makes no call for it. When a token allows few sessions,
 * threads wait for each other.
 *
 * A session is opened with a slot, where another token may lie by now, and ends when its token is
 * pulled: if the right token is seen in the slot after that, the session is of no other.
 */
#include "token-host/session.h"
#include "token-host/token.h"

void cs_sessions_init(struct cs_sessions *sessions, struct cs_token *token)
{
    *sessions = (struct cs_sessions){.token = token, .max = CS_SESSIONS_MAX};
    pthread_mutex_init(&sessions->lock, NULL);
    pthread_cond_init(&sessions->given, NULL);
}

void cs_sessions_deinit(struct cs_sessions *sessions)
{
    pthread_mutex_destroy(&sessions->lock);
    pthread_cond_destroy(&sessions->given);
}

CK_RV cs_session_open(const struct cs_token *token, CK_FLAGS flags, CK_SESSION_HANDLE *sessionp)
{
    CK_TOKEN_INFO info;
    CK_RV rv = CS_MODULE_CALL(token->module,
        C_OpenSession(token->slot, CKF_SERIAL_SESSION | flags, NULL, NULL, sessionp));

    if (rv != CKR_OK)
        return rv;
    rv = cs_token_see(token, &info);
    if (rv != CKR_OK)
        CS_MODULE_CALL(token->module, C_CloseSession(*sessionp));
    return rv;
}

/* The lock is not held while the module opens a session. */
static CK_RV open_unlocked(struct cs_sessions *sessions, CK_SESSION_HANDLE *sessionp)
{
    CK_RV rv;

    sessions->n_opening++;
    pthread_mutex_unlock(&sessions->lock);
    pthread_rwlock_rdlock(&sessions->token->calls);
    rv = cs_session_open(sessions->token, 0, sessionp);
    pthread_rwlock_unlock(&sessions->token->calls);
    pthread_mutex_lock(&sessions->lock);
    sessions->n_opening--;
    return rv;
}

static bool close_spent(struct cs_sessions *sessions)
{
    if (!sessions->has_spent)
        return false;
    sessions->has_spent = false;
    CS_MODULE_CALL(sessions->token->module, C_CloseSession(sessions->spent));
    return true;
}

/* The place is taken before. */
static CK_RV open_session(struct cs_sessions *sessions, CK_SESSION_HANDLE *sessionp)
{
    CK_RV rv;

    sessions->n_open++;
    rv = open_unlocked(sessions, sessionp);
    if (rv == CKR_SESSION_COUNT && close_spent(sessions))
        rv = open_unlocked(sessions, sessionp);
    if (rv == CKR_OK) {
        /* It may be dead, and its handle another's by now: this one's, most likely. */
        sessions->has_spent &= sessions->spent != *sessionp;
        close_spent(sessions);
        return rv;
    }
    sessions->n_open--;
    if (rv == CKR_SESSION_COUNT && sessions->n_open > 0)
        sessions->max = sessions->n_open;
    pthread_cond_signal(&sessions->given);
    return rv;
}

/* Makes room for a fresh session when all places are taken by idle ones. */
static void close_one(struct cs_sessions *sessions)
{
    CK_SESSION_HANDLE old = sessions->idle[0];

    sessions->idle[0] = sessions->idle[--sessions->n_idle];
    sessions->n_open--;
    CS_MODULE_CALL(sessions->token->module, C_CloseSession(old));
}

CK_RV cs_session_take(struct cs_sessions *sessions, bool fresh, CK_SESSION_HANDLE *sessionp)
{
    CK_RV rv = CKR_OK;

    pthread_mutex_lock(&sessions->lock);
    for (;;) {
        if (fresh && sessions->n_open >= sessions->max && sessions->n_idle > 0)
            close_one(sessions);
        if (!fresh && sessions->n_idle > 0) {
            *sessionp = sessions->idle[--sessions->n_idle];
            rv = CKR_OK;
            break;
        }
        if (sessions->n_open < sessions->max) {
            rv = open_session(sessions, sessionp);
            if (rv != CKR_SESSION_COUNT || sessions->n_open == 0)
                break;
            continue;
        }
        pthread_cond_wait(&sessions->given, &sessions->lock);
    }
    pthread_mutex_unlock(&sessions->lock);
    return rv;
}

/* The one that is used least, for signatures take the other end. */
bool cs_session_take_idle(struct cs_sessions *sessions, CK_SESSION_HANDLE *sessionp)
{
    bool found;

    pthread_mutex_lock(&sessions->lock);
    found = sessions->n_idle > 0;
    if (found) {
        *sessionp = sessions->idle[0];
        sessions->idle[0] = sessions->idle[--sessions->n_idle];
    }
    pthread_mutex_unlock(&sessions->lock);
    return found;
}

/* The last one goes when another is open: with it the login would end. */
static void discard(struct cs_sessions *sessions, CK_SESSION_HANDLE session)
{
    if (sessions->n_open - sessions->n_opening > 1 || sessions->has_spent) {
        CS_MODULE_CALL(sessions->token->module, C_CloseSession(session));
        return;
    }
    sessions->spent = session;
    sessions->has_spent = true;
}

void cs_session_give(struct cs_sessions *sessions, CK_SESSION_HANDLE session, CK_RV rv)
{
    bool dead = rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED ||
                rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_ERROR ||
                rv == CKR_OPERATION_ACTIVE;

    pthread_mutex_lock(&sessions->lock);
    /* An operation that is stuck keeps its session busy; the handle itself is still good. */
    if (rv == CKR_OPERATION_ACTIVE || rv == CKR_DEVICE_ERROR)
        discard(sessions, session);
    if (dead)
        sessions->n_open--;
    else
        sessions->idle[sessions->n_idle++] = session;
    pthread_cond_signal(&sessions->given);
    pthread_mutex_unlock(&sessions->lock);
}
