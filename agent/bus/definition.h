/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that dbus/generate.py makes of the definition, and what they are looked up by. */
#ifndef CS_AGENT_BUS_DEFINITION_H
#define CS_AGENT_BUS_DEFINITION_H

#include "bus/call.h"
#include "bus/object.h"

/* Answers the call, now or later. Its arguments have the signature of the definition. */
typedef void cs_bus_method_handler(struct cs_bus_call *call);
/* Appends the value, of the definition's type. */
typedef void cs_bus_property_getter(
    const struct cs_bus_object *object, const struct cs_bus_place *place, DBusMessageIter *value);

struct cs_bus_method {
    const char *interface, *member, *in, *out;
    cs_bus_method_handler *handler;
};

struct cs_bus_property {
    const char *interface, *name, *type;
    cs_bus_property_getter *get;
};

struct cs_bus_signal {
    const char *interface, *member, *signature;
};

struct cs_bus_interface {
    const char *name, *xml;
};

/* NULL when there is none. */
const struct cs_bus_method *cs_bus_method_find(const char *interface, const char *member);
const struct cs_bus_property *cs_bus_property_find(const char *interface, const char *name);
/* The properties of an interface, one by one, from index 0; NULL after the last. */
const struct cs_bus_property *cs_bus_property_at(const char *interface, size_t index);
/* The <interface> element; NULL when there is none. */
const char *cs_bus_interface_xml(const char *interface);

#endif
