/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/bus: callers that send what they like, come and go, a bus that tells odd things of them,
 * and a token host that refuses and pulls tokens meanwhile. Each call that wants an answer gets
 * one: what the definition says, or an error that has a name; nothing is left when the callers have
 * gone. The agent's own code runs, from the socket to the requests; the bus and the token host are
 * ours. The input is a row of choices; calls are made of it, or are in it as they travel.
 */
#include "fuzz.h"

#include "bus-argument.h"
#include "bus/bus.h"
#include "bus/definition.h"
#include "fake-bus.h"
#include "fake-host.h"
#include "fake-question.h"
#include "fake-service.h"
#include "request/login.h"

#include <countersign/error.h>
#include <string.h>

#define CS_BUS_ROWS
#include "bus-definition.h" /* generated: the methods */

#define CALLERS 4
#define CALLS_MAX 96
#define FLOOD 66
#define TURNS 100000
#define CALL_TIME 11 /* seconds: a caller that the bus tells nothing of is refused then */
#define N(list) (sizeof(list) / sizeof((list)[0]))

static const struct standard {
    const char *interface, *member, *in, *out;
} standards[] = {
    {"org.freedesktop.DBus.Introspectable", "Introspect", "", "s"},
    {"org.freedesktop.DBus.Properties", "Get", "ss", "v"},
    {"org.freedesktop.DBus.Properties", "GetAll", "s", "a{sv}"},
    {"org.freedesktop.DBus.Properties", "Set", "ssv", ""},
    {"org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", "a{oa{sa{sv}}}"},
    {"org.freedesktop.DBus.Peer", "Ping", "", ""}, /* these two are libdbus's */
    {"org.freedesktop.DBus.Peer", "GetMachineId", "", "s"},
};

static struct fake_bus bus;
static struct cs_dbus session_bus; /* as the agent has it */
static struct cs_service *service; /* NULL before the first input */

/* A call that is under way. */
struct expected {
    dbus_uint32_t serial;
    char member[32];
    uint8_t caller;
    bool silent;     /* wants no answer */
    bool of_libdbus; /* which answers it itself */
    bool mistaken;   /* no method of that name takes such arguments */
    bool answered;
    bool gone; /* its caller is: an answer may have come before */
};
static struct expected expected[CALLS_MAX];
static size_t n_expected;
static bool flooded;
static unsigned known;     /* the callers that the agent has heard of, a bit each */
static unsigned strangers; /* those that the bus does not vouch for */

static const char *caller_name(uint8_t caller)
{
    static const char *const names[CALLERS] = {":1.1", ":1.2", ":1.3", ":1.42"};

    return names[caller];
}

/* What the agent answers */

static bool is_of_the_standard(const char *error)
{
    static const char *const names[] = {DBUS_ERROR_UNKNOWN_METHOD, DBUS_ERROR_UNKNOWN_OBJECT,
        DBUS_ERROR_UNKNOWN_INTERFACE, DBUS_ERROR_UNKNOWN_PROPERTY, DBUS_ERROR_PROPERTY_READ_ONLY,
        DBUS_ERROR_INVALID_ARGS};

    for (size_t i = 0; i < N(names); i++)
        if (strcmp(error, names[i]) == 0)
            return true;
    return false;
}

static bool is_of_the_catalogue(const char *error)
{
    for (int code = CS_ERR_CLOSED; code < 0; code++)
        if (strcmp(error, cs_error_dbus_name(code)) == 0)
            return true;
    return false;
}

