/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of the agent on the bus: what a path stands for. */
#ifndef CS_AGENT_BUS_OBJECT_H
#define CS_AGENT_BUS_OBJECT_H

#include "service.h"

#include <dbus/dbus.h>

#define CS_BUS_NAME "org.countersign.Agent1"
#define CS_BUS_ROOT "/org/countersign/Agent1"
#define CS_BUS_PATH_MAX 128

enum cs_bus_kind {
    CS_BUS_AGENT,
    CS_BUS_TOKEN,
    CS_BUS_IDENTITY,
    CS_BUS_BRANCH, /* a path with objects below it, and nothing else */
};

/* Where the objects are. */
struct cs_bus_place {
    struct cs_service *service;
    const char *socket_path;
};

/* Valid until the return to the loop. */
struct cs_bus_object {
    enum cs_bus_kind kind;
    const struct cs_token *token;
    const struct cs_identity *identity;
};

/* Whether a path stands for something at the moment. */
bool cs_bus_object_find(
    const struct cs_bus_place *place, const char *path, struct cs_bus_object *object);
/* The interface of an object, NULL for a branch. */
const char *cs_bus_object_interface(const struct cs_bus_object *object);

/* Paths, from what tokens and identities are known by; path has CS_BUS_PATH_MAX bytes. */
void cs_bus_token_path(const char *uri, char *path);
void cs_bus_identity_path(const uint8_t *id, char *path);

/* Strings of strangers: made clean UTF-8, as the bus demands. */
void cs_bus_put_string(DBusMessageIter *iter, const char *string);
void cs_bus_put_text(DBusMessageIter *iter, struct cs_bytes text);
void cs_bus_put_bytes(DBusMessageIter *iter, struct cs_bytes bytes);
void cs_bus_put_bool(DBusMessageIter *iter, bool value);

/* a{sv} with all properties of the object's interface. */
void cs_bus_put_properties(
    const struct cs_bus_object *object, const struct cs_bus_place *place, DBusMessageIter *iter);
/* One entry of a{sv}. */
struct cs_bus_property;
void cs_bus_put_property(const struct cs_bus_object *object, const struct cs_bus_place *place,
    const struct cs_bus_property *property, DBusMessageIter *dictionary);
/* a{sa{sv}}: the object's interface with its properties. */
void cs_bus_put_interfaces(
    const struct cs_bus_object *object, const struct cs_bus_place *place, DBusMessageIter *iter);

#endif
