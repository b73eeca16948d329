/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One notification, over org.freedesktop.Notifications on the client's session bus, for as long as
 * a reader waits for its PIN. Called by the prompt's main. Invariant: the notification is closed
 * when the prompt ends by itself; that of a daemon which is slow to say its number, by a process
 * that is left behind for it.
 */
#include "prompt/notification.h"
#include "base/clock.h"
#include "base/escape.h"
#include "prompt/surroundings.h"
#include "prompt/words.h"

#include <dbus/dbus.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
#define CALL_MS 3000    /* then something else is shown */
#define GREET_MS 100    /* between looks how far the greeting is */
#define LINGER_MS 30000 /* for the number of a notification that is to go */

struct show {
    DBusConnection *bus;
    const char *body;
    dbus_uint32_t hello;  /* serial of the greeting, until that is answered */
    dbus_uint32_t serial; /* of the call that shows it, until that is answered */
    dbus_uint32_t id;     /* 0: the daemon has not answered */
    long long deadline;   /* for these answers */
    enum cs_prompt_verdict verdict;
    bool over;
};

static DBusConnection *connect_bus(const struct cs_prompt_request *request)
{
    CS_AUTO(cs_freep) char *address = cs_surroundings_bus(request);
    DBusConnection *bus = address ? dbus_connection_open_private(address, NULL) : NULL;

    if (!bus)
        return NULL;
    dbus_connection_set_exit_on_disconnect(bus, FALSE);
    return bus;
}

/* Not by dbus_bus_register, which waits for ever for a bus that takes the connection and is silent.
 */
static bool greet(struct show *show)
{
    DBusMessage *call = dbus_message_new_method_call(
        DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello");
    bool ok = call && dbus_connection_send(show->bus, call, &show->hello);

    if (call)
        dbus_message_unref(call);
    show->deadline = cs_clock_ms() + CALL_MS;
    return ok;
}

static bool put_strings(DBusMessageIter *iter, const char *const *strings, size_t n)
{
    DBusMessageIter array;
    bool ok = dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "s", &array);

    for (size_t i = 0; i < n && ok; i++)
        ok = dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &strings[i]);
    return ok && dbus_message_iter_close_container(iter, &array);
}

/* It stays until it is acted on. */
static bool put_hints(DBusMessageIter *iter)
{
    const char *name = "urgency";
    const unsigned char critical = 2;
    DBusMessageIter hints, entry, value;

    return dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sv}", &hints) &&
           dbus_message_iter_open_container(&hints, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
           dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
           dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "y", &value) &&
           dbus_message_iter_append_basic(&value, DBUS_TYPE_BYTE, &critical) &&
           dbus_message_iter_close_container(&entry, &value) &&
           dbus_message_iter_close_container(&hints, &entry) &&
           dbus_message_iter_close_container(iter, &hints);
}

static bool put_notice(DBusMessage *call, const char *summary, const char *body)
{
    static const char *const actions[] = {"cancel", "Cancel"};
    const char *program = "Countersign", *icon = "dialog-password";
    const dbus_uint32_t replaces = 0;
    const dbus_int32_t never = 0;
    DBusMessageIter iter;

    dbus_message_iter_init_append(call, &iter);
    return dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &program) &&
           dbus_message_iter_append_basic(&iter, DBUS_TYPE_UINT32, &replaces) &&
           dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &icon) &&
           dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &summary) &&
           dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &body) &&
           put_strings(&iter, actions, 2) && put_hints(&iter) &&
           dbus_message_iter_append_basic(&iter, DBUS_TYPE_INT32, &never);
}

static bool notify(struct show *show)
{
    DBusMessage *call = dbus_message_new_method_call(NAME, PATH, NAME, "Notify");
    bool ok = call && put_notice(call, "Enter the PIN on the reader", show->body) &&
              dbus_connection_send(show->bus, call, &show->serial);

    if (call)
        dbus_message_unref(call);
    show->deadline = cs_clock_ms() + CALL_MS;
    return ok;
}

static void take_away(struct show *show)
{
    DBusMessage *call = dbus_message_new_method_call(NAME, PATH, NAME, "CloseNotification");

    if (!call)
        return;
    dbus_message_set_no_reply(call, TRUE);
    if (dbus_message_append_args(call, DBUS_TYPE_UINT32, &show->id, DBUS_TYPE_INVALID) &&
        dbus_connection_send(show->bus, call, NULL))
        dbus_connection_flush(show->bus);
    dbus_message_unref(call);
}

static void end(struct show *show, enum cs_prompt_verdict verdict)
{
    show->verdict = verdict;
    show->over = true;
}

