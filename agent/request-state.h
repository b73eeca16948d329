/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a request, for the files that carry requests out: sign.c, unlock.c. */
#ifndef CS_AGENT_REQUEST_STATE_H
#define CS_AGENT_REQUEST_STATE_H

#include "choice.h"
#include "login.h"
#include "request.h"

struct cs_request {
    TAILQ_ENTRY(cs_request) link;
    struct cs_service *service;
    const struct cs_caller *caller;
    cs_request_reply *reply;
    void *user;
    /* Goes on with the request when hosts have settled; NULL when it does not wait for that. */
    void (*settled)(struct cs_request *request);
    /* What is under way for it; at most one of them. */
    struct cs_job *job;
    struct cs_login_waiter login;
    /* of RESOLVE, UNLOCK and LOCK */
    char *name;
    uint8_t how;
    int fd;
    struct cs_buf labels; /* of the tokens concerned, as they travel */
    uint32_t n_labels;
    struct cs_lock *locks; /* the logouts under way */
    size_t n_locks;
    /* of FIND; its fields lie in data */
    struct cs_criteria criteria;
    /* of SIGN */
    uint8_t id[CS_ID_SIZE];
    uint16_t scheme;
    bool logged_in; /* a login was made for it; another would not help */
    struct cs_buf data;
};

/* Ends it with the reply; the request is gone after it. */
void cs_request_finish(struct cs_request *request, const struct cs_reply *reply);
void cs_request_fail(struct cs_request *request, int code, const struct cs_fault *fault);
/* Calls go_on at once if all hosts have settled, else when they have. */
void cs_request_when_settled(struct cs_request *request, void (*go_on)(struct cs_request *request));

/* Of unlock.c: gives up the waiting for logouts. */
void cs_request_leave_locks(struct cs_request *request);

#endif
