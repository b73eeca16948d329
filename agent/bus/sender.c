/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Senders. The bus is asked once for each connection who it is (GetConnectionCredentials); its
 * calls wait for the answer. The uid decides; the pid leads to the program's path, for people.
 */
#include "bus/sender.h"
#include "bus/call.h"
#include "bus/dictionary.h"
#include "base/cleanup.h"

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

struct credentials {
    uid_t uid;
    pid_t pid;
    int pidfd;
    bool has_uid;
};

/* Whatever else the bus tells is passed over. */
static bool take_credential(void *user, const char *key, DBusMessageIter *value)
{
    struct credentials *credentials = user;
    uint32_t number;

    /* Newer buses hold on to the process themselves, from the moment it connected. */
    if (dbus_message_iter_get_arg_type(value) == DBUS_TYPE_UNIX_FD &&
        strcmp(key, "ProcessFD") == 0) {
        cs_closep(&credentials->pidfd);
        dbus_message_iter_get_basic(value, &credentials->pidfd);
    }
    if (dbus_message_iter_get_arg_type(value) != DBUS_TYPE_UINT32)
        return true;
    dbus_message_iter_get_basic(value, &number);
    if (strcmp(key, "UnixUserID") == 0) {
        credentials->uid = (uid_t)number;
        credentials->has_uid = true;
    } else if (strcmp(key, "ProcessID") == 0) {
        credentials->pid = (pid_t)number;
    }
    return true;
}

static bool read_credentials(DBusMessage *reply, struct credentials *credentials)
{
    return dbus_message_has_signature(reply, "a{sv}") &&
           cs_bus_dictionary_read(reply, take_credential, credentials) && credentials->has_uid;
}

static void on_credentials(DBusPendingCall *pending, void *data)
{
    struct cs_bus_sender *sender = data;
    DBusMessage *reply = dbus_pending_call_steal_reply(pending);
    struct credentials credentials = {.pidfd = -1};

    dbus_pending_call_unref(sender->inquiry);
    sender->inquiry = NULL;
    if (reply && read_credentials(reply, &credentials))
        sender->known = cs_caller_init_process(&sender->caller, credentials.uid, credentials.pid,
                            cs_steal_fd(&credentials.pidfd)) == 0;
    cs_closep(&credentials.pidfd);
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
