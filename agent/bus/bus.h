/* SPDX-License-Identifier: Apache-2.0 */
/* The agent on the session bus: org.countersign.Agent1, as dbus/org.countersign.Agent1.xml defines
 * it. */
#ifndef CS_AGENT_BUS_BUS_H
#define CS_AGENT_BUS_BUS_H

#include "bus/dbus.h"
#include "service.h"

struct cs_bus;

/* Takes the name whenever the bus is there. */
int cs_bus_new(struct cs_service *service, struct cs_dbus *dbus, const char *socket_path,
    struct cs_bus **busp);
/* Leaves the bus; what was asked over it is given up. Before the bus is stopped. */
void cs_bus_free(struct cs_bus *bus);

#endif