static void check_error(DBusMessage *answer)
{
    const char *name = dbus_message_get_error_name(answer), *text = NULL;

    FUZZ_CHECK(is_of_the_standard(name) || is_of_the_catalogue(name));
    FUZZ_CHECK(dbus_message_get_args(answer, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
    FUZZ_CHECK(text[0]);
}

/* Whether a method of that name answers this. */
static bool is_defined(const char *member, DBusMessage *answer)
{
    for (size_t i = 0; i < N(cs_bus_methods); i++)
        if (strcmp(cs_bus_methods[i].member, member) == 0 &&
            dbus_message_has_signature(answer, cs_bus_methods[i].out))
            return true;
    for (size_t i = 0; i < N(standards); i++)
        if (strcmp(standards[i].member, member) == 0 &&
            dbus_message_has_signature(answer, standards[i].out))
            return true;
    return false;
}

static bool is_mistaken(DBusMessage *call)
{
    for (size_t i = 0; i < N(cs_bus_methods); i++)
        if (dbus_message_has_member(call, cs_bus_methods[i].member) &&
            dbus_message_has_signature(call, cs_bus_methods[i].in))
            return false;
    for (size_t i = 0; i < N(standards); i++)
        if (dbus_message_has_member(call, standards[i].member) &&
            dbus_message_has_signature(call, standards[i].in))
            return false;
    return true;
}

static void on_vouched(const char *name, bool ours)
{
    for (uint8_t caller = 0; caller < CALLERS; caller++)
        if (strcmp(name, caller_name(caller)) == 0)
            strangers = ours ? strangers & ~(1u << caller) : strangers | 1u << caller;
}

/* They get nothing but a no, or that there are too many of their calls. */
static void check_refusal(DBusMessage *answer)
{
    FUZZ_CHECK(dbus_message_is_error(answer, cs_error_dbus_name(CS_ERR_WRONG_USER)) ||
               dbus_message_is_error(answer, cs_error_dbus_name(CS_ERR_BUSY)));
}

static void take_answer(DBusMessage *answer)
{
    struct expected *call = NULL;

    for (size_t i = 0; i < n_expected; i++)
        if (expected[i].serial == dbus_message_get_reply_serial(answer))
            call = &expected[i];
    FUZZ_CHECK(call && !call->answered && !call->silent);
    FUZZ_CHECK(dbus_message_has_destination(answer, caller_name(call->caller)));
    call->answered = true;
    if (strangers & 1u << call->caller && !call->of_libdbus)
        check_refusal(answer);
    if (dbus_message_get_type(answer) == DBUS_MESSAGE_TYPE_ERROR)
        check_error(answer);
    else
        FUZZ_CHECK(is_defined(call->member, answer) && (!call->mistaken || call->of_libdbus));
}

static void on_message(struct fake_bus *from, DBusMessage *message)
{
    (void)from;
    if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL)
        FUZZ_CHECK(!dbus_message_get_destination(message));
    else
        take_answer(message);
}

static void start(void)
{
    struct cs_bus *agent = NULL;

    service = fake_service_start();
    bus.message = on_message;
    bus.vouched = on_vouched;
    cs_dbus_start(&session_bus, service->loop, DBUS_BUS_SESSION);
    FUZZ_CHECK(cs_bus_new(service, &session_bus, "/run/agent.sock", &agent) == 0);
    fake_bus_start(&bus, service->loop);
    fake_bus_settle(&bus, fake_service_turn);
    FUZZ_CHECK(session_bus.ready);
}

/* What the input chooses */

/* Where the method belongs, or anywhere else. */
static void choose_path(struct fuzz_input *input, const char *interface, char *path)
{
    static const char *const others[] = {"/", "/org", "/org/countersign", CS_BUS_ROOT "/token",
        CS_BUS_ROOT "/identity", CS_BUS_ROOT "/token/0", CS_BUS_ROOT "/identity/00",
        CS_BUS_ROOT "x", "/org/freedesktop/DBus"};
    const struct cs_inventory *inventory = &service->inventory;
    uint8_t n = fuzz_next(input);

    strcpy(path, CS_BUS_ROOT);
    if (n >= 0xe0) {
        strcpy(path, others[n % N(others)]);
        return;
    }
    if (inventory->n_tokens == 0)
        return;
    if (inventory->n_identities > 0 &&
        (strstr(interface, "Identity") || (n & 1 && strstr(interface, "freedesktop"))))
        cs_bus_identity_path(inventory->identities[0]->key->id, path);
    else if (strstr(interface, "Token") || (n & 2 && strstr(interface, "freedesktop")))
        cs_bus_token_path(inventory->tokens[0]->uri, path);
}

static void choose_method(struct fuzz_input *input, struct standard *method)
{
    size_t n = fuzz_next(input) % (N(cs_bus_methods) + N(standards));

    if (n < N(cs_bus_methods))
        *method = (struct standard){cs_bus_methods[n].interface, cs_bus_methods[n].member,
            cs_bus_methods[n].in, cs_bus_methods[n].out};
    else
        *method = standards[n - N(cs_bus_methods)];
}

/* A call with arguments as they should be, or as they should not. */
static DBusMessage *make_call(struct fuzz_input *input)
{
    char path[CS_BUS_PATH_MAX], signature[DBUS_MAXIMUM_SIGNATURE_LENGTH + 1], member[256];
    struct standard method;
    DBusMessage *message;
    uint8_t shape;

    choose_method(input, &method);
    choose_path(input, method.interface, path);
    shape = fuzz_next(input);
    if (shape >= 0xf0)
        method.member = bus_argument_string(input, member);
    if (!dbus_validate_member(method.member, NULL))
        method.member = "_";
    message = dbus_message_new_method_call(
        NULL, path, shape & 1 ? NULL : method.interface, method.member);
    FUZZ_CHECK(message);
    dbus_message_set_no_reply(message, (shape & 6) == 6);
    snprintf(signature, sizeof(signature), "%s", method.in);
    if ((shape & 0x38) == 0x38)
        bus_argument_signature(input, signature);
    if (bus_argument_append(message, signature, input))
        return message;
    dbus_message_unref(message);
    return NULL;
}

/* One as it travels. Answers are not among them: a bus hands on those alone that were asked for. */
static DBusMessage *take_call(struct fuzz_input *input)
{
    size_t size = (size_t)fuzz_next(input) << 8;
    DBusMessage *message;

    size |= fuzz_next(input);
    if (size > input->left)
        size = input->left;
    message = dbus_message_demarshal((const char *)input->data, (int)size, NULL);
    input->data += size;
    input->left -= size;
    if (message && dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_METHOD_CALL &&
        dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_SIGNAL) {
        dbus_message_unref(message);
        return NULL;
    }
    return message;
}

static void send_as_caller(DBusMessage *message, uint8_t caller)
{
    struct expected *call = &expected[n_expected];

    if (!message)
        return;
    if (n_expected == CALLS_MAX) {
        dbus_message_unref(message);
        return;
    }
    known |= 1u << caller;
    dbus_message_set_sender(message, caller_name(caller));
    /* A signal may be for everybody. */
    if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL) {
        fake_bus_send(&bus, message);
        return;
    }
    dbus_message_set_destination(message, CS_BUS_NAME);
    /* libdbus answers those that are its own in any case. */
    *call = (struct expected){
        .caller = caller, .of_libdbus = dbus_message_has_interface(message, DBUS_INTERFACE_PEER)};
    call->silent = dbus_message_get_no_reply(message) && !call->of_libdbus;
    call->mistaken = is_mistaken(message);
    snprintf(call->member, sizeof(call->member), "%s", dbus_message_get_member(message));
    call->serial = fake_bus_send(&bus, message);
    n_expected++;
}

