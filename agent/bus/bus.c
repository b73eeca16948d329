/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's name and objects on the session bus: calls are served from the greeting on, the name
 * is asked for, and with the bus all calls under way go. Events come from dbus.c.
 */
#include "bus/bus.h"
#include "base/log.h"
#include "bus/announce.h"
#include "bus/call.h"
#include "bus/definition.h"
#include "bus/standard.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_PER_SENDER 64
#define UNSENT_MAX (1024 * 1024) /* bytes */

struct cs_bus {
    struct cs_dbus *dbus;
    struct cs_dbus_listener listener;
    struct cs_bus_place place;
    struct cs_bus_senders senders;
    struct cs_watcher watcher;
    bool present; /* on the bus */
};

static void on_event(void *user, const struct cs_event *event)
{
    struct cs_bus *bus = user;

    /* What a bus that hangs does not take fills our memory. Changes are few and have to be told. */
    if (event->kind == CS_EVENT_SIGNED &&
        dbus_connection_get_outgoing_size(bus->dbus->connection) > UNSENT_MAX)
        return;
    cs_bus_announce(bus->dbus->connection, &bus->place, event);
}

static void on_named(DBusPendingCall *pending, void *user)
{
    DBusMessage *reply = dbus_pending_call_steal_reply(pending);
    dbus_uint32_t result = 0;

    (void)user;
    if (!reply)
        return;
    if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &result, DBUS_TYPE_INVALID))
        cs_warn("the session bus does not give the name " CS_BUS_NAME ": %s",
            dbus_message_get_error_name(reply));
    else if (result == DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER)
        cs_info("is on the session bus as " CS_BUS_NAME);
    else /* queued: the name comes when the other goes */
        cs_warn("another agent has the name " CS_BUS_NAME " on the session bus");
    dbus_message_unref(reply);
}

static void on_ready(void *user)
{
    struct cs_bus *bus = user;
    const char *name = CS_BUS_NAME;
    const dbus_uint32_t flags = 0;
    DBusMessage *message = dbus_message_new_method_call(
        DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "RequestName");

    bus->present = true;
    TAILQ_INSERT_TAIL(&bus->place.service->watchers, &bus->watcher, link);
    cs_dbus_match(bus->dbus,
        "type='signal',sender='" DBUS_SERVICE_DBUS "',member='NameOwnerChanged',arg2=''");
    if (message)
        dbus_message_append_args(
            message, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID);
    cs_dbus_call(bus->dbus, message, on_named, bus);
}

static void on_lost(void *user)
{
    struct cs_bus *bus = user;
    struct cs_bus_sender *sender;

    if (!bus->present)
        return;
    bus->present = false;
    while ((sender = TAILQ_FIRST(&bus->senders)))
        cs_bus_sender_free(&bus->senders, sender);
    TAILQ_REMOVE(&bus->place.service->watchers, &bus->watcher, link);
}

/* Calls */

static void dispatch(struct cs_bus_call *call);

static void on_settled(void *user, const struct cs_reply *reply)
{
    struct cs_bus_call *call = user;

    call->request = NULL;
    if (reply->code < 0)
        cs_bus_call_fail(call, reply->code, reply->text);
    else
        dispatch(call);
}

/* An object that is not there may come: the call may be what started the agent. */
static bool wait_for_object(struct cs_bus_call *call)
{
    struct cs_bus_object object;
    struct cs_request *request;

    if (call->settled ||
        cs_bus_object_find(call->place, dbus_message_get_path(call->message), &object))
        return false;
    call->settled = true;
    request = cs_bus_call_request(call, on_settled);
    if (request)
        cs_request_inventory(request);
    return true;
}

static void dispatch(struct cs_bus_call *call)
{
    const char *interface = dbus_message_get_interface(call->message);
    const char *member = dbus_message_get_member(call->message);
    const struct cs_bus_standard *standard;
    const struct cs_bus_method *method;
    struct cs_bus_object object;
    const char *own;

    if (wait_for_object(call) || !cs_bus_call_object(call, &object))
        return;
    own = cs_bus_object_interface(&object);
    standard = interface ? cs_bus_standard_find(&object, interface, member) : NULL;
    method =
        own && (!interface || strcmp(interface, own) == 0) ? cs_bus_method_find(own, member) : NULL;
    if (!standard && !method)
        cs_bus_call_refuse(call, DBUS_ERROR_UNKNOWN_METHOD, "this object has no such method");
    else if (!dbus_message_has_signature(call->message, standard ? standard->in : method->in))
        cs_bus_call_refuse(call, DBUS_ERROR_INVALID_ARGS,
            "the arguments have other types: introspection shows the right ones");
    else if (standard)
        standard->handler(call);
    else
        method->handler(call);
}

static void admit(struct cs_bus_call *call)
{
    const struct cs_bus_sender *sender = call->sender;

    if (sender->known && sender->caller.uid == geteuid())
        dispatch(call);
    else
        cs_bus_call_fail(
            call, CS_ERR_WRONG_USER, "this agent serves its own user alone: start one of your own");
}

/* The bus has told who calls: what waited for that goes on. */
static void on_introduced(struct cs_bus_sender *sender)
{
    struct cs_bus_call *call, *next;

    for (call = TAILQ_FIRST(&sender->calls); call; call = next) {
        next = TAILQ_NEXT(call, link);
        admit(call);
    }
}

static void on_call(void *user, DBusMessage *message)
{
    struct cs_bus *bus = user;
    struct cs_bus_sender *sender = cs_bus_sender_get(
        &bus->senders, bus->dbus->connection, dbus_message_get_sender(message), on_introduced);
    struct cs_bus_call *call = sender ? cs_bus_call_new(sender, &bus->place, message) : NULL;

    if (!call)
        return;
    if (sender->n_calls > CALLS_PER_SENDER)
        cs_bus_call_fail(call, CS_ERR_BUSY, NULL);
    else if (!sender->inquiry)
        admit(call);
}

/* Who leaves the bus waits for no answer any more. */
static void on_signal(void *user, DBusMessage *message)
{
    const char *name, *before, *after;
    struct cs_bus *bus = user;
    struct cs_bus_sender *sender;

    if (!dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged") ||
        !dbus_message_has_sender(message, DBUS_SERVICE_DBUS) ||
        !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &before,
            DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID))
        return;
    sender = cs_bus_sender_find(&bus->senders, name);
    if (sender && !after[0])
        cs_bus_sender_free(&bus->senders, sender);
}

static const struct cs_dbus_events events = {
    .ready = on_ready, .signal = on_signal, .call = on_call, .lost = on_lost};

int cs_bus_new(
    struct cs_service *service, struct cs_dbus *dbus, const char *socket_path, struct cs_bus **busp)
{
    struct cs_bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        return CS_ERR_MEMORY;
    bus->dbus = dbus;
    bus->place = (struct cs_bus_place){.service = service, .socket_path = socket_path};
    bus->watcher.event = on_event;
    bus->watcher.user = bus;
    TAILQ_INIT(&bus->senders);
    cs_dbus_listen(dbus, &bus->listener, &events, bus);
    *busp = bus;
    return 0;
}

void cs_bus_free(struct cs_bus *bus)
{
    if (!bus)
        return;
    on_lost(bus);
    cs_dbus_ignore(bus->dbus, &bus->listener);
    free(bus);
}
