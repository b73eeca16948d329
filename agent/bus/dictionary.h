/* SPDX-License-Identifier: Apache-2.0 */
/* Dictionaries of variants, a{sv}, as D-Bus has them for what may be left out. */
#ifndef CS_AGENT_BUS_DICTIONARY_H
#define CS_AGENT_BUS_DICTIONARY_H

#include <dbus/dbus.h>
#include <stdbool.h>

/* Takes one entry, what its variant holds being at the iterator; false ends the reading. */
typedef bool cs_bus_dictionary_take(void *user, const char *key, DBusMessageIter *value);

/* Reads the a{sv} that the message begins with, which its signature has shown. False if an entry
 * was not taken. */
bool cs_bus_dictionary_read(DBusMessage *message, cs_bus_dictionary_take *take, void *user);

#endif
