/* SPDX-License-Identifier: Apache-2.0 */
/* A libdbus connection on the agent's libuv loop. */
#ifndef CS_AGENT_BUS_LOOP_H
#define CS_AGENT_BUS_LOOP_H

#include <dbus/dbus.h>
#include <uv.h>

struct cs_bus_loop;

/* Serves the connection until detach. The connection must be closed or dropped after that. */
int cs_bus_loop_attach(uv_loop_t *uv, DBusConnection *connection, struct cs_bus_loop **loopp);
void cs_bus_loop_detach(struct cs_bus_loop *loop);

#endif