static void say_gone(uint8_t caller, const char *sender)
{
    const char *name = caller_name(caller), *nobody = "";
    DBusMessage *signal =
        dbus_message_new_signal(DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "NameOwnerChanged");

    FUZZ_CHECK(signal);
    dbus_message_append_args(signal, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &name,
        DBUS_TYPE_STRING, &nobody, DBUS_TYPE_INVALID);
    dbus_message_set_sender(signal, sender);
    fake_bus_send(&bus, signal);
}

static void leave(uint8_t caller)
{
    say_gone(caller, DBUS_SERVICE_DBUS);
    for (size_t i = 0; i < n_expected; i++)
        expected[i].gone |= expected[i].caller == caller;
}

/* The same call more often than a caller may have under way, once. */
static void flood(struct fuzz_input *input, uint8_t caller)
{
    struct fuzz_input again = *input;

    if (flooded)
        return;
    flooded = true;
    for (int i = 0; i < FLOOD; i++) {
        again = *input;
        send_as_caller(make_call(&again), caller);
    }
    *input = again;
}

/* What was asked gets no answer any more. Life goes on while the agent is on no bus. */
static void lose_bus(uint8_t how)
{
    if (how & 1)
        fake_bus_settle(&bus, fake_service_turn);
    fake_bus_break(&bus);
    for (int i = 0; session_bus.connection; i++) {
        FUZZ_CHECK(i < TURNS);
        fake_bus_turn(&bus);
        fake_service_turn();
    }
    for (size_t i = 0; i < n_expected; i++)
        expected[i].gone = true;
    known = 0;
    bus.owes = false;
    FUZZ_CHECK(service->n_requests == 0);
    if (how & 2)
        fake_host_answer(service->supervisor.hosts[0], 0);
    if (how & 4)
        fake_service_disturb(how >> 5);
    fake_service_turn();
    fake_bus_return(&bus, (how >> 3) % N_FAKE_BUS_GREETINGS);
    fake_bus_settle(&bus, fake_service_turn);
    bus.greeting = FAKE_BUS_GREETS;
    FUZZ_CHECK(session_bus.ready);
}

