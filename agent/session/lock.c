/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same path as `countersign lock`: logins under way are given up, and the token's host logs
 * out. But nobody asked for it, so the token is not held: a PIN that comes from the configuration
 * may open it again. Called by what notices that a login is to end.
 */
#include "session/lock.h"
#include "request/login.h"
#include "request/pin-change.h"
#include "base/log.h"

#include <countersign/error.h>

/* All that are locked for one reason. */
struct locking {
    size_t n;
    void (*done)(void *user);
    void *user;
};

/* One of them. */
struct one {
    char name[CS_TEXT_MAX];
    void (*done)(void *user, bool locked);
    void *user;
};

static void on_answer(void *user, const struct cs_answer *answer)
{
    CS_AUTO(cs_freep) struct one *one = user;

    if (answer->code < 0)
        cs_warn("'%s' could not be locked: %s", one->name, answer->text);
    one->done(one->user, answer->code == 0);
}

int cs_lock_token(struct cs_service *service, const struct cs_token *token, const char *why,
    void (*done)(void *user, bool locked), void *user)
{
    const struct cs_host_logout_request m = {.slot = token->slot, .why = cs_bytes_of(why)};
    const struct cs_host_question question = {.type = CS_HOST_LOGOUT, .logout = &m, .fd = -1};
    CS_AUTO(cs_freep) struct one *one = calloc(1, sizeof(*one));
    struct cs_job *job;
    int r;

    if (!one)
        return CS_ERR_MEMORY;
    memcpy(one->name, token->name, sizeof(one->name));
    one->done = done;
    one->user = user;
    cs_login_cancel(service, token);
    cs_pin_change_cancel(service, token);
    cs_info("locks '%s': %s", token->name, why);
    r = cs_host_ask(token->host, &question, on_answer, one, &job);
    if (r == 0)
        cs_steal(&one);
    return r;
}

static void drop(struct locking *locking)
{
    if (--locking->n > 0)
        return;
    if (locking->done)
        locking->done(locking->user);
    free(locking);
}

static void on_locked(void *user, bool locked)
{
    (void)locked;
    drop(user);
}

static bool is_concerned(const struct cs_service *service, const struct cs_token *token)
{
    return (token->flags & CS_TOKEN_LOGIN_REQUIRED) &&
           (!cs_token_is_locked(token) || cs_login_is_under_way(service, token) ||
               cs_pin_change_is_under_way(service, token));
}

void cs_lock_all(struct cs_service *service, const char *why, void (*done)(void *user), void *user)
{
    const struct cs_inventory *inventory = &service->inventory;
    struct locking *locking = calloc(1, sizeof(*locking));

    if (!locking) {
        cs_error("out of memory: no token is locked, although %s", why);
        if (done)
            done(user);
        return;
    }
    *locking = (struct locking){.n = 1, .done = done, .user = user};
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        if (!is_concerned(service, inventory->tokens[i]))
            continue;
        locking->n++;
        if (cs_lock_token(service, inventory->tokens[i], why, on_locked, locking) < 0)
            locking->n--;
    }
    drop(locking);
}
