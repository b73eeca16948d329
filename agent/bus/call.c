/* SPDX-License-Identifier: Apache-2.0 */
/* Method calls: their life and their answers. */
#include "bus/call.h"
#include "base/error.h"

#include <countersign/error.h>
#include <stdlib.h>

struct cs_bus_call *cs_bus_call_new(
    struct cs_bus_sender *sender, const struct cs_bus_place *place, DBusMessage *message)
{
    struct cs_bus_call *call = calloc(1, sizeof(*call));

    if (!call)
        return NULL;
    call->sender = sender;
    call->place = place;
    call->message = dbus_message_ref(message);
    TAILQ_INSERT_TAIL(&sender->calls, call, link);
    sender->n_calls++;
    return call;
}

static void call_free(struct cs_bus_call *call)
{
    TAILQ_REMOVE(&call->sender->calls, call, link);
    call->sender->n_calls--;
    dbus_message_unref(call->message);
    free(call->tokens);
    free(call);
}

void cs_bus_call_cancel(struct cs_bus_call *call)
{
    if (call->request)
        cs_request_cancel(call->request);
    call_free(call);
}

bool cs_bus_call_object(struct cs_bus_call *call, struct cs_bus_object *object)
{
    if (cs_bus_object_find(call->place, dbus_message_get_path(call->message), object))
        return true;
    cs_bus_call_refuse(call, DBUS_ERROR_UNKNOWN_OBJECT, "this object is gone");
    return false;
}

DBusMessage *cs_bus_call_reply(const struct cs_bus_call *call)
{
    return dbus_message_new_method_return(call->message);
}

void cs_bus_call_finish(struct cs_bus_call *call, DBusMessage *reply)
{
    if (reply && !dbus_message_get_no_reply(call->message))
        dbus_connection_send(call->sender->connection, reply, NULL);
    if (reply)
        dbus_message_unref(reply);
    call_free(call);
}

void cs_bus_call_refuse(struct cs_bus_call *call, const char *error, const char *text)
{
    cs_bus_call_finish(call, dbus_message_new_error(call->message, error, text));
}

void cs_bus_call_fail(struct cs_bus_call *call, int code, const char *text)
{
    cs_bus_call_refuse(call, cs_error_dbus_name(code), text && *text ? text : cs_error_text(code));
}

void cs_bus_call_done(void *user, const struct cs_reply *reply)
{
    struct cs_bus_call *call = user;

    call->request = NULL;
    if (reply->code < 0)
        cs_bus_call_fail(call, reply->code, reply->text);
    else
        cs_bus_call_finish(call, cs_bus_call_reply(call));
}

struct cs_request *cs_bus_call_request(struct cs_bus_call *call, cs_request_reply *on_reply)
{
    int r =
        cs_request_new(call->place->service, &call->sender->caller, on_reply, call, &call->request);

    if (r == 0)
        return call->request;
    cs_bus_call_fail(call, r, cs_request_refusal(call->place->service, r));
    return NULL;
}
