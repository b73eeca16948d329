/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life on the bus. Everything is asked asynchronously, for a bus that hangs must not hold the
 * socket up: connect, Hello, RequestName; then calls are served until the bus goes, and a timer
 * looks for another. Invariant: `connection` is NULL unless it is attached to the loop.
 */
#include "bus/bus.h"
#include "base/log.h"
#include "bus/announce.h"
#include "bus/call.h"
#include "bus/definition.h"
#include "bus/loop.h"
#include "bus/standard.h"

#include <countersign/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RETRY_TIME 5000 /* milliseconds between looks for a bus */
#define CALL_TIME 10000
#define MESSAGE_MAX (2 * 1024 * 1024)
#define UNREAD_MAX (16 * 1024 * 1024)
#define CALLS_PER_SENDER 64

struct cs_bus {
    struct cs_bus_place place;
    uv_timer_t retry;
    DBusConnection *connection;
    struct cs_bus_loop *loop;
    DBusPendingCall *pending; /* Hello or RequestName */
    struct cs_bus_senders senders;
    struct cs_watcher watcher;
    bool named;
    bool lost; /* to be left at the next turn: not from within libdbus */
};

static void look_for_bus(uv_timer_t *timer);

/* $DBUS_SESSION_BUS_ADDRESS, else the usual socket if it is there. */
static bool find_address(char *address, size_t size)
{
    const char *given = getenv("DBUS_SESSION_BUS_ADDRESS");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[256];
    struct stat st;
    int n;

    if (given && *given)
        return snprintf(address, size, "%s", given) < (int)size;
    if (!runtime || snprintf(path, sizeof(path), "%s/bus", runtime) >= (int)sizeof(path))
        return false;
    n = snprintf(address, size, "unix:path=%s", path);
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && n < (int)size;
}

static void forget_pending(struct cs_bus *bus)
{
    if (!bus->pending)
        return;
    dbus_pending_call_cancel(bus->pending);
    dbus_pending_call_unref(bus->pending);
    bus->pending = NULL;
}

static void leave(struct cs_bus *bus)
{
    struct cs_bus_sender *sender;

    if (!bus->connection)
        return;
    forget_pending(bus);
    while ((sender = TAILQ_FIRST(&bus->senders)))
        cs_bus_sender_free(&bus->senders, sender);
    if (bus->named)
        TAILQ_REMOVE(&((struct cs_service *)bus->place.service)->watchers, &bus->watcher, link);
    bus->named = false;
    cs_bus_loop_detach(bus->loop);
    dbus_connection_close(bus->connection);
    dbus_connection_unref(bus->connection);
    bus->connection = NULL;
    bus->loop = NULL;
}

/* Soon, and not from here, for libdbus is still at work with the connection. */
static void lose(struct cs_bus *bus)
{
    bus->lost = true;
    uv_timer_start(&bus->retry, look_for_bus, 0, RETRY_TIME);
}

/* Sends a call to the bus itself; its reply comes to notify. Takes message, NULL included. */
static void ask_bus(struct cs_bus *bus, DBusMessage *message, DBusPendingCallNotifyFunction notify)
{
    bool sent =
        message &&
        dbus_connection_send_with_reply(bus->connection, message, &bus->pending, CALL_TIME) &&
        bus->pending && dbus_pending_call_set_notify(bus->pending, notify, bus, NULL);

    if (message)
        dbus_message_unref(message);
    if (!sent)
        lose(bus);
}

static DBusMessage *take_reply(struct cs_bus *bus, DBusPendingCall *pending)
{
    DBusMessage *reply = dbus_pending_call_steal_reply(pending);

    dbus_pending_call_unref(bus->pending);
    bus->pending = NULL;
    return reply;
}

static void on_event(void *user, const struct cs_event *event)
{
    struct cs_bus *bus = user;

    cs_bus_announce(bus->connection, &bus->place, event);
}

static void on_named(DBusPendingCall *pending, void *data)
{
    struct cs_bus *bus = data;
    DBusMessage *reply = take_reply(bus, pending);
    dbus_uint32_t result = 0;

    if (reply)
        dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &result, DBUS_TYPE_INVALID);
    if (reply)
        dbus_message_unref(reply);
    if (result != DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER) {
        cs_warn("another agent has the name " CS_BUS_NAME " on the session bus");
        return; /* queued: the name comes when the other goes */
    }
    cs_info("is on the session bus as " CS_BUS_NAME);
}

static DBusMessage *call_of_bus(const char *member)
{
    return dbus_message_new_method_call(
        DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, member);
}

