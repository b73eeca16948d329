/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks on the user's bus, at its usual place: no program names that. Waits no longer than is
 * bearable before a dialog. Used by surroundings.c.
 */
#include "prompt/session.h"

#include <dbus/dbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEMD "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define CALL_MS 1000

static DBusMessage *call(DBusConnection *bus, DBusMessage *message)
{
    DBusMessage *reply;

    if (!message)
        return NULL;
    dbus_message_set_auto_start(message, FALSE);
    reply = dbus_connection_send_with_reply_and_block(bus, message, CALL_MS, NULL);
    dbus_message_unref(message);
    return reply;
}

static DBusMessage *get_environment(DBusConnection *bus)
{
    const char *interface = SYSTEMD ".Manager", *property = "Environment";
    DBusMessage *hello = call(bus, dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS,
                                       DBUS_INTERFACE_DBUS, "Hello"));
    DBusMessage *get;

    if (!hello)
        return NULL;
    dbus_message_unref(hello);
    get = dbus_message_new_method_call(SYSTEMD, PATH, DBUS_INTERFACE_PROPERTIES, "Get");
    if (get)
        dbus_message_append_args(
            get, DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING, &property, DBUS_TYPE_INVALID);
    return call(bus, get);
}

/* A variant that is an array of strings. */
static char **read_strings(DBusMessage *reply)
{
    DBusMessageIter args, variant, array;
    char **strings;
    int n, i = 0;

    if (!dbus_message_has_signature(reply, "v"))
        return NULL;
    dbus_message_iter_init(reply, &args);
    dbus_message_iter_recurse(&args, &variant);
    if (dbus_message_iter_get_arg_type(&variant) != DBUS_TYPE_ARRAY ||
        dbus_message_iter_get_element_type(&variant) != DBUS_TYPE_STRING)
        return NULL;
    n = dbus_message_iter_get_element_count(&variant);
    strings = calloc((size_t)n + 1, sizeof(*strings));
    dbus_message_iter_recurse(&variant, &array);
    for (; strings && i < n; i++, dbus_message_iter_next(&array)) {
        const char *text;

        dbus_message_iter_get_basic(&array, &text);
        strings[i] = strdup(text);
    }
    return strings;
}

char **cs_session_variables(void)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    char address[300], **strings = NULL;
    DBusConnection *bus;
    DBusMessage *reply;

    if (!runtime ||
        (size_t)snprintf(address, sizeof(address), "unix:path=%s/bus", runtime) >= sizeof(address))
        return NULL;
    bus = dbus_connection_open_private(address, NULL);
    if (!bus)
        return NULL;
    dbus_connection_set_exit_on_disconnect(bus, FALSE);
    reply = get_environment(bus);
    if (reply) {
        strings = read_strings(reply);
        dbus_message_unref(reply);
    }
    dbus_connection_close(bus);
    dbus_connection_unref(bus);
    return strings;
}
