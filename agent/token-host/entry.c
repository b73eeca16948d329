/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is the same wherever a token gets a PIN: at logins (login.c), at keys that want it for each
 * signature (sign-pin.c) and at its change (pin-change.c). The counters are the token's own flags,
 * asked for right before and after a PIN goes to it.
 *
 * C_Login is called here and not through libp11, which copies the PIN to the heap.
 */
#include "token-host/entry.h"
#include "base/log.h"
#include "token-host/health.h"

#include <countersign/error.h>
#include <errno.h>
#include <poll.h>

int cs_entry_check(
    const struct cs_token *token, CK_FLAGS flags, bool force, struct cs_failure *failure)
{
    if (flags & CKF_USER_PIN_LOCKED)
        return cs_fail(&failure->fault, CS_ERR_PIN_BLOCKED,
            "token '%s': the PIN is blocked: unblock it with the PUK or ask the token's "
            "administrator",
            cs_token_name(token));
    if ((flags & CKF_USER_PIN_FINAL_TRY) && !force)
        return cs_fail(&failure->fault, CS_ERR_PIN_FINAL_TRY,
            "token '%s': one more wrong PIN blocks it: run '%s --force' if you are sure",
            cs_token_name(token), cs_token_unlock(token));
    return 0;
}

int cs_entry_check_pin(
    struct cs_token *token, struct cs_secret *pin, const char *origin, struct cs_failure *failure)
{
    bool refused;

    pthread_mutex_lock(&token->lock);
    refused = cs_refused_has(&token->refused, pin);
    pthread_mutex_unlock(&token->lock);
    if (!refused)
        return 0;
    return cs_fail(&failure->fault, CS_ERR_PIN_INCORRECT,
        "token '%s': %s was refused before and is not sent again: correct it, or, if it is right "
        "now, add --force to '%s'",
        cs_token_name(token), origin, cs_token_unlock(token));
}

int cs_entry_allow(const struct cs_entry *entry, struct cs_failure *failure)
{
    struct cs_token *token = entry->token;
    CK_FLAGS flags;
    CK_RV rv;
    int r;

    *failure = (struct cs_failure){0};
    rv = cs_token_refresh_info_here(token, &flags);
    if (rv != CKR_OK)
        return cs_ckr_fail(failure, rv, cs_token_name(token));
    r = cs_entry_check(token, flags, entry->force, failure);
    if (r < 0 || !entry->pin || entry->resend)
        return r;
    return cs_entry_check_pin(token, entry->pin, entry->origin, failure);
}

void cs_entry_note(const struct cs_entry *entry, CK_RV rv)
{
    struct cs_token *token = entry->token;

    if (!entry->pin || !cs_ckr_is_refused(rv))
        return;
    pthread_mutex_lock(&token->lock);
    if (cs_refused_add(&token->refused, entry->pin) < 0)
        cs_warn("token '%s': a refused PIN could not be remembered", cs_token_name(token));
    pthread_mutex_unlock(&token->lock);
}

/* Somebody may be trying PINs: the agent keeps a record. */
static void report(
    const struct cs_token *token, bool known, int code, const struct cs_failure *failure)
{
    const struct cs_host_refused m = {.slot = token->number,
        .known = known,
        .failed = {
            .code = code, .ckr = (uint32_t)failure->rv, .text = cs_bytes_of(failure->fault.text)}};
    uint8_t room[2048];
    struct cs_buf buf = CS_BUF_IN(room);
    size_t frame = cs_frame_begin(&buf, CS_HOST_PIN_REFUSED, 0);

    cs_host_refused_put(&buf, &m);
    if (cs_frame_end(&buf, frame) == 0)
        cs_link_send(token->link, &buf);
}

int cs_entry_refused(struct cs_token *token, struct cs_secret *pin, CK_RV rv, const char *origin,
    struct cs_failure *failure)
{
    CK_FLAGS flags = 0;
    const char *warning = "";

    cs_token_refresh_info(token, &flags);
    if (flags & CKF_USER_PIN_LOCKED)
        warning = "; the PIN is now blocked";
    else if (flags & CKF_USER_PIN_FINAL_TRY)
        warning = "; one more wrong PIN blocks the token";
    failure->rv = rv;
    cs_fail(&failure->fault, CS_ERR_PIN_INCORRECT, "token '%s': %s was refused (%s)%s",
        cs_token_name(token), origin, cs_ckr_name(rv), warning);
    report(token, pin != NULL, CS_ERR_PIN_INCORRECT, failure);
    return CS_ERR_PIN_INCORRECT;
}