static void on_welcome(DBusPendingCall *pending, void *data)
{
    static const char rule[] =
        "type='signal',sender='" DBUS_SERVICE_DBUS "',member='NameOwnerChanged',arg2=''";
    struct cs_bus *bus = data;
    const char *unique = NULL, *name = CS_BUS_NAME, *match = rule;
    const dbus_uint32_t flags = 0;
    DBusMessage *reply = take_reply(bus, pending);
    DBusMessage *message;

    if (reply)
        dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &unique, DBUS_TYPE_INVALID);
    if (unique)
        dbus_bus_set_unique_name(bus->connection, unique);
    if (reply)
        dbus_message_unref(reply);
    if (!unique) {
        lose(bus);
        return;
    }
    bus->named = true;
    TAILQ_INSERT_TAIL(&((struct cs_service *)bus->place.service)->watchers, &bus->watcher, link);
    message = call_of_bus("AddMatch");
    if (message) {
        dbus_message_set_no_reply(message, TRUE);
        dbus_message_append_args(message, DBUS_TYPE_STRING, &match, DBUS_TYPE_INVALID);
        dbus_connection_send(bus->connection, message, NULL);
        dbus_message_unref(message);
    }
    message = call_of_bus("RequestName");
    if (message)
        dbus_message_append_args(
            message, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID);
    ask_bus(bus, message, on_named);
}

/* Calls */

static void dispatch(struct cs_bus_call *call)
{
    const char *interface = dbus_message_get_interface(call->message);
    const char *member = dbus_message_get_member(call->message);
    const struct cs_bus_standard *standard;
    const struct cs_bus_method *method;
    struct cs_bus_object object;
    const char *own;

    if (!cs_bus_call_object(call, &object))
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

static void on_call(struct cs_bus *bus, DBusMessage *message)
{
    struct cs_bus_sender *sender = cs_bus_sender_get(
        &bus->senders, bus->connection, dbus_message_get_sender(message), on_introduced);
    struct cs_bus_call *call = sender ? cs_bus_call_new(sender, &bus->place, message) : NULL;

    if (!call)
        return;
    if (sender->n_calls > CALLS_PER_SENDER)
        cs_bus_call_fail(call, CS_ERR_BUSY, NULL);
    else if (!sender->inquiry)
        admit(call);
}

static void on_name_lost(struct cs_bus *bus, DBusMessage *message)
{
    const char *name, *before, *after;
    struct cs_bus_sender *sender;

    if (!dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &before,
            DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID))
        return;
    sender = cs_bus_sender_find(&bus->senders, name);
    if (sender && !after[0])
        cs_bus_sender_free(&bus->senders, sender);
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *data)
{
    struct cs_bus *bus = data;

    (void)connection;
    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
        cs_info("the session bus is gone");
        lose(bus);
        return DBUS_HANDLER_RESULT_HANDLED;
    }
    if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged") &&
        dbus_message_has_sender(message, DBUS_SERVICE_DBUS)) {
        on_name_lost(bus, message);
        return DBUS_HANDLER_RESULT_HANDLED;
    }
    if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_METHOD_CALL || bus->lost ||
        !dbus_message_get_sender(message) || !dbus_message_get_path(message))
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    on_call(bus, message);
    return DBUS_HANDLER_RESULT_HANDLED;
}

/* Connecting */

static void join(struct cs_bus *bus, const char *address)
{
    DBusConnection *connection = dbus_connection_open_private(address, NULL);

    if (!connection)
        return;
    dbus_connection_set_exit_on_disconnect(connection, FALSE);
    dbus_connection_set_max_message_size(connection, MESSAGE_MAX);
    dbus_connection_set_max_received_size(connection, UNREAD_MAX);
    if (cs_bus_loop_attach(bus->retry.loop, connection, &bus->loop) < 0 ||
        !dbus_connection_add_filter(connection, on_message, bus, NULL)) {
        cs_bus_loop_detach(bus->loop);
        bus->loop = NULL;
        dbus_connection_close(connection);
        dbus_connection_unref(connection);
        return;
    }
    bus->connection = connection;
    uv_timer_stop(&bus->retry);
    ask_bus(bus, call_of_bus("Hello"), on_welcome);
}

static void look_for_bus(uv_timer_t *timer)
{
    struct cs_bus *bus = timer->data;
    char address[512];

    if (bus->lost)
        leave(bus);
    bus->lost = false;
    if (!bus->connection && find_address(address, sizeof(address)))
        join(bus, address);
}

int cs_bus_new(struct cs_service *service, const char *socket_path, struct cs_bus **busp)
{
    struct cs_bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        return CS_ERR_MEMORY;
    bus->place = (struct cs_bus_place){.service = service, .socket_path = socket_path};
    bus->watcher.event = on_event;
    bus->watcher.user = bus;
    TAILQ_INIT(&bus->senders);
    uv_timer_init(service->loop, &bus->retry);
    bus->retry.data = bus;
    uv_timer_start(&bus->retry, look_for_bus, 0, RETRY_TIME);
    *busp = bus;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void cs_bus_free(struct cs_bus *bus)
{
    if (!bus)
        return;
    leave(bus);
    uv_close((uv_handle_t *)&bus->retry, on_closed);
}
