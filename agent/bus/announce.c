/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals: those of ObjectManager and Properties, and our own. Called by bus.c for every event.
 * Values are sent with PropertiesChanged where they are small, else the names alone.
 */
#include "bus/announce.h"
#include "bus/definition.h"

#include <string.h>

#define TOKEN "org.countersign.Token1"
#define IDENTITY "org.countersign.Identity1"

static const char *const token_state[] = {
    "Locked", "LockedReason", "StateSince", "PinTries", "Keypad", NULL};
static const char *const identity_state[] = {"URI", "Token", "Label", "Certificate", "Chain",
    "Subject", "Issuer", "NotBefore", "NotAfter", NULL};

static void send_signal(DBusConnection *connection, DBusMessage *signal)
{
    if (signal)
        dbus_connection_send(connection, signal, NULL);
    if (signal)
        dbus_message_unref(signal);
}

static DBusMessage *new_signal(const char *path, const char *interface, const char *member)
{
    return dbus_message_new_signal(path, interface, member);
}

static void put_names(DBusMessageIter *iter, const char *const *names)
{
    DBusMessageIter array;

    dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "s", &array);
    for (; names && *names; names++)
        dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, names);
    dbus_message_iter_close_container(iter, &array);
}

static void announce_changed(DBusConnection *connection, const struct cs_bus_place *place,
    const char *path, const struct cs_bus_object *object, const char *const *names)
{
    const char *interface = cs_bus_object_interface(object);
    DBusMessage *signal = new_signal(path, DBUS_INTERFACE_PROPERTIES, "PropertiesChanged");
    DBusMessageIter iter, dictionary;

    if (!signal)
        return;
    dbus_message_iter_init_append(signal, &iter);
    dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &interface);
    dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dictionary);
    for (size_t i = 0; object->kind == CS_BUS_TOKEN && names[i]; i++)
        cs_bus_put_property(object, place, cs_bus_property_find(interface, names[i]), &dictionary);
    dbus_message_iter_close_container(&iter, &dictionary);
    put_names(&iter, object->kind == CS_BUS_TOKEN ? NULL : names);
    send_signal(connection, signal);
}

static void announce_added(DBusConnection *connection, const struct cs_bus_place *place,
    const char *path, const struct cs_bus_object *object)
{
    DBusMessage *signal =
        new_signal(CS_BUS_ROOT, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded");
    DBusMessageIter iter;

    if (!signal)
        return;
    dbus_message_iter_init_append(signal, &iter);
    dbus_message_iter_append_basic(&iter, DBUS_TYPE_OBJECT_PATH, &path);
    cs_bus_put_interfaces(object, place, &iter);
    send_signal(connection, signal);
}

/* The last that is heard of an object: for a token, that it is not present. */
static void announce_absent(DBusConnection *connection, const char *path)
{
    static const struct cs_bus_object gone = {.kind = CS_BUS_TOKEN};
    static const char *const names[] = {"Present", NULL};

    announce_changed(connection, NULL, path, &gone, names);
}

static void announce_removed(DBusConnection *connection, const char *path, const char *interface)
{
    const char *const interfaces[] = {interface, NULL};
    DBusMessage *signal =
        new_signal(CS_BUS_ROOT, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved");
    DBusMessageIter iter;

    if (!signal)
        return;
    dbus_message_iter_init_append(signal, &iter);
    dbus_message_iter_append_basic(&iter, DBUS_TYPE_OBJECT_PATH, &path);
    put_names(&iter, interfaces);
    send_signal(connection, signal);
}

static void announce_used(
    DBusConnection *connection, const char *path, const struct cs_event *event)
{
    DBusMessage *signal = new_signal(path, IDENTITY, "Used");
    DBusMessageIter iter;

    if (!signal)
        return;
    dbus_message_iter_init_append(signal, &iter);
    cs_bus_put_string(&iter, event->program);
    cs_bus_put_string(&iter, event->scheme);
    send_signal(connection, signal);
}

static void announce_expiring(
    DBusConnection *connection, const char *path, const struct cs_event *event)
{
    DBusMessage *signal = new_signal(path, IDENTITY, "Expiring");
    dbus_int64_t not_after = event->not_after;

    if (signal)
        dbus_message_append_args(signal, DBUS_TYPE_INT64, &not_after, DBUS_TYPE_INVALID);
    send_signal(connection, signal);
}

static void announce_identity(DBusConnection *connection, const struct cs_bus_place *place,
    const char *path, const struct cs_event *event)
{
    struct cs_bus_object object;
    bool there = cs_bus_object_find(place, path, &object);

    switch (event->kind) {
    case CS_EVENT_SIGNED:
        announce_used(connection, path, event);
        break;
    case CS_EVENT_EXPIRING:
        announce_expiring(connection, path, event);
        break;
    case CS_EVENT_IDENTITY_REMOVED:
        announce_removed(connection, path, IDENTITY);
        break;
    case CS_EVENT_IDENTITY_ADDED:
        if (there)
            announce_added(connection, place, path, &object);
        break;
    default:
        if (there)
            announce_changed(connection, place, path, &object, identity_state);
    }
}

static void announce_token(DBusConnection *connection, const struct cs_bus_place *place,
    const char *path, const struct cs_event *event)
{
    struct cs_bus_object object;
    bool there = cs_bus_object_find(place, path, &object);

    if (event->kind == CS_EVENT_TOKEN_REMOVED) {
        announce_absent(connection, path);
        announce_removed(connection, path, TOKEN);
    } else if (there && event->kind == CS_EVENT_TOKEN_ADDED) {
        announce_added(connection, place, path, &object);
    } else if (there) {
        announce_changed(connection, place, path, &object, token_state);
    }
}

void cs_bus_announce(
    DBusConnection *connection, const struct cs_bus_place *place, const struct cs_event *event)
{
    CS_AUTO(cs_freep) char *uri = cs_bytes_dup(event->subject);
    char path[CS_BUS_PATH_MAX];

    if (event->identity.len == CS_ID_SIZE) {
        cs_bus_identity_path(event->identity.data, path);
        announce_identity(connection, place, path, event);
    } else if (uri && uri[0]) {
        cs_bus_token_path(uri, path);
        announce_token(connection, place, path, event);
    }
}
