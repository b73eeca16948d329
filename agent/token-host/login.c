/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins. Each runs on a thread of its own, for it may wait for a person; at most one of a token
 * asks, and whoever wants the same waits for it. A PIN that came by descriptor does not wait: if
 * it opens the token first, the open question is withdrawn and all are served.
 *
 * One success is for all sessions of the process, as long as one stays open: see session.c.
 */
#include "token-host/login.h"
#include "base/log.h"
#include "token-host/entry.h"
#include "token-host/keypad.h"
#include "token-host/logout.h"
#include "token-host/pin.h"

#include <countersign/error.h>
#include <string.h>

#define WAITERS_MAX 64

struct cs_login {
    struct cs_job job;
    struct cs_host *host;
    struct cs_token *token;
    int fd; /* the PIN comes from it; -1: sources and prompt */
    struct cs_cancel cancel;
    struct cs_buf body;
    struct cs_host_login_request asker; /* borrows from body */

    /* Guarded by the token's lock. */
    struct cs_login *next;
    bool force, on_request;
    uint32_t waiters[WAITERS_MAX];
    size_t n_waiters;
};

static void login_free(struct cs_login *login)
{
    if (!login)
        return;
    if (login->cancel.fd >= 0)
        cs_cancel_end(&login->host->cancels, &login->cancel);
    if (login->fd >= 0)
        close(login->fd);
    cs_token_unref(login->token);
    cs_buf_deinit(&login->body);
    free(login);
}
CS_DEFINE_CLEANUP(struct cs_login *, login_free);

static int get_pin(struct cs_login *login, struct cs_pin_request *request, struct cs_secret *pin,
    struct cs_failure *failure)
{
    int r;

    if (login->fd >= 0)
        r = cs_pin_read(request, login->fd, pin, failure);
    else
        r = cs_pin_get(request, pin, failure);
    return r;
}

/* Whether what is configured may open the token, which a person may have locked. */
static bool is_automatic(struct cs_token *token, bool on_request)
{
    bool automatic;

    pthread_mutex_lock(&token->lock);
    automatic = on_request || !token->held;
    pthread_mutex_unlock(&token->lock);
    return automatic;
}

/* A person who enters a wrong one is told so and asked again. */
static int log_in_with_pin(
    struct cs_login *login, CK_FLAGS flags, bool force, bool on_request, struct cs_failure *failure)
{
    CS_AUTO(cs_secret_freep) struct cs_secret *pin = NULL;
    struct cs_pin_request request = {.configuration = &login->host->configuration,
        .token = login->token,
        .asker = &login->asker,
        .flags = flags,
        .automatic = is_automatic(login->token, on_request),
        .force = force,
        .resend = force,
        .cancel_fd = login->cancel.fd};
    CK_RV rv;
    int r = cs_secret_new(&pin);

    if (r < 0)
        return r;
    if (!on_request)
        request.tried = login->asker.tried;
    do {
        r = get_pin(login, &request, pin, failure);
        if (r < 0)
            return r;
        r = cs_entry_send(&(const struct cs_entry){.token = login->token,
                              .pin = pin,
                              .origin = request.origin,
                              .force = request.force,
                              .resend = request.resend,
                              .source = request.unasked ? request.source : NULL,
                              .cancel = &login->cancel},
            &rv, failure);
        if (r < 0 || rv == CKR_OK)
            return r;
        if (!cs_ckr_is_refused(rv))
            return cs_ckr_fail(failure, rv, cs_token_name(login->token));
        r = cs_entry_refused(login->token, pin, rv, request.origin, failure);
    } while (cs_pin_may_ask_again(&request, rv));
    return r;
}

/* The reader goes on waiting, but nobody waits for it. */
static void give_up_reader(void *arg, int code, const struct cs_failure *failure)
{
    struct cs_login *login = arg;
    uint32_t waiters[WAITERS_MAX];
    size_t n;

    pthread_mutex_lock(&login->token->lock);
    n = login->n_waiters;
    memcpy(waiters, login->waiters, n * sizeof(waiters[0]));
    login->n_waiters = 0;
    cs_cancel_fire(&login->cancel);
    pthread_mutex_unlock(&login->token->lock);
    for (size_t i = 0; i < n; i++)
        cs_link_failed(&login->host->link, waiters[i], code, failure);
}

