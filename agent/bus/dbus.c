/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a bus that the agent can do without. Nothing here waits, for a bus that hangs
 * must not hold the socket up: the greeting, which dbus_bus_get would wait for, is a call like any
 * other. Of signals those that were broadcast alone are handed on: the bus checks their sender
 * against the rules we gave it, while anybody may send one to us directly.
 */
#include "bus/dbus.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

/* Milliseconds. */
#define RETRY_FIRST 1000 /* to look for a bus; then it grows */
#define RETRY_MAX 5000
#define CALL_TIME 10000
#define DIAL_TIME 100
/* Bytes. One message may be larger, up to D-Bus's own limit: a limit of ours would end the
 * connection, for everybody, where a caller can be told. */
#define UNREAD_MAX (16 * 1024 * 1024)

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
    struct cs_dbus_listener *listener, *next;
    bool was_ready = bus->ready;

    if (was_ready)
        cs_info("the %s bus is gone", name_of(bus));
    cs_debug("no connection to the %s bus: %s", name_of(bus), why);
    disconnect(bus);
    if (was_ready)
        bus->delay = RETRY_FIRST;
    uv_timer_start(&bus->retry, on_retry, bus->delay, 0);
    bus->delay = bus->delay < RETRY_MAX / 2 ? bus->delay * 2 : RETRY_MAX;
    for (listener = was_ready ? TAILQ_FIRST(&bus->listeners) : NULL; listener; listener = next) {
        next = TAILQ_NEXT(listener, link);
        listener->events->lost(listener->user);
    }
}

static bool hand_on_signal(struct cs_dbus *bus, DBusMessage *message)
{
    struct cs_dbus_listener *listener;

    if (!bus->ready || dbus_message_get_destination(message))
        return false;
    TAILQ_FOREACH(listener, &bus->listeners, link)
    listener->events->signal(listener->user, message);
    return true;
}

/* libdbus itself refuses what nobody takes. */
static bool hand_on_call(struct cs_dbus *bus, DBusMessage *message)
{
    struct cs_dbus_listener *listener;

    if (!bus->ready || !dbus_message_get_sender(message) || !dbus_message_get_path(message))
        return false;
    TAILQ_FOREACH(listener, &bus->listeners, link)
    if (listener->events->call) {
        listener->events->call(listener->user, message);
        return true;
    }
    return false;
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *user)
{
    struct cs_dbus *bus = user;

    bool taken = true;

    if (connection != bus->connection)
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected"))
        lose(bus, "it has ended it");
    else if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL)
        taken = hand_on_signal(bus, message);
    else
        taken = dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL &&
                hand_on_call(bus, message);
    return taken ? DBUS_HANDLER_RESULT_HANDLED : DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static void on_hello(DBusPendingCall *call, void *user)
{
    struct cs_dbus *bus = user;
    DBusMessage *reply = dbus_pending_call_steal_reply(call);
    struct cs_dbus_listener *listener;
    const char *name;

    /* An error has a string in it, too. */
    if (reply && dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
        dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) &&
        dbus_bus_set_unique_name(bus->connection, name)) {
        bus->ready = true;
        bus->delay = RETRY_FIRST;
        cs_debug("connected to the %s bus", name_of(bus));
        TAILQ_FOREACH(listener, &bus->listeners, link)
        listener->events->ready(listener->user);
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
        ok = dbus_connection_send_with_reply(bus->connection, message, &call, CALL_TIME) && call &&
             dbus_pending_call_set_notify(call, reply, user, NULL);
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

static void on_alarm(int signal)
{
    (void)signal;
}

/* libdbus connects with a socket that blocks, and a bus that hangs has a queue that fills up: a
 * signal breaks that off. It comes again and again, for the first may be too early. */
static DBusConnection *dial(const char *address, DBusError *error)
{
    static const struct itimerval never = {0}, soon = {.it_value.tv_usec = 1000L * DIAL_TIME,
                                                   .it_interval.tv_usec = 1000L * DIAL_TIME};
    const struct sigaction interrupt = {.sa_handler = on_alarm};
    DBusConnection *connection;

    sigaction(SIGALRM, &interrupt, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    connection = dbus_connection_open_private(address, error);
    setitimer(ITIMER_REAL, &never, NULL);
    return connection;
}

static void connect_bus(struct cs_dbus *bus)
{
    char address[1024];
    DBusError error = DBUS_ERROR_INIT;

    if (!find_address(bus, address, sizeof(address))) {
        lose(bus, "no address is known");
        return;
    }
    bus->connection = dial(address, &error);
    if (!bus->connection) {
        lose(bus, error.message);
        dbus_error_free(&error);
        return;
    }
    dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
    dbus_connection_set_max_received_size(bus->connection, UNREAD_MAX);
    if (!greet(bus))
        lose(bus, "out of memory");
}

void cs_dbus_start(struct cs_dbus *bus, uv_loop_t *uv, DBusBusType type)
{
    *bus = (struct cs_dbus){.uv = uv, .delay = RETRY_FIRST, .type = type};
    TAILQ_INIT(&bus->listeners);
    uv_timer_init(uv, &bus->retry);
    bus->retry.data = bus;
    uv_timer_start(&bus->retry, on_retry, 0, 0);
}

void cs_dbus_stop(struct cs_dbus *bus)
{
    disconnect(bus);
    uv_close((uv_handle_t *)&bus->retry, NULL);
}

void cs_dbus_listen(struct cs_dbus *bus, struct cs_dbus_listener *listener,
    const struct cs_dbus_events *events, void *user)
{
    *listener = (struct cs_dbus_listener){.events = events, .user = user};
    TAILQ_INSERT_TAIL(&bus->listeners, listener, link);
}

void cs_dbus_ignore(struct cs_dbus *bus, struct cs_dbus_listener *listener)
{
    TAILQ_REMOVE(&bus->listeners, listener, link);
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

const char *cs_dbus_error_name(DBusMessage *reply)
{
    const char *name = reply ? dbus_message_get_error_name(reply) : NULL;

    return name ? name : "no answer";
}
