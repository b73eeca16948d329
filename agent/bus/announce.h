/* SPDX-License-Identifier: Apache-2.0 */
/* Events as signals on the bus. */
#ifndef CS_AGENT_BUS_ANNOUNCE_H
#define CS_AGENT_BUS_ANNOUNCE_H

#include "bus/object.h"

void cs_bus_announce(
    DBusConnection *connection, const struct cs_bus_place *place, const struct cs_event *event);

#endif
