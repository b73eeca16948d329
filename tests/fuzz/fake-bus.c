/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of agent/bus/dbus. Whether the agent has read everything is known by pings, which
 * libdbus answers in order; after an answer of the bus to the agent there is more to be read.
 */
#include "fake-bus.h"
#include "fake-clock.h"
#include "fuzz.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define RETRY 6      /* seconds in which the agent tries again, whatever came before */
#define CALL_TIME 11 /* after which it waits no more for an answer of the bus */
#define TURNS 100000

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
static DBusMessage *tell_credentials(struct fake_bus *bus, DBusMessage *question)
{
    DBusMessage *answer = dbus_message_new_method_return(question);
    DBusMessageIter iter, dictionary;
    uint8_t told = bus->told;
    const char *caller = "";

    dbus_message_get_args(question, NULL, DBUS_TYPE_STRING, &caller, DBUS_TYPE_INVALID);
    bus->vouched(caller, told <= 250);
    if (told == 251) {
        dbus_message_unref(answer);
        bus->owes = true;
        return NULL;
    }
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

static DBusMessage *greet(enum fake_bus_greeting greeting, DBusMessage *question)
{
    const char *name = ":1.0";
    DBusMessage *answer;

    if (greeting == FAKE_BUS_IS_SILENT)
        return NULL;
    if (greeting == FAKE_BUS_REFUSES)
        return dbus_message_new_error(question, DBUS_ERROR_LIMITS_EXCEEDED, "too many");
    answer = dbus_message_new_method_return(question);
    dbus_message_append_args(answer, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
    return answer;
}

static DBusMessage *give_name(enum fake_bus_greeting greeting, DBusMessage *question)
{
    const dbus_uint32_t owner = greeting == FAKE_BUS_GREETS_SECOND
                                    ? DBUS_REQUEST_NAME_REPLY_IN_QUEUE
                                    : DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER;
    DBusMessage *answer;

    if (greeting == FAKE_BUS_GREETS_NAMELESS)
        return dbus_message_new_error(question, DBUS_ERROR_ACCESS_DENIED, "not that name");
    answer = dbus_message_new_method_return(question);
    dbus_message_append_args(answer, DBUS_TYPE_UINT32, &owner, DBUS_TYPE_INVALID);
    return answer;
}

static void answer_agent(struct fake_bus *bus, DBusMessage *question)
{
    DBusMessage *answer;

    FUZZ_CHECK(dbus_message_has_destination(question, DBUS_SERVICE_DBUS));
    if (dbus_message_get_no_reply(question))
        return;
    if (dbus_message_has_member(question, "GetConnectionCredentials"))
        answer = tell_credentials(bus, question);
    else if (dbus_message_has_member(question, "Hello"))
        answer = greet(bus->greeting, question);
    else if (dbus_message_has_member(question, "RequestName"))
        answer = give_name(bus->greeting, question);
    else
        answer = dbus_message_new_method_return(question);
    if (!answer)
        return;
    dbus_message_set_sender(answer, DBUS_SERVICE_DBUS);
    fake_bus_send(bus, answer);
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *user)
{
    struct fake_bus *bus = user;

    (void)connection;
    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
        /* No message that a bus lets pass is a reason to leave. */
        FUZZ_CHECK(bus->greeting == FAKE_BUS_REFUSES || bus->greeting == FAKE_BUS_IS_SILENT);
        bus->left = true;
        return DBUS_HANDLER_RESULT_HANDLED;
    }
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

/* The connection */

static void on_connection(DBusServer *server, DBusConnection *connection, void *user)
{
    struct fake_bus *bus = user;

    (void)server;
    FUZZ_CHECK(!bus->connection);
    bus->connection = dbus_connection_ref(connection);
    bus->left = false;
    FUZZ_CHECK(dbus_connection_add_filter(connection, on_message, bus, NULL));
    FUZZ_CHECK(cs_bus_loop_attach(bus->uv, connection, &bus->loop) == 0);
}

/* The agent's alarm while it connects is not to take libFuzzer's away. */
void fake_bus_turn(struct fake_bus *bus)
{
    struct itimerval alarm_time;
    struct sigaction alarm_action;

    getitimer(ITIMER_REAL, &alarm_time);
    sigaction(SIGALRM, NULL, &alarm_action);
    uv_run(bus->uv, UV_RUN_NOWAIT);
    sigaction(SIGALRM, &alarm_action, NULL);
    setitimer(ITIMER_REAL, &alarm_time, NULL);
}

void fake_bus_break(struct fake_bus *bus)
{
    cs_bus_loop_detach(bus->loop);
    dbus_connection_close(bus->connection);
    dbus_connection_unref(bus->connection);
    bus->connection = NULL;
}

static bool is_being_called(void)
{
    struct pollfd fd = {.fd = dbus_watch_get_unix_fd(listening), .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

/* The agent connects and says hello. */
static void meet(struct fake_bus *bus)
{
    unsigned before = bus->n_asked;

    for (int i = 0; !bus->connection; i++) {
        FUZZ_CHECK(i < TURNS);
        fake_clock_advance(i > 0 ? RETRY : 0);
        fake_bus_turn(bus);
        if (is_being_called())
            dbus_watch_handle(listening, DBUS_WATCH_READABLE);
    }
    for (int i = 0; bus->greeting != FAKE_BUS_HANGS_UP && bus->n_asked == before; i++) {
        FUZZ_CHECK(i < TURNS);
        fake_bus_turn(bus);
    }
}

void fake_bus_return(struct fake_bus *bus, enum fake_bus_greeting greeting)
{
    bus->greeting = greeting;
    meet(bus);
    if (greeting < FAKE_BUS_REFUSES)
        return;
    if (greeting == FAKE_BUS_IS_SILENT)
        fake_clock_advance(CALL_TIME);
    for (int i = 0; greeting != FAKE_BUS_HANGS_UP && !bus->left; i++) {
        FUZZ_CHECK(i < TURNS);
        fake_bus_turn(bus);
    }
    fake_bus_break(bus);
    fake_bus_return(bus, FAKE_BUS_GREETS);
}

void fake_bus_start(struct fake_bus *bus, uv_loop_t *uv)
{
    DBusServer *server;
    char *address, name[64];

    /* No file that would be left. */
    snprintf(name, sizeof(name), "unix:abstract=countersign-fuzz-%ld", (long)getpid());
    server = dbus_server_listen(name, NULL);
    FUZZ_CHECK(server);
    bus->uv = uv;
    dbus_server_set_new_connection_function(server, on_connection, bus, NULL);
    FUZZ_CHECK(dbus_server_set_watch_functions(server, add_watch, remove_watch, NULL, NULL, NULL));
    address = dbus_server_get_address(server);
    setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
    dbus_free(address);
    fake_bus_return(bus, FAKE_BUS_GREETS);
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
