/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Senders. The bus is asked once for each connection who it is (GetConnectionCredentials); its
 * calls wait for the answer. The uid decides; the pid leads to the program's path, for people.
 */
#include "bus/sender.h"
#include "bus/call.h"

#include <stdlib.h>
#include <string.h>

#define INQUIRY_TIME 5000 /* milliseconds */

struct cs_bus_sender *cs_bus_sender_find(const struct cs_bus_senders *senders, const char *name)
{
    struct cs_bus_sender *sender = NULL;

    TAILQ_FOREACH(sender, senders, link)
    if (strcmp(sender->name, name) == 0)
        break;
    return sender;
}

/* An entry of a{sv} whose value is a number. */
static bool read_number(DBusMessageIter *entry, const char **namep, uint32_t *numberp)
{
    DBusMessageIter field, variant;

    dbus_message_iter_recurse(entry, &field);
    dbus_message_iter_get_basic(&field, namep);
    dbus_message_iter_next(&field);
    dbus_message_iter_recurse(&field, &variant);
    if (dbus_message_iter_get_arg_type(&variant) != DBUS_TYPE_UINT32)
        return false;
    dbus_message_iter_get_basic(&variant, numberp);
    return true;
}

static bool read_credentials(DBusMessage *reply, uid_t *uidp, pid_t *pidp)
{
    DBusMessageIter iter, dictionary;
    bool has_uid = false;

    if (!dbus_message_has_signature(reply, "a{sv}"))
        return false;
    dbus_message_iter_init(reply, &iter);
    dbus_message_iter_recurse(&iter, &dictionary);
    for (; dbus_message_iter_get_arg_type(&dictionary) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(&dictionary)) {
        const char *name;
        uint32_t number;

        if (!read_number(&dictionary, &name, &number))
            continue;
        if (strcmp(name, "UnixUserID") == 0) {
            *uidp = (uid_t)number;
            has_uid = true;
        } else if (strcmp(name, "ProcessID") == 0) {
            *pidp = (pid_t)number;
        }
    }
    return has_uid;
}

static void on_credentials(DBusPendingCall *pending, void *data)
{
    struct cs_bus_sender *sender = data;
    DBusMessage *reply = dbus_pending_call_steal_reply(pending);
    uid_t uid = (uid_t)-1;
    pid_t pid = 0;

    dbus_pending_call_unref(sender->inquiry);
    sender->inquiry = NULL;
    if (reply && read_credentials(reply, &uid, &pid))
        sender->known = cs_caller_init_process(&sender->caller, uid, pid) == 0;
    if (reply)
        dbus_message_unref(reply);
    sender->introduced(sender);
}

static bool inquire(struct cs_bus_sender *sender)
{
    DBusMessage *message = dbus_message_new_method_call(
        DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetConnectionCredentials");
    bool sent;

    if (!message)
        return false;
    sent = dbus_message_append_args(message, DBUS_TYPE_STRING, &sender->name, DBUS_TYPE_INVALID) &&
           dbus_connection_send_with_reply(
               sender->connection, message, &sender->inquiry, INQUIRY_TIME) &&
           sender->inquiry &&
           dbus_pending_call_set_notify(sender->inquiry, on_credentials, sender, NULL);
    dbus_message_unref(message);
    return sent;
}

struct cs_bus_sender *cs_bus_sender_get(struct cs_bus_senders *senders, DBusConnection *connection,
    const char *name, void (*introduced)(struct cs_bus_sender *sender))
{
    struct cs_bus_sender *sender = cs_bus_sender_find(senders, name);

    if (sender)
        return sender;
    sender = calloc(1, sizeof(*sender));
    if (!sender)
        return NULL;
    sender->caller.procfs = CS_PROCFS_NONE;
    sender->connection = dbus_connection_ref(connection);
    sender->name = strdup(name);
    sender->introduced = introduced;
    TAILQ_INIT(&sender->calls);
    TAILQ_INSERT_TAIL(senders, sender, link);
    if (sender->name && inquire(sender))
        return sender;
    cs_bus_sender_free(senders, sender);
    return NULL;
}

void cs_bus_sender_free(struct cs_bus_senders *senders, struct cs_bus_sender *sender)
{
    struct cs_bus_call *call;

    while ((call = TAILQ_FIRST(&sender->calls)))
        cs_bus_call_cancel(call);
    if (sender->inquiry) {
        dbus_pending_call_cancel(sender->inquiry);
        dbus_pending_call_unref(sender->inquiry);
    }
    TAILQ_REMOVE(senders, sender, link);
    cs_caller_deinit(&sender->caller);
    dbus_connection_unref(sender->connection);
    free(sender->name);
    free(sender);
}
