/* SPDX-License-Identifier: Apache-2.0 */
/* One C_Logout is for all sessions of the process. Whoever enters a PIN waits for it, and the other
 * way round. */
#include "token-host/logout.h"
#include "base/log.h"

#include <countersign/error.h>

static CK_RV leave_once(struct cs_token *token)
{
    CK_SESSION_HANDLE session;
    CK_RV rv = cs_session_take(&token->sessions, false, &session);

    if (rv != CKR_OK)
        return rv;
    cs_token_stop_calls(token);
    rv = CS_MODULE_CALL(token->module, C_Logout(session));
    pthread_rwlock_unlock(&token->calls);
    cs_session_give(&token->sessions, session, rv);
    return rv;
}

/* A session that died, or a module that fails, may leave the login where it was; without sessions
 * there is none. Those in the pool are then dead, and are replaced as such are. */
static CK_RV leave(struct cs_token *token)
{
    CK_RV rv = leave_once(token);

    if (rv == CKR_OK || rv == CKR_USER_NOT_LOGGED_IN)
        return rv;
    cs_info("token '%s' does not log out (%s): all sessions are closed", cs_token_name(token),
        cs_ckr_name(rv));
    return CS_MODULE_CALL(token->module, C_CloseAllSessions(token->slot));
}

/* With the token its login has gone; so it has if we do not know the token any more. */
static bool is_logged_out(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_USER_NOT_LOGGED_IN || cs_ckr_code(rv) == CS_ERR_TOKEN_ABSENT;
}

/* With the login all questions end that are about the token. */
static int log_out(struct cs_host *host, struct cs_token *token,
    const struct cs_host_logout_request *m, struct cs_failure *failure)
{
    CK_RV rv = CKR_OK;
    bool logged_in;

    cs_cancel_token(&host->cancels, token);
    pthread_mutex_lock(&token->entering);
    pthread_mutex_lock(&token->lock);
    logged_in = token->logged_in;
    token->leaving = logged_in;
    pthread_mutex_unlock(&token->lock);
    if (logged_in)
        rv = leave(token);
    if (is_logged_out(rv))
        cs_token_set_locked(token, m->hold, m->why);
    /* Those that began while others were waited for know nothing of the lock. */
    cs_cancel_token(&host->cancels, token);
    pthread_mutex_unlock(&token->entering);
    if (!is_logged_out(rv)) {
        pthread_mutex_lock(&token->lock);
        token->leaving = false;
        pthread_mutex_unlock(&token->lock);
        return cs_ckr_fail(failure, rv, cs_token_name(token));
    }
    cs_info("token '%s' is locked", cs_token_name(token));
    return 0;
}

void cs_logout_run(struct cs_host *host, uint32_t id, struct cs_bytes body)
{
    CS_AUTO(cs_token_unrefp) struct cs_token *token = NULL;
    struct cs_host_logout_request m;
    struct cs_failure failure = {0};
    int r = cs_host_logout_get(body, &m);

    if (r == 0)
        token = cs_slots_get(&host->slots, m.slot);
    if (token)
        r = log_out(host, token, &m, &failure);
    if (r < 0)
        cs_link_failed(&host->link, id, r, &failure);
    else
        cs_link_done(&host->link, id);
}

void cs_logout_undo(struct cs_token *token, const char *why)
{
    leave(token);
    cs_token_set_locked(token, false, cs_bytes_of(why));
}
