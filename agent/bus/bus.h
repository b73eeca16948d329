/* SPDX-License-Identifier: Apache-2.0 */
/* The agent on the session bus: org.countersign.Agent1, as dbus/org.countersign.Agent1.xml defines
 * it. */
#ifndef CS_AGENT_BUS_BUS_H
#define CS_AGENT_BUS_BUS_H

#include "service.h"

struct cs_bus;

/* Takes the name as soon as there is a session bus, and again after one that went. Without a bus
 * nothing happens. */
int cs_bus_new(struct cs_service *service, const char *socket_path, struct cs_bus **busp);
/* Leaves the bus; its handles end with the loop's next turns. */
void cs_bus_free(struct cs_bus *bus);

#endif
