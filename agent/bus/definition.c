/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up in the generated rows. A handler that is missing does not link. */
#include "bus/definition.h"

#include <string.h>

#define CS_BUS_ROWS
#include "bus-definition.h" /* generated: the rows */

#define N(rows) (sizeof(rows) / sizeof(rows[0]))

const struct cs_bus_method *cs_bus_method_find(const char *interface, const char *member)
{
    for (size_t i = 0; i < N(cs_bus_methods); i++)
        if (strcmp(cs_bus_methods[i].interface, interface) == 0 &&
            strcmp(cs_bus_methods[i].member, member) == 0)
            return &cs_bus_methods[i];
    return NULL;
}

const struct cs_bus_property *cs_bus_property_find(const char *interface, const char *name)
{
    for (size_t i = 0; i < N(cs_bus_properties); i++)
        if (strcmp(cs_bus_properties[i].interface, interface) == 0 &&
            strcmp(cs_bus_properties[i].name, name) == 0)
            return &cs_bus_properties[i];
    return NULL;
}

const struct cs_bus_property *cs_bus_property_at(const char *interface, size_t index)
{
    for (size_t i = 0; i < N(cs_bus_properties); i++)
        if (strcmp(cs_bus_properties[i].interface, interface) == 0 && index-- == 0)
            return &cs_bus_properties[i];
    return NULL;
}

const char *cs_bus_interface_xml(const char *interface)
{
    for (size_t i = 0; i < N(cs_bus_interfaces); i++)
        if (strcmp(cs_bus_interfaces[i].name, interface) == 0)
            return cs_bus_interfaces[i].xml;
    return NULL;
}
