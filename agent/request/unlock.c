/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UNLOCK and LOCK: what people ask for. Unlocking goes through the logins that signatures wait
 * for, too; locking ends them first.
 */
#include "request/pin-change.h"
#include "request/request-state.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <countersign/error.h>

static void on_unlocked(struct cs_login_waiter *waiter, int code, const char *text)
{
    cs_request_end(waiter->user, code, text);
}

static void unlock_token(struct cs_request *request, const struct cs_token *token)
{
    int r;

    cs_request_add_label(request, token);
    if (!cs_token_is_locked(token)) {
        cs_request_finish_labels(request);
        return;
    }
    request->login.caller = request->caller;
    request->login.how = (enum cs_host_login)request->how;
    request->login.on_request = true;
    request->login.fd = cs_steal_fd(&request->fd);
    request->login.done = on_unlocked;
    request->login.user = request;
    r = cs_login_wait(request->service, token, &request->login);
    if (r < 0)
        cs_request_fail(request, r, NULL);
}

static void unlock(struct cs_request *request)
{
    const struct cs_inventory *inventory = &request->service->inventory;
    const struct cs_token *token = NULL;
    struct cs_fault fault = {0};
    int r;

    if (request->name[0])
        r = cs_name_find_token(inventory, request->name, &token, &fault);
    else
        r = cs_name_find_locked(inventory, &token, &fault);
    if (r == CS_ERR_NOT_FOUND && cs_request_await_hosts(request, unlock))
        return;
    if (r < 0)
        cs_request_fail(request, r, &fault);
    else if (token)
        unlock_token(request, token);
    else
        cs_request_finish_labels(request); /* there are tokens, and none of them is locked */
}

void cs_request_unlock(struct cs_request *request, const struct cs_msg_unlock *m, int fd)
{
    _Static_assert((int)CS_UNLOCK_ASK == (int)CS_HOST_LOGIN_AUTO &&
                       (int)CS_UNLOCK_FD == (int)CS_HOST_LOGIN_FD &&
                       (int)CS_UNLOCK_FORCE == (int)CS_HOST_LOGIN_FORCE,
        "one is handed on as the other");

    request->fd = fd;
    request->how = m->how;
    cs_request_name(request, m->token, unlock);
}

static void on_locked(void *user, const struct cs_answer *answer)
{
    (void)user;
    (void)answer;
}

/* part: of what the request waits for. */
static int lock_token(struct cs_request *request, const struct cs_token *token, bool part)
{
    const struct cs_host_logout_request m = {
        .slot = token->slot, .hold = 1, .why = cs_bytes_of("locked with 'countersign lock'")};
    const struct cs_host_question question = {.type = CS_HOST_LOGOUT, .logout = &m, .fd = -1};
    struct cs_job *job;

    cs_login_cancel(request->service, token);
    cs_pin_change_cancel(request->service, token);
    cs_info("%s (pid %d) locks '%s'", cs_caller_name(request->caller), (int)request->caller->pid,
        token->name);
    if (!part)
        return cs_host_ask(token->host, &question, on_locked, NULL, &job);
    cs_request_add_label(request, token);
    return cs_request_ask_part(request, token->host, &question);
}

/* Every module that sees the token has a login of its own. */
static bool is_concerned(const struct cs_token *token, const struct cs_token *named)
{
    return (token->flags & CS_TOKEN_LOGIN_REQUIRED) && (!named || cs_token_equal(token, named));
}

static void lock(struct cs_request *request)
{
    const struct cs_inventory *inventory = &request->service->inventory;
    const struct cs_token *named = NULL;
    struct cs_fault fault = {0};
    int r = 0;

    if (request->name[0])
        r = cs_name_find_token(inventory, request->name, &named, &fault);
    /* A PIN of the configuration must not open what comes back. */
    if (!named && cs_request_await_hosts(request, lock))
        return;
    if (r == 0 && named && !(named->flags & CS_TOKEN_LOGIN_REQUIRED))
        r = cs_fail(
            &fault, CS_ERR_INVALID, "token '%s' has no PIN, so it cannot be locked", named->name);
    if (r == 0)
        r = cs_request_split(request, inventory->n_tokens, cs_request_finish_labels);
    for (size_t i = 0; r == 0 && i < inventory->n_tokens; i++)
        if (is_concerned(inventory->tokens[i], named))
            r = lock_token(request, inventory->tokens[i], true);
    cs_request_join(request, r, &fault);
}

/* What is there does not stay open until a host that is slow has said what it has. Whether that was
 * done is found out then, when it is asked for again. */
static void lock_known(struct cs_request *request)
{
    const struct cs_inventory *inventory = &request->service->inventory;
    const struct cs_token *named = NULL;

    if (request->name[0] && cs_name_find_token(inventory, request->name, &named, NULL) < 0)
        return;
    for (size_t i = 0; i < inventory->n_tokens; i++)
        if (is_concerned(inventory->tokens[i], named))
            lock_token(request, inventory->tokens[i], false);
}

void cs_request_lock(struct cs_request *request, const struct cs_msg_lock *m)
{
    if (!cs_request_take_name(request, m->token))
        return;
    if (!cs_supervisor_is_settled(&request->service->supervisor) ||
        cs_supervisor_awaits(&request->service->supervisor))
        lock_known(request);
    cs_request_when_settled(request, lock);
}
