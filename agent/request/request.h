/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way in for every transport. A transport decodes, makes a request, starts it with one of
 * the functions below, and encodes the reply when it comes: before the function returns, or much
 * later. Exactly one reply comes, unless the transport cancels.
 */
#ifndef CS_AGENT_REQUEST_H
#define CS_AGENT_REQUEST_H

#include "socket/caller.h"
#include "inventory/name.h"
#include "service.h"

struct cs_request;

/* Borrowed until the return. */
struct cs_reply {
    int code;
    const char *text;                 /* of an error: a sentence, never empty */
    struct cs_bytes signature;        /* of SIGN */
    struct cs_name_match match;       /* of RESOLVE and FIND */
    const char *why;                  /* of FIND */
    struct cs_msg_decision decision;  /* of POLICY_CHECK */
    struct cs_msg_token_names tokens; /* of UNLOCK, LOCK and PIN_CHANGE */
};

typedef void cs_request_reply(void *user, const struct cs_reply *reply);

/* CS_ERR_BUSY over the limit, CS_ERR_MEMORY; CS_ERR_CONFIG while there is no configuration that
 * says what is allowed, and cs_request_refusal has the sentence. The caller must live as long as
 * the request, and stay for the rest of the loop's turn when the reply has gone. */
int cs_request_new(struct cs_service *service, struct cs_caller *caller, cs_request_reply *reply,
    void *user, struct cs_request **requestp);
/* The sentence for an error of cs_request_new, or NULL: the catalogue's. */
const char *cs_request_refusal(const struct cs_service *service, int code);
/* Nobody waits any more: whatever is under way for it alone is given up. No reply comes. */
void cs_request_cancel(struct cs_request *request);

/* Replies when the inventory tells all there is to know, for lists. */
void cs_request_inventory(struct cs_request *request);
void cs_request_resolve(struct cs_request *request, const struct cs_msg_resolve *m);
/* may_ask: a person says which, where several suit. */
void cs_request_find(struct cs_request *request, const struct cs_msg_find *m, bool may_ask);
void cs_request_sign(struct cs_request *request, const struct cs_msg_sign *m);
/* Takes fd, which is -1 unless the PIN comes from it. */
void cs_request_unlock(struct cs_request *request, const struct cs_msg_unlock *m, int fd);
void cs_request_lock(struct cs_request *request, const struct cs_msg_lock *m);
void cs_request_refresh(struct cs_request *request);
/* Takes both descriptors of fds, which are -1 unless the PINs come from them. */
void cs_request_change_pin(
    struct cs_request *request, const struct cs_msg_unlock *m, const int fds[2]);

void cs_request_check_policy(struct cs_request *request, const struct cs_msg_policy_check *m);

/* For the service: hosts have changed, so requests that wait may go on. */
void cs_requests_look_again(struct cs_service *service);

#endif
