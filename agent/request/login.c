/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins. A login belongs to a token and has waiters; the first one's wishes decide how it is
 * made. When it fails, waiters that wanted no more than what was tried fail with it; for the others
 * it is tried again their way, so that a person with a PIN is not turned away because a program
 * without one came first.
 *
 * A PIN that is handed over by descriptor has a login of its own, beside others, because it may
 * never come; if it opens the token, the others are over. Of many that say nothing the one that is
 * awaited longest makes room, so that they keep nobody out. Called by request.c, for all that needs
 * its token open, and unlock.c.
 */
#include "request/login.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <countersign/error.h>
#include <string.h>

struct cs_login {
    TAILQ_ENTRY(cs_login) link;
    struct cs_service *service;
    struct cs_host *host;
    uint32_t slot;
    char name[CS_TEXT_MAX], word[CS_TEXT_MAX]; /* of the token */
    bool by_serial;                            /* it is called so */
    struct cs_job *job;
    enum cs_host_login how; /* what is being tried */
    bool at_reader;         /* the token's PIN is entered there */
    bool on_request;
    bool superseded; /* another one opened the token */
    bool given_up;   /* the token was locked */
    bool displaced;  /* its PIN came so late that others take its place */
    TAILQ_HEAD(cs_login_waiters, cs_login_waiter) waiters;
};

static void try_next(struct cs_login *login);

static bool is_of(const struct cs_login *login, const struct cs_host *host, uint32_t slot)
{
    return login->host == host && login->slot == slot;
}

/* The login that others may wait for, too. */
static struct cs_login *find(
    const struct cs_service *service, const struct cs_host *host, uint32_t slot)
{
    struct cs_login *login;

    TAILQ_FOREACH(login, &service->logins, link)
    if (is_of(login, host, slot) && !(login->how & CS_HOST_LOGIN_FD))
        break;
    return login;
}

/* How many PINs are awaited from descriptors, and the one that has been awaited longest. */
static unsigned count_handed_over(const struct cs_service *service, const struct cs_host *host,
    uint32_t slot, struct cs_login **oldestp)
{
    struct cs_login *login;
    unsigned n = 0;

    TAILQ_FOREACH(login, &service->logins, link)
    if (is_of(login, host, slot) && (login->how & CS_HOST_LOGIN_FD) && !login->displaced &&
        n++ == 0)
        *oldestp = login;
    return n;
}

static void remove_waiter(struct cs_login *login, struct cs_login_waiter *waiter)
{
    TAILQ_REMOVE(&login->waiters, waiter, link);
    waiter->login = NULL;
    if (waiter->fd >= 0)
        close(cs_steal_fd(&waiter->fd));
}

static void login_free(struct cs_login *login)
{
    TAILQ_REMOVE(&login->service->logins, login, link);
    free(login);
}

/* Whether what was tried is all that this waiter wanted. A lock is for whoever waits, whatever he
 * wants; who asks after it asks anew. */
static bool was_covered(const struct cs_login *login, const struct cs_login_waiter *waiter)
{
    if (login->given_up)
        return waiter->given_up;
    if (waiter->on_request && !login->on_request)
        return false;
    return waiter->how == login->how || login->how == CS_HOST_LOGIN_FORCE;
}

/* Who signs is told how to unlock, and what came in the way of it by itself; who just tried to
 * unlock is told the latter alone. */
static void tell_waiter(
    const char *name, const char *word, struct cs_login_waiter *waiter, int code, const char *text)
{
    struct cs_fault locked = {0}, why = {0};

    if (code == CS_ERR_LOCKED && (!waiter->on_request || !*text)) {
        cs_token_say_locked(name, word, &locked);
        if (*text && !strstr(text, "countersign unlock"))
            cs_fail(&why, code, "%s (%s)", locked.text, text);
        text = cs_fault_text(why.code ? &why : &locked, code);
    }
    waiter->done(waiter, code, text);
}

/* Tells those who are concerned. They may ask for a login again from within, so the next try is
 * begun first, and each of them is out of this login. */
