/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: their life, and what they have in common. Invariant: a request is in the service's list
 * until its one reply has gone or its transport has cancelled it. What it takes to sign is in
 * sign.c, to unlock and lock in unlock.c, to find by name in resolve.c and by server in find.c.
 */
#include "request/request.h"
#include "request/request-state.h"
#include "base/cleanup.h"

#include <countersign/error.h>
#include <string.h>

int cs_request_new(struct cs_service *service, struct cs_caller *caller, cs_request_reply *reply,
    void *user, struct cs_request **requestp)
{
    struct cs_request *request;
    int r = cs_rulebook_need(&service->rulebook);

    if (r < 0)
        return r;
    if (service->n_requests >= CS_LIMIT_REQUESTS)
        return CS_ERR_BUSY;
    request = calloc(1, sizeof(*request));
    if (!request)
        return CS_ERR_MEMORY;
    request->service = service;
    request->caller = caller;
    request->reply = reply;
    request->user = user;
    request->fd = -1;
    request->new_fd = -1;
    request->login.fd = -1;
    request->data = CS_BUF_INIT(CS_FRAME_MAX);
    request->labels = CS_BUF_INIT(CS_FRAME_MAX / 2);
    TAILQ_INSERT_TAIL(&service->requests, request, link);
    service->n_requests++;
    *requestp = request;
    return 0;
}

const char *cs_request_refusal(const struct cs_service *service, int code)
{
    return code == CS_ERR_CONFIG ? service->rulebook.error : NULL;
}

void cs_request_free(struct cs_request *request)
{
    TAILQ_REMOVE(&request->service->requests, request, link);
    request->service->n_requests--;
    cs_closep(&request->fd);
    cs_closep(&request->new_fd);
    cs_buf_deinit(&request->data);
    cs_buf_deinit(&request->labels);
    free(request->name);
    free(request->consented_to);
    free(request->parts);
    free(request);
}

void cs_request_cancel(struct cs_request *request)
{
    cs_login_leave(&request->login);
    cs_consent_leave(&request->consent);
    cs_absent_leave(&request->service->absent, &request->absent);
    if (request->job)
        cs_job_abandon(request->job);
    cs_request_leave_parts(request);
    cs_request_free(request);
}

void cs_request_finish(struct cs_request *request, const struct cs_reply *reply)
{
    request->reply(request->user, reply);
    cs_request_free(request);
}

void cs_request_add_label(struct cs_request *request, const struct cs_token *token)
{
    cs_buf_put_string(&request->labels, token->name);
    request->n_labels++;
}

void cs_request_finish_labels(struct cs_request *request)
{
    const struct cs_reply reply = {
        .text = "",
        .tokens = {.n = request->n_labels, .labels = cs_buf_bytes(&request->labels)},
    };

    if (request->labels.error < 0)
        cs_request_fail(request, request->labels.error, NULL);
    else
        cs_request_finish(request, &reply);
}

void cs_request_end(struct cs_request *request, int code, const char *text)
{
    struct cs_fault fault = {0};

    if (code == 0) {
        cs_request_finish_labels(request);
        return;
    }
    cs_fail(&fault, code, "%s", text);
    cs_request_fail(request, code, &fault);
}

void cs_request_fail(struct cs_request *request, int code, const struct cs_fault *fault)
{
    const struct cs_reply reply = {.code = code, .text = cs_fault_text(fault, code)};

    cs_request_finish(request, &reply);
}

void cs_request_when_settled(struct cs_request *request, void (*go_on)(struct cs_request *request))
{
    if (cs_supervisor_is_settled(&request->service->supervisor))
        go_on(request);
    else
        request->settled = go_on;
}

bool cs_request_await_hosts(struct cs_request *request, void (*go_on)(struct cs_request *request))
{
    if (!cs_supervisor_awaits(&request->service->supervisor))
        return false;
    request->settled = go_on;
    return true;
}

int cs_request_log_in(struct cs_request *request, const struct cs_token *token,
    void (*done)(struct cs_login_waiter *waiter, int code, const char *text))
{
    request->logged_in = true;
    request->login.caller = request->caller;
    request->login.how = CS_HOST_LOGIN_AUTO;
    request->login.done = done;
    request->login.user = request;
    return cs_login_wait(request->service, token, &request->login);
}

static void on_unlocked(struct cs_login_waiter *waiter, int code, const char *text)
{
    struct cs_request *request = waiter->user;

    (void)code;
    (void)text;
    cs_request_when_settled(request, request->look_again);
}

void cs_request_unlock_to_look(struct cs_request *request, const struct cs_token *token,
    void (*go_on)(struct cs_request *request))
{
    const struct cs_policy *policy = &request->service->config->policy;

    request->logged_in = true;
    request->look_again = go_on;
    /* As for a signature, nobody is asked for a program that would get none. */
    if (!cs_policy_allows_some(policy, cs_caller_look(request->caller), token) ||
        cs_request_log_in(request, token, on_unlocked) < 0)
        go_on(request);
}

bool cs_request_take_name(struct cs_request *request, struct cs_bytes name)
{
    request->name = cs_bytes_dup(name);
    if (request->name)
        return true;
    cs_request_fail(request, CS_ERR_MEMORY, NULL);
    return false;
}

void cs_request_name(
    struct cs_request *request, struct cs_bytes name, void (*go_on)(struct cs_request *request))
{
    if (cs_request_take_name(request, name))
        cs_request_when_settled(request, go_on);
}

/* One that goes on may end, and its end may end no other: only transports do that, from the loop.
 * It may also be a refresh, for whose end the others have to wait then. */
void cs_requests_look_again(struct cs_service *service)
{
    struct cs_request *request, *next;

    for (request = TAILQ_FIRST(&service->requests);
         request && cs_supervisor_is_settled(&service->supervisor); request = next) {
        void (*go_on)(struct cs_request *) = request->settled;

        next = TAILQ_NEXT(request, link);
        request->settled = NULL;
        if (go_on)
            go_on(request);
    }
}

static void reply_empty(struct cs_request *request)
{
    cs_request_finish(request, &(const struct cs_reply){.text = ""});
}

void cs_request_inventory(struct cs_request *request)
{
    cs_request_when_settled(request, reply_empty);
}