/* Whether anybody still waits for the token to be open, by this login or by one that queues behind
 * it, or did until it was. With the token's lock held. */
static bool is_wanted(const struct cs_token *token)
{
    bool wanted = token->n_told == token->n_unlocked;

    for (const struct cs_login *one = token->logins; one && !wanted; one = one->next)
        wanted = one->n_waiters > 0;
    return wanted;
}

/* Who waited went while the token looked at the PIN, or before somebody typed it on the reader. A
 * lock that came meanwhile found nothing to lock. */
static int close_if_unwanted(struct cs_login *login, struct cs_failure *failure)
{
    struct cs_token *token = login->token;
    bool logged_in, wanted;

    if (!cs_cancel_fired(&login->cancel))
        return 0;
    pthread_mutex_lock(&token->entering); /* whoever finds it open from now on does so after this */
    pthread_mutex_lock(&token->lock);
    logged_in = token->logged_in; /* unless a lock came first */
    wanted = logged_in && is_wanted(token);
    pthread_mutex_unlock(&token->lock);
    if (logged_in && !wanted)
        cs_logout_undo(token, "the login was given up");
    pthread_mutex_unlock(&token->entering);
    if (wanted)
        return 0;
    return cs_fail(&failure->fault, CS_ERR_CANCELLED,
        "token '%s': its PIN was entered when nobody waited for it any more", cs_token_name(token));
}

static int log_in_at_reader(struct cs_login *login, bool force, struct cs_failure *failure)
{
    const struct cs_entry entry = {.token = login->token, .force = force, .cancel = &login->cancel};
    struct cs_keypad keypad = {.configuration = &login->host->configuration,
        .token = login->token,
        .program = login->asker.program,
        .key = login->asker.key,
        .environment = &login->asker.environment,
        .cancel_fd = login->cancel.fd,
        .given_up = give_up_reader,
        .arg = login};
    CK_RV rv;
    int r;

    cs_keypad_begin(&keypad);
    r = cs_entry_send(&entry, &rv, failure);
    cs_keypad_end(&keypad);
    if (r < 0)
        return r;
    if (rv == CKR_OK)
        return 0;
    if (cs_ckr_is_refused(rv))
        return cs_entry_refused(login->token, NULL, rv, "the PIN", failure);
    return cs_ckr_fail(failure, rv, cs_token_name(login->token));
}

static int log_in(struct cs_login *login, bool force, bool on_request, struct cs_failure *failure)
{
    struct cs_token *token = login->token;
    CK_FLAGS flags;
    CK_RV rv;
    int r;

    rv = cs_token_refresh_info_here(token, &flags);
    if (rv != CKR_OK)
        return cs_ckr_fail(failure, rv, cs_token_name(token));
    if (!(flags & CKF_LOGIN_REQUIRED)) {
        if (!is_automatic(token, on_request))
            return cs_token_check_unlocked(token, failure);
        cs_token_set_unlocked(token);
        return 0;
    }
    r = cs_entry_check(token, flags, force, failure);
    if (r < 0)
        return r;
    if (flags & CKF_PROTECTED_AUTHENTICATION_PATH)
        r = log_in_at_reader(login, force, failure);
    else
        r = log_in_with_pin(login, flags, force, on_request, failure);
    return r < 0 ? r : close_if_unwanted(login, failure);
}

/* Until it ended with all that was asked of it: somebody may have joined who may do more. */
static int log_in_for_all(struct cs_login *login, struct cs_failure *failure)
{
    struct cs_token *token = login->token;
    struct cs_failure locked;
    bool force, on_request, more;
    int r;

    do {
        pthread_mutex_lock(&token->lock);
        force = login->force;
        on_request = login->on_request;
        pthread_mutex_unlock(&token->lock);
        *failure = (struct cs_failure){0};
        r = log_in(login, force, on_request, failure);
        pthread_mutex_lock(&token->lock);
        more = (r == CS_ERR_LOCKED && login->on_request && !on_request) ||
               (r == CS_ERR_PIN_FINAL_TRY && login->force && !force);
        pthread_mutex_unlock(&token->lock);
    } while (more);
    /* A question was withdrawn because the token was opened otherwise. */
    if (r < 0 && cs_token_check_unlocked(token, &locked) == 0)
        r = 0;
    return cs_token_explain_gone(token, r, failure);
}