static void tell(struct cs_login *login, int code, const char *text)
{
    struct cs_login_waiters concerned = TAILQ_HEAD_INITIALIZER(concerned);
    char name[CS_TEXT_MAX], word[CS_TEXT_MAX];
    struct cs_login_waiter *waiter, *next;

    for (waiter = TAILQ_FIRST(&login->waiters); waiter; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (code < 0 && !was_covered(login, waiter))
            continue;
        remove_waiter(login, waiter);
        TAILQ_INSERT_TAIL(&concerned, waiter, link);
    }
    memcpy(name, login->name, sizeof(name));
    memcpy(word, login->word, sizeof(word));
    try_next(login);
    while ((waiter = TAILQ_FIRST(&concerned))) {
        TAILQ_REMOVE(&concerned, waiter, link);
        tell_waiter(name, word, waiter, code, text);
    }
}

static void end_others(const struct cs_login *login)
{
    struct cs_login *other;

    TAILQ_FOREACH(other, &login->service->logins, link)
    if (other != login && other->job && is_of(other, login->host, login->slot)) {
        other->superseded = true;
        cs_job_cancel(other->job);
    }
}

/* Who waits longest is who asked. */
static void record(const struct cs_login *login, const struct cs_answer *answer)
{
    const struct cs_login_waiter *waiter = TAILQ_FIRST(&login->waiters);
    struct cs_audit *audit = &login->service->audit;

    cs_audit_begin(audit, "unlock", waiter ? waiter->caller : NULL);
    cs_audit_put(audit, "token", cs_bytes_of(login->name));
    cs_audit_put_outcome(audit, "unlocked", answer->code, answer->text);
    cs_audit_end(audit, NULL, NULL);
}

const struct cs_answer *cs_login_explain_displaced(const struct cs_answer *answer,
    struct cs_bytes name, struct cs_answer *busy, struct cs_fault *fault)
{
    if (answer->code != CS_ERR_CANCELLED)
        return answer;
    cs_fail(fault, CS_ERR_BUSY,
        "token '%.*s': no PIN came through the descriptor, and others with one wait: try again",
        (int)name.len, (const char *)name.data);
    *busy = (struct cs_answer){.code = CS_ERR_BUSY, .text = fault->text};
    return busy;
}

const struct cs_answer *cs_login_explain_locked(const struct cs_answer *answer,
    struct cs_bytes name, struct cs_answer *own, struct cs_fault *fault)
{
    if (answer->code != CS_ERR_CANCELLED)
        return answer;
    cs_fail(fault, answer->code, "token '%.*s' was locked meanwhile", (int)name.len,
        (const char *)name.data);
    *own = (struct cs_answer){.code = answer->code, .text = fault->text};
    return own;
}

/* The host says no more of what we cancelled than that. */
static const struct cs_answer *explain(const struct cs_login *login, const struct cs_answer *answer,
    struct cs_answer *own, struct cs_fault *fault)
{
    struct cs_bytes name = cs_bytes_of(login->name);

    if (login->displaced)
        return cs_login_explain_displaced(answer, name, own, fault);
    return login->given_up ? cs_login_explain_locked(answer, name, own, fault) : answer;
}

static void on_done(void *user, const struct cs_answer *answer)
{
    struct cs_login *login = user;
    struct cs_fault fault = {0};
    struct cs_answer own;

    login->job = NULL;
    if (login->superseded && answer->code < 0) {
        tell(login, 0, "");
        return;
    }
    answer = explain(login, answer, &own, &fault);
    if (answer->code == 0)
        end_others(login);
    cs_log(
        CS_LOG_INFO, "login to '%s': %s", login->name, answer->code == 0 ? "done" : answer->text);
    record(login, answer);
    tell(login, answer->code, answer->text);
}

/* A person may be asked several times; on a reader, the reader says how long it waits. */
static uint64_t person_time(const struct cs_login *login)
{
    return 1000u * CS_HOST_ASK_MAX * (uint64_t)login->service->config->prompt_timeout;
}

