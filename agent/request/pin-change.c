/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PIN_CHANGE: asked of the token's host at once, beside logins: the host sees to it that a token
 * asks one question at a time. The PINs go to the host as descriptors, or it asks for them.
 */
#include "request/pin-change.h"
#include "request/request-state.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <countersign/error.h>

/* The present PIN and the new one. */
#define QUESTIONS (2u * CS_HOST_ASK_MAX)

static struct cs_bytes name_of_token(const struct cs_request *request)
{
    struct cs_reader labels = cs_reader_of(cs_buf_bytes(&request->labels));

    return cs_get_string(&labels);
}

static void record(const struct cs_request *request, const struct cs_answer *answer)
{
    struct cs_audit *audit = &request->service->audit;

    cs_audit_begin(audit, "pin-change", request->caller);
    cs_audit_put(audit, "token", name_of_token(request));
    cs_audit_put_outcome(audit, "changed", answer->code, answer->text);
    cs_audit_end(audit, NULL, NULL);
}

static void on_changed(void *user, const struct cs_answer *answer)
{
    struct cs_request *request = user;
    struct cs_fault fault = {0};
    struct cs_answer own;

    request->job = NULL;
    request->changes_pin = false;
    if (request->displaced)
        answer = cs_login_explain_displaced(answer, name_of_token(request), &own, &fault);
    else if (request->given_up)
        answer = cs_login_explain_locked(answer, name_of_token(request), &own, &fault);
    record(request, answer);
    cs_request_end(request, answer->code, answer->text);
}

static bool is_of(const struct cs_request *request, const struct cs_token *token)
{
    return request->changes_pin && request->asked_host == token->host &&
           request->asked == token->slot;
}

bool cs_pin_change_is_under_way(const struct cs_service *service, const struct cs_token *token)
{
    const struct cs_request *request;

    TAILQ_FOREACH(request, &service->requests, link)
    if (is_of(request, token))
        break;
    return request;
}

void cs_pin_change_cancel(struct cs_service *service, const struct cs_token *token)
{
    struct cs_request *request;

    TAILQ_FOREACH(request, &service->requests, link)
    {
        if (!is_of(request, token))
            continue;
        request->given_up = true;
        cs_job_cancel(request->job);
    }
}

/* Each would be a dialog of its own, and a thread that waits for it. */
static bool is_somebody_asked(const struct cs_service *service, const struct cs_token *token)
{
    const struct cs_request *request;

    TAILQ_FOREACH(request, &service->requests, link)
    if (is_of(request, token) && !(request->how & CS_HOST_LOGIN_FD))
        break;
    return request;
}

/* As logins do: of many descriptors that say nothing the oldest make room. */
static void make_room(const struct cs_service *service, const struct cs_token *token)
{
    struct cs_request *request, *oldest = NULL;
    unsigned n = 0;

    TAILQ_FOREACH(request, &service->requests, link)
    if (is_of(request, token) && (request->how & CS_HOST_LOGIN_FD) && !request->displaced &&
        n++ == 0)
        oldest = request;
    if (n < CS_LIMIT_PINS_HANDED_OVER)
        return;
    oldest->displaced = true;
    cs_job_cancel(oldest->job);
}

static int ask_host(struct cs_request *request, const struct cs_token *token)
{
    struct cs_host_login_request m = {
        .slot = token->slot,
        .how = request->how,
        .on_request = 1,
        .program = cs_bytes_of(cs_caller_name(request->caller)),
        .by_serial = cs_token_is_by_serial(token),
    };
    const int fds[] = {cs_steal_fd(&request->fd), cs_steal_fd(&request->new_fd)};
    const struct cs_host_question question = {
        .type = CS_HOST_PIN_CHANGE,
        .login = &m,
        .fd = -1,
        .fds = fds[0] >= 0 ? fds : NULL,
        .person_time = 1000u * QUESTIONS * (uint64_t)request->service->config->prompt_timeout,
        .at_reader = token->flags & CS_TOKEN_PROTECTED_PATH,
    };

    if (question.fds)
        make_room(request->service, token);
    request->changes_pin = true;
    request->asked_host = token->host;
    request->asked = token->slot;
    cs_caller_get_environment(request->caller, &m.environment);
    cs_info("%s (pid %d) changes the PIN of '%s'", cs_caller_name(request->caller),
        (int)request->caller->pid, token->name);
    return cs_host_ask(token->host, &question, on_changed, request, &request->job);
}

static bool has_pin(const struct cs_token *token)
{
    return token->flags & CS_TOKEN_LOGIN_REQUIRED;
}

/* Without a name: the one token that has a PIN. Several modules may see the same. */
static int find_only(
    const struct cs_inventory *inventory, const struct cs_token **tokenp, struct cs_fault *fault)
{
    const struct cs_token *only = NULL;

    for (size_t i = 0; i < inventory->n_tokens; i++) {
        const struct cs_token *token = inventory->tokens[i];

        if (!has_pin(token) || (only && cs_token_equal(only, token)))
            continue;
        if (only)
            return cs_fail(fault, CS_ERR_AMBIGUOUS,
                "there are several tokens, such as '%s' and '%s': name the one whose PIN is to be "
                "changed",
                only->name, token->name);
        only = token;
    }
    if (!only)
        return cs_fail(fault, CS_ERR_NOT_FOUND, "there is no token with a PIN: insert it");
    *tokenp = only;
    return 0;
}

static void change_pin(struct cs_request *request)
{
    const struct cs_inventory *inventory = &request->service->inventory;
    const struct cs_token *token = NULL;
    struct cs_fault fault = {0};
    int r;

    if (request->name[0])
        r = cs_name_find_token(inventory, request->name, &token, &fault);
    else
        r = find_only(inventory, &token, &fault);
    if (r == 0 && !has_pin(token))
        r = cs_fail(&fault, CS_ERR_INVALID, "token '%s' has no PIN to change", token->name);
    if (r == 0 && !(request->how & CS_HOST_LOGIN_FD) && is_somebody_asked(request->service, token))
        r = cs_fail(&fault, CS_ERR_BUSY,
            "token '%s': somebody is being asked for its new PIN already: answer that first",
            token->name);
    if (r == 0) {
        cs_request_add_label(request, token);
        r = ask_host(request, token);
    }
    if (r < 0)
        cs_request_fail(request, r, &fault);
}

void cs_request_change_pin(
    struct cs_request *request, const struct cs_msg_unlock *m, const int fds[2])
{
    request->fd = fds[0];
    request->new_fd = fds[1];
    request->how = m->how;
    cs_request_name(request, m->token, change_pin);
}
