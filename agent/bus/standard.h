/* SPDX-License-Identifier: Apache-2.0 */
/* org.freedesktop.DBus.Introspectable, Properties and ObjectManager of our objects. */
#ifndef CS_AGENT_BUS_STANDARD_H
#define CS_AGENT_BUS_STANDARD_H

#include "bus/call.h"

struct cs_bus_standard {
    const char *interface, *member, *in;
    void (*handler)(struct cs_bus_call *call);
};

/* NULL when the object has no such method. */
const struct cs_bus_standard *cs_bus_standard_find(
    const struct cs_bus_object *object, const char *interface, const char *member);

#endif