static bool is_session_gone(CK_RV rv)
{
    return rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED;
}

/* A session that lives: what a dead one answers to C_Login, such as CKR_DEVICE_ERROR, would not
 * tell whether the PIN was looked at, so that it could not be sent again. */
static CK_RV take_living_session(struct cs_token *token, bool fresh, CK_SESSION_HANDLE *sessionp)
{
    CK_SESSION_INFO info;
    CK_RV rv = cs_session_take(&token->sessions, fresh, sessionp);

    if (rv != CKR_OK || fresh)
        return rv;
    rv = CS_MODULE_CALL(token->module, C_GetSessionInfo(*sessionp, &info));
    if (rv == CKR_OK)
        return rv;
    cs_session_give(&token->sessions, *sessionp, rv);
    return cs_ckr_is_stale(rv) ? cs_session_take(&token->sessions, true, sessionp) : rv;
}

/* A null PIN: it is entered on the reader. */
static CK_RV enter_once(struct cs_token *token, struct cs_secret *pin, bool fresh)
{
    CK_UTF8CHAR *data = pin ? (CK_UTF8CHAR *)cs_secret_data(pin) : NULL;
    CK_ULONG len = pin ? cs_secret_len(pin) : 0;
    CK_SESSION_HANDLE session;
    CK_RV rv = take_living_session(token, fresh, &session);

    if (rv != CKR_OK)
        return rv;
    /* A person at a reader is waited for beside other calls. */
    if (pin)
        cs_token_stop_calls(token);
    else
        pthread_rwlock_rdlock(&token->calls);
    rv = CS_MODULE_CALL(token->module, C_Login(session, CKU_USER, data, len));
    pthread_rwlock_unlock(&token->calls);
    cs_session_give(&token->sessions, session, rv);
    return rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : rv;
}

/* Its module may not survive the PIN: the agent is told before. */
static void announce(struct cs_token *token, const uint8_t *source)
{
    const struct cs_host_tried m = {
        .slot = token->number, .source = CS_BYTES(source, CS_HOST_SOURCE_SIZE)};
    uint8_t room[128];
    struct cs_buf buf = CS_BUF_IN(room);
    size_t frame = cs_frame_begin(&buf, CS_HOST_PIN_TRIED, 0);

    cs_host_tried_put(&buf, &m);
    if (cs_frame_end(&buf, frame) == 0)
        cs_link_send(token->link, &buf);
}

/* A dead session cannot have judged the PIN, so only then is it sent through another. */
static CK_RV enter(const struct cs_entry *entry)
{
    struct cs_token *token = entry->token;
    CK_RV rv;

    if (entry->source)
        announce(token, entry->source);
    rv = enter_once(token, entry->pin, false);
    if (is_session_gone(rv))
        rv = enter_once(token, entry->pin, true);
    if (rv == CKR_OK)
        cs_token_set_unlocked(token);
    cs_entry_note(entry, rv);
    return rv;
}

/* A logout fires the cancel before it waits for `entering`, so no login slips in behind it. */
int cs_entry_send(const struct cs_entry *entry, CK_RV *rvp, struct cs_failure *failure)
{
    struct cs_token *token = entry->token;
    int r = 0;

    *rvp = CKR_OK;
    pthread_mutex_lock(&token->entering);
    if (cs_cancel_fired(entry->cancel)) {
        *rvp = CKR_FUNCTION_CANCELED;
    } else if (cs_token_wants_login(token)) {
        pthread_rwlock_rdlock(&token->calls);
        r = cs_entry_allow(entry, failure);
        pthread_rwlock_unlock(&token->calls);
        *rvp = r == 0 ? enter(entry) : failure->rv;
    }
    pthread_mutex_unlock(&token->entering);
    if (r == 0 || *rvp != CKR_OK)
        cs_health_note(token, *rvp);
    return r;
}

bool cs_entry_fits(size_t len, uint32_t min, uint32_t max)
{
    return len > 0 && len >= min && (max == 0 || len <= max);
}

int cs_entry_begin_asking(struct cs_token *token, int cancel_fd)
{
    struct pollfd fds[] = {
        {.fd = token->asking, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    uint64_t turn;

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return CS_ERR_SYSTEM;
        if (fds[1].revents)
            return CS_ERR_CANCELLED;
        if (read(token->asking, &turn, sizeof(turn)) == sizeof(turn))
            return 0;
    }
}

void cs_entry_end_asking(struct cs_token *token)
{
    uint64_t turn = 1;
    ssize_t n = write(token->asking, &turn, sizeof(turn));

    (void)n;
}