static int ask(struct cs_login *login, struct cs_login_waiter *waiter)
{
    struct cs_host_login_request m = {
        .slot = login->slot,
        .how = (uint8_t)waiter->how,
        .on_request = waiter->on_request,
        .program = cs_bytes_of(cs_caller_name(waiter->caller)),
        .key = cs_bytes_of(waiter->key),
        .by_serial = login->by_serial,
    };
    const struct cs_token *token =
        cs_inventory_token(&login->service->inventory, login->host, login->slot);
    const struct cs_host_question question = {
        .type = CS_HOST_LOGIN,
        .login = &m,
        .fd = cs_steal_fd(&waiter->fd),
        .person_time = person_time(login),
        .at_reader = login->at_reader,
    };

    cs_caller_get_environment(waiter->caller, &m.environment);
    if (token)
        cs_host_recall(login->host, token, &m);
    login->how = waiter->how;
    login->on_request = waiter->on_request;
    login->superseded = login->given_up = false;
    return cs_host_ask(login->host, &question, on_done, login, &login->job);
}

/* Starts the try that the remaining waiters want; without any the login ends. */
static void try_next(struct cs_login *login)
{
    struct cs_login_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&login->waiters))) {
        int r = ask(login, waiter);

        if (r == 0)
            return;
        remove_waiter(login, waiter);
        waiter->done(waiter, r, cs_error_text(r));
    }
    login_free(login);
}

static int join(struct cs_login *login, struct cs_login_waiter *waiter)
{
    waiter->login = login;
    waiter->given_up = false;
    TAILQ_INSERT_TAIL(&login->waiters, waiter, link);
    return 0;
}

static void make_room(struct cs_login *login)
{
    login->displaced = true;
    cs_job_cancel(login->job);
}

int cs_login_wait(
    struct cs_service *service, const struct cs_token *token, struct cs_login_waiter *waiter)
{
    bool handed_over = waiter->how & CS_HOST_LOGIN_FD;
    struct cs_login *login = handed_over ? NULL : find(service, token->host, token->slot);
    struct cs_login *oldest = NULL;
    int r;

    if (login)
        return join(login, waiter);
    login = calloc(1, sizeof(*login));
    if (!login) {
        if (waiter->fd >= 0)
            close(cs_steal_fd(&waiter->fd));
        return CS_ERR_MEMORY;
    }
    if (handed_over &&
        count_handed_over(service, token->host, token->slot, &oldest) >= CS_LIMIT_PINS_HANDED_OVER)
        make_room(oldest);
    login->service = service;
    login->host = token->host;
    login->slot = token->slot;
    login->at_reader = token->flags & CS_TOKEN_PROTECTED_PATH;
    memcpy(login->name, token->name, sizeof(login->name));
    memcpy(login->word, token->word, sizeof(login->word));
    login->by_serial = cs_token_is_by_serial(token);
    TAILQ_INIT(&login->waiters);
    TAILQ_INSERT_TAIL(&service->logins, login, link);
    r = ask(login, waiter);
    if (r < 0) {
        login_free(login);
        return r;
    }
    return join(login, waiter);
}

void cs_login_leave(struct cs_login_waiter *waiter)
{
    struct cs_login *login = waiter->login;

    if (!login)
        return;
    remove_waiter(login, waiter);
    if (!TAILQ_EMPTY(&login->waiters))
        return;
    if (login->job)
        cs_job_abandon(login->job);
    login_free(login);
}

bool cs_login_is_under_way(const struct cs_service *service, const struct cs_token *token)
{
    const struct cs_login *login;

    TAILQ_FOREACH(login, &service->logins, link)
    if (is_of(login, token->host, token->slot))
        break;
    return login;
}

void cs_login_cancel(struct cs_service *service, const struct cs_token *token)
{
    struct cs_login_waiter *waiter;
    struct cs_login *login;

    TAILQ_FOREACH(login, &service->logins, link)
    {
        if (!login->job || !is_of(login, token->host, token->slot))
            continue;
        login->given_up = true;
        TAILQ_FOREACH(waiter, &login->waiters, link)
        waiter->given_up = true;
        cs_job_cancel(login->job);
    }
}
