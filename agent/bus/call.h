/* SPDX-License-Identifier: Apache-2.0 */
/* A method call under way. Exactly one answer goes out, or none if its caller left the bus. */
#ifndef CS_AGENT_BUS_CALL_H
#define CS_AGENT_BUS_CALL_H

#include "bus/object.h"
#include "bus/sender.h"
#include "request/request.h"

struct cs_bus_call {
    TAILQ_ENTRY(cs_bus_call) link;
    struct cs_bus_sender *sender;
    const struct cs_bus_place *place;
    DBusMessage *message;
    struct cs_request *request; /* NULL while none is under way */
    bool settled;               /* the pictures of the tokens were waited for */
    char *tokens;               /* of Agent1.Lock: the paths of its answer, one behind the other */
    size_t n_tokens;
};

/* Takes a reference of the message. NULL without memory. */
struct cs_bus_call *cs_bus_call_new(
    struct cs_bus_sender *sender, const struct cs_bus_place *place, DBusMessage *message);
/* Gives it up without an answer. */
void cs_bus_call_cancel(struct cs_bus_call *call);

/* What the path of the message stands for now; false, and answered, if it is gone. */
bool cs_bus_call_object(struct cs_bus_call *call, struct cs_bus_object *object);

/* A reply to be filled; NULL without memory. */
DBusMessage *cs_bus_call_reply(const struct cs_bus_call *call);
/* These answer and end the call. finish takes the reply. */
void cs_bus_call_finish(struct cs_bus_call *call, DBusMessage *reply);
void cs_bus_call_fail(struct cs_bus_call *call, int code, const char *text);
void cs_bus_call_refuse(struct cs_bus_call *call, const char *error, const char *text);

/* A cs_request_reply for calls that return nothing: answers the call, user, with success or error.
 */
void cs_bus_call_done(void *user, const struct cs_reply *reply);

/* Makes the request that the call stands for; NULL, and answered, when there are too many. Its
 * reply comes to on_reply with the call. */
struct cs_request *cs_bus_call_request(struct cs_bus_call *call, cs_request_reply *on_reply);

#endif
