/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of agent/bus/dbus. Whether the agent has read everything is known by pings, which
 * libdbus answers in order; after an answer of the bus to the agent there is more to be read.
 */
#include "fake-bus.h"
#include "bus/loop.h"
#include "fuzz.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static DBusWatch *listening;

static dbus_bool_t add_watch(DBusWatch *watch, void *data)
{
    (void)data;
    listening = watch;
    return TRUE;
}

static void remove_watch(DBusWatch *watch, void *data)
{
    (void)watch, (void)data;
}

/* What the agent asks the bus */

static void put_number(DBusMessageIter *dictionary, const char *key, dbus_uint32_t number)
{
    DBusMessageIter entry, variant;

    dbus_message_iter_open_container(dictionary, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "u", &variant);
    dbus_message_iter_append_basic(&variant, DBUS_TYPE_UINT32, &number);
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(dictionary, &entry);
}

/* Mostly the truth: who is known to be another's gets no further. */
static DBusMessage *tell_credentials(uint8_t told, DBusMessage *question)
{
    DBusMessage *answer = dbus_message_new_method_return(question);
    DBusMessageIter iter, dictionary;

    if (told == 255) {
        dbus_message_unref(answer);
        return dbus_message_new_error(question, DBUS_ERROR_NAME_HAS_NO_OWNER, "who is that");
    }
    if (told == 254)
        return answer;
    dbus_message_iter_init_append(answer, &iter);
    dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dictionary);
    if (told != 253)
        put_number(&dictionary, "UnixUserID", told == 252 ? geteuid() + 1 : geteuid());
    if (told % 2 == 0)
        put_number(&dictionary, "ProcessID", told == 250 ? 0x7fffffff : (dbus_uint32_t)getpid());
    put_number(&dictionary, "Unknown", told);
    dbus_message_iter_close_container(&iter, &dictionary);
    return answer;
}

static void answer_agent(struct fake_bus *bus, DBusMessage *question)
{
    const char *name = ":1.0";
    const dbus_uint32_t owner = DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER;
    DBusMessage *answer;

    FUZZ_CHECK(dbus_message_has_destination(question, DBUS_SERVICE_DBUS));
    if (dbus_message_get_no_reply(question))
        return;
    if (dbus_message_has_member(question, "GetConnectionCredentials")) {
        answer = tell_credentials(bus->told, question);
    } else {
        answer = dbus_message_new_method_return(question);
        if (dbus_message_has_member(question, "Hello"))
            dbus_message_append_args(answer, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
        else if (dbus_message_has_member(question, "RequestName"))
            dbus_message_append_args(answer, DBUS_TYPE_UINT32, &owner, DBUS_TYPE_INVALID);
    }
    dbus_message_set_sender(answer, DBUS_SERVICE_DBUS);
    fake_bus_send(bus, answer);
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *user)
{
    struct fake_bus *bus = user;

    (void)connection;
    /* No message that a bus lets pass is a reason to leave. */
    FUZZ_CHECK(!dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected"));
    if (bus->ping && dbus_message_get_reply_serial(message) == bus->ping) {
        bus->pong = bus->ping;
        return DBUS_HANDLER_RESULT_HANDLED;
    }
    if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL) {
        bus->n_asked++;
        answer_agent(bus, message);
    } else {
        bus->message(bus, message);
    }
    return DBUS_HANDLER_RESULT_HANDLED;
}

static void on_connection(DBusServer *server, DBusConnection *connection, void *user)
{
    struct fake_bus *bus = user;
    struct cs_bus_loop *loop;

    (void)server;
    bus->connection = dbus_connection_ref(connection);
    FUZZ_CHECK(dbus_connection_add_filter(connection, on_message, bus, NULL));
    FUZZ_CHECK(cs_bus_loop_attach(bus->uv, connection, &loop) == 0);
}

/* The agent's alarm while it connects is not to take libFuzzer's away. */
static void connect_agent(struct fake_bus *bus)
{
    struct itimerval alarm_time;
    struct sigaction alarm_action;

    getitimer(ITIMER_REAL, &alarm_time);
    sigaction(SIGALRM, NULL, &alarm_action);
    uv_run(bus->uv, UV_RUN_NOWAIT);
    sigaction(SIGALRM, &alarm_action, NULL);
    setitimer(ITIMER_REAL, &alarm_time, NULL);
}

void fake_bus_start(struct fake_bus *bus, uv_loop_t *uv)
{
    DBusServer *server = dbus_server_listen("unix:tmpdir=/tmp", NULL);
    char *address;

    FUZZ_CHECK(server);
    bus->uv = uv;
    dbus_server_set_new_connection_function(server, on_connection, bus, NULL);
    FUZZ_CHECK(dbus_server_set_watch_functions(server, add_watch, remove_watch, NULL, NULL, NULL));
    address = dbus_server_get_address(server);
    setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
    dbus_free(address);
    connect_agent(bus);
    dbus_watch_handle(listening, DBUS_WATCH_READABLE);
    FUZZ_CHECK(bus->connection);
    while (bus->n_asked == 0)
        uv_run(uv, UV_RUN_ONCE);
}

dbus_uint32_t fake_bus_send(struct fake_bus *bus, DBusMessage *message)
{
    FUZZ_CHECK(message);
    dbus_message_set_serial(message, ++bus->serial);
    FUZZ_CHECK(dbus_connection_send(bus->connection, message, NULL));
    dbus_message_unref(message);
    return bus->serial;
}

void fake_bus_settle(struct fake_bus *bus, void (*turn)(void))
{
    unsigned before;

    do {
        before = bus->n_asked;
        bus->ping = fake_bus_send(
            bus, dbus_message_new_method_call(NULL, "/", "org.freedesktop.DBus.Peer", "Ping"));
        while (bus->pong != bus->ping) {
            uv_run(bus->uv, UV_RUN_NOWAIT);
            turn();
        }
    } while (bus->n_asked != before);
}
