/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a bus that the agent can do without. Nothing here waits: the greeting, which
 * dbus_bus_get would wait for, is a call like any other. Broadcast signals alone are handed on: the
 * bus checks their sender against the rules we gave it, while anybody may send one to us directly.
 */
#include "session/dbus.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST 1000
#define RETRY_MAX 60000

static void connect_bus(struct cs_dbus *bus);

static const char *name_of(const struct cs_dbus *bus)
{
    return bus->type == DBUS_BUS_SYSTEM ? "system" : "session";
}

/* Where libdbus would look; but it would also start a bus, which nobody asked for. */
static bool find_address(const struct cs_dbus *bus, char *address, size_t size)
{
    const char *variable = secure_getenv(
        bus->type == DBUS_BUS_SYSTEM ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS");
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

    if (variable && *variable)
        return (size_t)snprintf(address, size, "%s", variable) < size &&
               strncmp(address, "autolaunch:", strlen("autolaunch:")) != 0;
    if (bus->type == DBUS_BUS_SYSTEM)
        return (size_t)snprintf(address, size, "unix:path=/run/dbus/system_bus_socket") < size;
    return runtime && (size_t)snprintf(address, size, "unix:path=%s/bus", runtime) < size;
}

static void on_retry(uv_timer_t *timer)
{
    connect_bus(timer->data);
}

static void disconnect(struct cs_dbus *bus)
{
    DBusConnection *connection = bus->connection;

    if (!connection)
        return;
    bus->connection = NULL;
    bus->ready = false;
    cs_bus_loop_detach(bus->loop);
    bus->loop = NULL;
    dbus_connection_close(connection);
    dbus_connection_unref(connection);
}

static void lose(struct cs_dbus *bus, const char *why)
{
    bool was_ready = bus->ready;

    cs_debug("no connection to the %s bus: %s", name_of(bus), why);
    disconnect(bus);
    if (was_ready)
        bus->delay = RETRY_FIRST;
    uv_timer_start(&bus->retry, on_retry, bus->delay, 0);
    bus->delay = bus->delay < RETRY_MAX / 2 ? bus->delay * 2 : RETRY_MAX;
    if (was_ready)
        bus->events->lost(bus->user);
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *user)
{
    struct cs_dbus *bus = user;

    if (connection != bus->connection)
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected"))
        lose(bus, "it has gone");
    else if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL && bus->ready &&
             !dbus_message_get_destination(message))
        bus->events->signal(bus->user, message);
    else
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    return DBUS_HANDLER_RESULT_HANDLED;
}

static void on_hello(DBusPendingCall *call, void *user)
{
    struct cs_dbus *bus = user;
    DBusMessage *reply = dbus_pending_call_steal_reply(call);
    const char *name;

    if (reply && dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) &&
        dbus_bus_set_unique_name(bus->connection, name)) {
        bus->ready = true;
        bus->delay = RETRY_FIRST;
        cs_debug("connected to the %s bus", name_of(bus));
        bus->events->ready(bus->user);
    } else {
        lose(bus, "it does not greet");
    }
    if (reply)
        dbus_message_unref(reply);
}

static dbus_uint32_t post(
    struct cs_dbus *bus, DBusMessage *message, DBusPendingCallNotifyFunction reply, void *user)
{
    DBusPendingCall *call = NULL;
    dbus_uint32_t serial = 0;
    bool ok = message != NULL;

    if (ok && reply)
        ok = dbus_connection_send_with_reply(
                 bus->connection, message, &call, DBUS_TIMEOUT_USE_DEFAULT) &&
             call && dbus_pending_call_set_notify(call, reply, user, NULL);
    else if (ok)
        ok = dbus_connection_send(bus->connection, message, NULL);
    if (ok)
        serial = dbus_message_get_serial(message);
    if (call)
        dbus_pending_call_unref(call);
    if (message)
        dbus_message_unref(message);
    return serial;
}

static bool greet(struct cs_dbus *bus)
{
    return dbus_connection_add_filter(bus->connection, on_message, bus, NULL) &&
           cs_bus_loop_attach(bus->uv, bus->connection, &bus->loop) == 0 &&
           post(bus,
               dbus_message_new_method_call(
                   DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello"),
               on_hello, bus) != 0;
}

static void connect_bus(struct cs_dbus *bus)
{
    char address[1024];
    DBusError error = DBUS_ERROR_INIT;

    if (!find_address(bus, address, sizeof(address))) {
        lose(bus, "no address is known");
        return;
    }
    bus->connection = dbus_connection_open_private(address, &error);
    if (!bus->connection) {
        lose(bus, error.message);
        dbus_error_free(&error);
        return;
    }
    dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
    if (!greet(bus))
        lose(bus, "out of memory");
}

void cs_dbus_start(struct cs_dbus *bus, uv_loop_t *uv, DBusBusType type,
    const struct cs_dbus_events *events, void *user)
{
    *bus = (struct cs_dbus){
        .uv = uv, .delay = RETRY_FIRST, .type = type, .events = events, .user = user};
    uv_timer_init(uv, &bus->retry);
    bus->retry.data = bus;
    connect_bus(bus);
}

void cs_dbus_stop(struct cs_dbus *bus)
{
    disconnect(bus);
    uv_close((uv_handle_t *)&bus->retry, NULL);
}

void cs_dbus_match(struct cs_dbus *bus, const char *rule)
{
    if (bus->ready)
        dbus_bus_add_match(bus->connection, rule, NULL);
}

dbus_uint32_t cs_dbus_call(
    struct cs_dbus *bus, DBusMessage *message, DBusPendingCallNotifyFunction reply, void *user)
{
    if (message && bus->ready)
        return post(bus, message, reply, user);
    if (message)
        dbus_message_unref(message);
    return 0;
}
