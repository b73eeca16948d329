/* SPDX-License-Identifier: Apache-2.0 */
/* A bus in this process with one connection, the agent's. It speaks libdbus, over a real socket. */
#ifndef CS_TESTS_FUZZ_FAKE_BUS_H
#define CS_TESTS_FUZZ_FAKE_BUS_H

#include <dbus/dbus.h>
#include <stdint.h>
#include <uv.h>

struct fake_bus {
    uv_loop_t *uv;
    DBusConnection *connection;
    /* All that the agent sends, but for the answers to pings and what it asks the bus. */
    void (*message)(struct fake_bus *bus, DBusMessage *message);
    dbus_uint32_t serial;
    dbus_uint32_t ping, pong; /* of the last one, and of the last answer to one */
    unsigned n_asked;         /* what the agent asked of the bus */
    uint8_t told;             /* how it tells who a caller is: 0, and most others, the truth */
};

/* Listens, tells the agent by the environment, and waits until it has connected. */
void fake_bus_start(struct fake_bus *bus, uv_loop_t *uv);
/* Sends the message, under a serial of its own, and drops the reference. Returns the serial. */
dbus_uint32_t fake_bus_send(struct fake_bus *bus, DBusMessage *message);
/* Turns the loop until the agent has read all that was sent, and answered what it can. turn is
 * called each time. */
void fake_bus_settle(struct fake_bus *bus, void (*turn)(void));

#endif
