/* SPDX-License-Identifier: Apache-2.0 */
/* The handle on the agent: a question out, a reply back. */
#ifndef CS_LIB_CLIENT_H
#define CS_LIB_CLIENT_H

#include "lib/connection.h"

#include <countersign/countersign.h>

/* A reply, to be given back with cs_client_end. */
struct cs_reply {
    struct cs_connection *connection;
    struct cs_buf buf;
    struct cs_bytes body;
};

/* Begins the frame of a request; its fields are put into request->frame next. */
void cs_request_init(struct cs_request *request, uint16_t type);
void cs_request_deinit(struct cs_request *request);

/*
 * Finishes the request, asks, and repeats once on a new connection if the agent hung up. An ERROR
 * of the agent is this call's error. Then, whatever it returned, cs_client_end.
 */
int cs_client_ask(struct countersign_client *client, struct cs_request *request,
    struct cs_reply *reply, struct cs_fault *fault);

/* Ends the question with the result r of reading the reply: the connection goes back, or, when the
 * reply broke the protocol, is closed. Returns r, and sees to a sentence in fault. */
int cs_client_end(struct countersign_client *client, struct cs_request *request,
    struct cs_reply *reply, int r, struct cs_fault *fault);

/* The connection of a reply, which no longer goes back; for streams. */
struct cs_connection *cs_reply_take(struct cs_reply *reply);

/* A name as the agent gets it, without the PIN that a URI may hold; the caller frees it. NULL is
 * empty. */
int cs_client_name(const char *name, char **ownp, struct cs_fault *fault);

/* The public fault as the one that cs_fail writes; it comes back empty. */
struct cs_fault *cs_client_fault(struct countersign_fault *fault);

#endif