static void take_greeting(struct show *show, DBusMessage *message)
{
    const char *name;

    show->hello = 0;
    if (!dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) ||
        !dbus_bus_set_unique_name(show->bus, name)) {
        end(show, CS_PROMPT_IMPOSSIBLE);
        return;
    }
    dbus_bus_add_match(
        show->bus, "type='signal',sender='" NAME "',interface='" NAME "',path='" PATH "'", NULL);
    if (!notify(show))
        end(show, CS_PROMPT_IMPOSSIBLE);
}

static void take_answer(struct show *show, DBusMessage *message)
{
    show->serial = 0;
    if (!dbus_message_get_args(message, NULL, DBUS_TYPE_UINT32, &show->id, DBUS_TYPE_INVALID) ||
        show->id == 0)
        end(show, CS_PROMPT_IMPOSSIBLE);
}

static void take_message(struct show *show, DBusMessage *message)
{
    dbus_uint32_t id = 0, reason = 0;
    const char *action = "";

    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected"))
        end(show, show->id ? CS_PROMPT_OK : CS_PROMPT_IMPOSSIBLE);
    else if (show->hello != 0 && dbus_message_get_reply_serial(message) == show->hello)
        take_greeting(show, message);
    else if (show->serial != 0 && dbus_message_get_reply_serial(message) == show->serial)
        take_answer(show, message);
    else if (dbus_message_is_signal(message, NAME, "ActionInvoked") &&
             dbus_message_get_args(message, NULL, DBUS_TYPE_UINT32, &id, DBUS_TYPE_STRING, &action,
                 DBUS_TYPE_INVALID) &&
             id == show->id && strcmp(action, "cancel") == 0)
        end(show, CS_PROMPT_CANCELLED);
    else if (dbus_message_is_signal(message, NAME, "NotificationClosed") &&
             dbus_message_get_args(message, NULL, DBUS_TYPE_UINT32, &id, DBUS_TYPE_UINT32, &reason,
                 DBUS_TYPE_INVALID) &&
             id == show->id)
        end(show, CS_PROMPT_OK);
}

static void take_messages(struct show *show)
{
    DBusMessage *message;

    while ((message = dbus_connection_pop_message(show->bus))) {
        take_message(show, message);
        dbus_message_unref(message);
    }
}

/* Waits for the bus, for signals and the reader's end unless watch is NULL, and for the daemon's
 * answer no longer than it may take. */
static void wait_for(struct show *show, const struct cs_watch *watch)
{
    long long left = show->deadline - cs_clock_ms();
    struct pollfd fds[] = {{.fd = -1, .events = POLLIN},
        {.fd = watch ? watch->signals : -1, .events = POLLIN}, {.fd = watch ? watch->answer : -1}};

    if (show->id == 0 && left <= 0) {
        end(show, CS_PROMPT_IMPOSSIBLE);
        return;
    }
    dbus_connection_get_unix_fd(show->bus, &fds[0].fd);
    if (show->hello != 0 && left > GREET_MS)
        left = GREET_MS;
    if (poll(fds, 3, show->id ? -1 : (int)left) < 0)
        return;
    if (fds[1].revents || fds[2].revents)
        end(show, CS_PROMPT_CANCELLED);
    else
        dbus_connection_read_write(show->bus, 0);
}

static void wait_for_end(struct show *show, const struct cs_watch *watch)
{
    while (!show->over) {
        take_messages(show);
        if (!show->over)
            wait_for(show, watch);
    }
}

/* Who waits for us must not wait for the daemon. Neither this process's group, which is killed, nor
 * its answer is the other's. */
static void leave_behind(struct show *show)
{
    pid_t pid = fork();

    /* Before either goes on: whichever is first. */
    if (pid >= 0)
        setpgid(pid, 0);
    if (pid != 0)
        return;
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    show->over = false;
    show->deadline = cs_clock_ms() + LINGER_MS;
    while (!show->over && show->serial != 0) {
        take_messages(show);
        if (!show->over && show->serial != 0)
            wait_for(show, NULL);
    }
    if (show->id != 0)
        take_away(show);
    _exit(0);
}

enum cs_prompt_verdict cs_notification_show(
    const struct cs_prompt_request *request, const struct cs_watch *watch)
{
    struct show show = {.bus = connect_bus(request)};
    struct cs_words words;
    char body[1200];

    if (!show.bus)
        return CS_PROMPT_IMPOSSIBLE;
    show.verdict = CS_PROMPT_IMPOSSIBLE;
    cs_words_for(&words, request);
    /* Where a server has markup. */
    cs_escape_markup(words.description, body, sizeof(body));
    show.body = body;
    if (greet(&show)) {
        wait_for_end(&show, watch);
        if (show.id != 0)
            take_away(&show);
        else if (show.serial != 0 && dbus_connection_get_is_connected(show.bus))
            leave_behind(&show);
    }
    dbus_connection_close(show.bus);
    dbus_connection_unref(show.bus);
    return show.verdict;
}