static void one(struct fuzz_input *input)
{
    uint8_t what = fuzz_next(input), how = fuzz_next(input), caller = how % CALLERS;

    switch (what % 17) {
    case 0:
    case 1:
    case 2:
    case 3:
        send_as_caller(make_call(input), caller);
        break;
    case 4:
    case 5:
        send_as_caller(take_call(input), caller);
        break;
    case 6:
        leave(caller);
        break;
    case 7:
        say_gone(caller, ":1.66"); /* a lie: nobody leaves */
        break;
    case 8:
        fake_bus_settle(&bus, fake_service_turn);
        fake_host_answer(
            service->supervisor.hosts[0], how < 128 ? 0 : -(how % (1 - CS_ERR_CLOSED)));
        break;
    case 9:
        fake_bus_settle(&bus, fake_service_turn);
        fake_service_disturb(how);
        break;
    case 10:
        bus.told = how;
        break;
    case 11:
        fake_bus_settle(&bus, fake_service_turn);
        break;
    case 12:
        flood(input, caller);
        break;
    case 13:
        fake_bus_settle(&bus, fake_service_turn);
        fake_question_answer(how);
        break;
    case 14:
        fake_bus_settle(&bus, fake_service_turn);
        fake_service_configure(how);
        break;
    case 15:
        fake_bus_settle(&bus, fake_service_turn);
        fake_service_wait(how);
        break;
    case 16:
        lose_bus(how);
        break;
    }
}

/* Whether something that was awaited has come. */
static bool is_anything_awaited(void)
{
    if (fake_host_answer(service->supervisor.hosts[0], 0) || fake_question_answer(PERSON_SAYS_NO))
        return true;
    if (!bus.owes)
        return false;
    bus.owes = false;
    fake_service_wait(CALL_TIME);
    return true;
}

/* All is answered but what waits for a token that is not there, or says so. */
static void check_answers(void)
{
    size_t waiting = 0;

    for (size_t i = 0; i < n_expected; i++)
        waiting += !expected[i].answered && !expected[i].gone && !expected[i].silent;
    FUZZ_CHECK(waiting <= fake_service_count_waiting());
}

/* Nothing is left. */
static void end(void)
{
    for (uint8_t caller = 0; caller < CALLERS; caller++)
        if (known & 1u << caller)
            leave(caller);
    known = 0;
    fake_bus_settle(&bus, fake_service_turn);
    FUZZ_CHECK(service->n_requests == 0 && TAILQ_EMPTY(&service->logins));
    while (fake_host_answer(service->supervisor.hosts[0], 0))
        continue;
    if (fake_service_mend())
        fake_bus_settle(&bus, fake_service_turn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    int open_before;

    if (!service)
        start();
    open_before = fuzz_count_descriptors();
    n_expected = 0;
    flooded = false;
    bus.told = 0;
    bus.owes = false;
    bus_argument_begin();
    while (input.left > 0)
        one(&input);
    fake_service_recover();
    do
        fake_bus_settle(&bus, fake_service_turn);
    while (is_anything_awaited());
    check_answers();
    end();
    FUZZ_CHECK(fuzz_count_descriptors() == open_before);
    return 0;
}
