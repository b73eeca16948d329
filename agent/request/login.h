/* SPDX-License-Identifier: Apache-2.0 */
/* Logins under way: one for each token, however many requests wait for it. */
#ifndef CS_AGENT_LOGIN_H
#define CS_AGENT_LOGIN_H

#include "socket/caller.h"
#include "service.h"

struct cs_login_waiter {
    TAILQ_ENTRY(cs_login_waiter) link;
    struct cs_login *login; /* NULL while it waits for none */
    const struct cs_caller *caller;
    char key[96]; /* the label of the key that it is for, for the prompt; or empty */
    enum cs_host_login how;
    bool on_request; /* a person asked for it */
    bool given_up;   /* the token was locked while it waited */
    int fd;          /* where the PIN comes from, with CS_HOST_LOGIN_FD; else -1 */
    /* code 0 when the token is unlocked. */
    void (*done)(struct cs_login_waiter *waiter, int code, const char *text);
    void *user;
};

/* done comes later, unless the code returned is less than 0. Takes the waiter's fd, in every case.
 */
int cs_login_wait(
    struct cs_service *service, const struct cs_token *token, struct cs_login_waiter *waiter);
/* What one that made room for others is told, whose job was cancelled: the answer, if its PIN had
 * come after all, else that it is BUSY. */
const struct cs_answer *cs_login_explain_displaced(const struct cs_answer *answer,
    struct cs_bytes name, struct cs_answer *busy, struct cs_fault *fault);
/* What one whose token was locked is told, whose job was cancelled. */
const struct cs_answer *cs_login_explain_locked(const struct cs_answer *answer,
    struct cs_bytes name, struct cs_answer *own, struct cs_fault *fault);
/* The waiter gives up; a login nobody waits for is given up, too. */
void cs_login_leave(struct cs_login_waiter *waiter);
bool cs_login_is_under_way(const struct cs_service *service, const struct cs_token *token);
/* The token is being locked on purpose. */
void cs_login_cancel(struct cs_service *service, const struct cs_token *token);

#endif
