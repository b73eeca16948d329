/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a{sv}. Keys and strings are borrowed from the message. Used for the options of methods and
 * for what the bus tells of a sender.
 */
#include "bus/dictionary.h"

bool cs_bus_dictionary_read(DBusMessage *message, cs_bus_dictionary_take *take, void *user)
{
    DBusMessageIter iter, entries, entry, value;

    dbus_message_iter_init(message, &iter);
    dbus_message_iter_recurse(&iter, &entries);
    for (; dbus_message_iter_get_arg_type(&entries) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(&entries)) {
        const char *key;

        dbus_message_iter_recurse(&entries, &entry);
        dbus_message_iter_get_basic(&entry, &key);
        dbus_message_iter_next(&entry);
        dbus_message_iter_recurse(&entry, &value);
        if (!take(user, key, &value))
            return false;
    }
    return true;
}