/* Takes the login off the token's list; its waiters are then nobody else's. */
static void unlist(struct cs_login *login, bool opened)
{
    struct cs_token *token = login->token;
    struct cs_login **p = &token->logins;

    pthread_mutex_lock(&token->lock);
    while (*p != login)
        p = &(*p)->next;
    *p = login->next;
    if (opened && login->n_waiters > 0)
        token->n_told = token->n_unlocked;
    pthread_mutex_unlock(&token->lock);
}

/* Unless the token was locked again meanwhile: then they are about the next time. */
static void withdraw_others(struct cs_login *login)
{
    struct cs_token *token = login->token;

    pthread_mutex_lock(&token->lock);
    if (token->logged_in && !token->leaving)
        for (struct cs_login *other = token->logins; other; other = other->next)
            if (other != login)
                cs_cancel_fire(&other->cancel);
    pthread_mutex_unlock(&token->lock);
}

static void run_login(struct cs_job *job)
{
    CS_AUTO(login_freep) struct cs_login *login = (struct cs_login *)job;
    struct cs_failure failure = {0}, reading = {0};
    CK_FLAGS flags;
    int r = log_in_for_all(login, &failure);

    if (r == 0) {
        cs_info("token '%s' is unlocked", cs_token_name(login->token));
        withdraw_others(login);
        /* A right PIN sets the counters of wrong ones back. */
        cs_token_refresh_info(login->token, &flags);
        if (cs_token_read(login->token, false, &reading) < 0)
            cs_warn("%s", reading.fault.text);
    } else {
        cs_info("%s", cs_fault_text(&failure.fault, r));
    }
    unlist(login, r == 0);
    for (size_t i = 0; i < login->n_waiters; i++) {
        if (r == 0)
            cs_link_done(&login->host->link, login->waiters[i]);
        else
            cs_link_failed(&login->host->link, login->waiters[i], r, &failure);
    }
}

/* True if a login that asks is under way, and the request now waits for it. One that has opened the
 * token has still to tell what shows now, however its PIN came. */
static bool join(
    struct cs_token *token, uint32_t id, const struct cs_host_login_request *m, bool opened)
{
    bool joined = false;

    pthread_mutex_lock(&token->lock);
    for (struct cs_login *login = token->logins; login && !joined; login = login->next)
        if (login->n_waiters < WAITERS_MAX &&
            (opened || (login->fd < 0 && !cs_cancel_fired(&login->cancel)))) {
            login->waiters[login->n_waiters++] = id;
            login->force |= (m->how & CS_HOST_LOGIN_FORCE) != 0;
            login->on_request |= m->on_request;
            joined = true;
        }
    pthread_mutex_unlock(&token->lock);
    return joined;
}

/* Who asked last is asked when a key wants its PIN for every signature. */
static void remember_asker(struct cs_token *token, struct cs_bytes body)
{
    pthread_mutex_lock(&token->lock);
    cs_buf_reset(&token->asker);
    cs_buf_put(&token->asker, body.data, body.len);
    pthread_mutex_unlock(&token->lock);
}

static int login_new(struct cs_host *host, struct cs_token *token, struct cs_bytes body, int *fdp,
    struct cs_login **loginp)
{
    CS_AUTO(login_freep) struct cs_login *login = calloc(1, sizeof(*login));
    int r;

    if (!login)
        return CS_ERR_MEMORY;
    *login = (struct cs_login){.job = {.run = run_login},
        .host = host,
        .token = cs_token_ref(token),
        .fd = -1,
        .cancel = {.fd = -1},
        .body = CS_BUF_INIT(body.len)};
    cs_buf_put(&login->body, body.data, body.len);
    if (login->body.error < 0)
        return login->body.error;
    r = cs_host_login_get(cs_buf_bytes(&login->body), &login->asker);
    if (r < 0)
        return r;
    login->force = login->asker.how & CS_HOST_LOGIN_FORCE;
    login->on_request = login->asker.on_request;
    r = cs_cancel_begin(&host->cancels, &login->cancel, token, 0);
    if (r < 0)
        return r;
    login->fd = cs_steal_fd(fdp);
    *loginp = cs_steal(&login);
    return 0;
}

static int start(
    struct cs_host *host, struct cs_token *token, uint32_t id, struct cs_bytes body, int *fdp)
{
    CS_AUTO(login_freep) struct cs_login *login = NULL;
    int r = login_new(host, token, body, fdp, &login);

    if (r < 0)
        return r;
    login->waiters[login->n_waiters++] = id;
    pthread_mutex_lock(&token->lock);
    login->next = token->logins;
    token->logins = login;
    pthread_mutex_unlock(&token->lock);
    r = cs_workers_run_long(&host->workers, &login->job);
    if (r < 0)
        unlist(login, false);
    else
        cs_steal(&login);
    return r;
}

static int request_login(
    struct cs_host *host, uint32_t id, struct cs_bytes body, int *fdp, struct cs_failure *failure)
{
    CS_AUTO(cs_token_unrefp) struct cs_token *token = NULL;
    struct cs_host_login_request m;
    int r = cs_host_login_get(body, &m);

    if (r < 0)
        return r;
    token = cs_slots_get(&host->slots, m.slot);
    if (!token)
        return cs_fail(&failure->fault, CS_ERR_TOKEN_ABSENT, "the token is not there any more");
    cs_token_set_by_serial(token, m.by_serial);
    if ((m.how & CS_HOST_LOGIN_FD) && *fdp < 0)
        return cs_fail(&failure->fault, CS_ERR_INVALID, "no descriptor came with the request");
    remember_asker(token, body);
    if (m.held)
        cs_token_hold(token);
    if (cs_token_check_unlocked(token, failure) == 0) {
        if (!join(token, id, &m, true))
            cs_link_done(&host->link, id);
        return 0;
    }
    if (!(m.how & CS_HOST_LOGIN_FD) && join(token, id, &m, false))
        return 0;
    return start(host, token, id, body, fdp);
}

void cs_login_start(struct cs_host *host, uint32_t id, struct cs_bytes body)
{
    struct cs_host_login_request m;
    CS_AUTO(cs_closep) int fd = -1;
    struct cs_failure failure = {0};
    int r;

    /* Descriptors come in the order of the messages that bring one. */
    if (cs_host_login_get(body, &m) == 0 && (m.how & CS_HOST_LOGIN_FD))
        fd = cs_link_take_fd(&host->link);
    r = request_login(host, id, body, &fd, &failure);
    if (r < 0)
        cs_link_failed(&host->link, id, r, &failure);
}

struct search {
    uint32_t id;
    bool found;
};

/* With the token's lock held. */
static bool drop_waiter(struct cs_login *login, uint32_t id)
{
    for (size_t i = 0; i < login->n_waiters; i++) {
        if (login->waiters[i] != id)
            continue;
        login->waiters[i] = login->waiters[--login->n_waiters];
        if (login->n_waiters == 0)
            cs_cancel_fire(&login->cancel);
        return true;
    }
    return false;
}

static void cancel_in(struct cs_token *token, void *arg)
{
    struct search *search = arg;

    pthread_mutex_lock(&token->lock);
    for (struct cs_login *login = token->logins; login && !search->found; login = login->next)
        search->found = drop_waiter(login, search->id);
    pthread_mutex_unlock(&token->lock);
}

bool cs_login_cancel(struct cs_host *host, uint32_t id)
{
    struct search search = {.id = id};

    cs_slots_each(&host->slots, cancel_in, &search);
    if (search.found)
        cs_link_failed(&host->link, id, CS_ERR_CANCELLED, NULL);
    return search.found;
}
