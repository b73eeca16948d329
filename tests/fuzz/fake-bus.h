/* SPDX-License-Identifier: Apache-2.0 */
/* A bus in this process with one connection, the agent's, which may break. It speaks libdbus, over
 * a real socket. */
#ifndef CS_TESTS_FUZZ_FAKE_BUS_H
#define CS_TESTS_FUZZ_FAKE_BUS_H

#include "bus/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* How it greets the agent. */
enum fake_bus_greeting {
    FAKE_BUS_GREETS,
    FAKE_BUS_GREETS_NAMELESS, /* gives it no name */
    FAKE_BUS_GREETS_SECOND,   /* another has the agent's name */
    FAKE_BUS_REFUSES,
    FAKE_BUS_IS_SILENT,
    FAKE_BUS_HANGS_UP,
    N_FAKE_BUS_GREETINGS,
};

struct fake_bus {
    uv_loop_t *uv;
    DBusConnection *connection; /* NULL: it is lost */
    struct cs_bus_loop *loop;
    enum fake_bus_greeting greeting;
    bool left; /* the agent has closed the connection */
    /* All that the agent sends, but for the answers to pings and what it asks the bus. */
    void (*message)(struct fake_bus *bus, DBusMessage *message);
    /* The agent has asked who a caller is; whether it learns that this is the agent's user. */
    void (*vouched)(const char *caller, bool ours);
    dbus_uint32_t serial;
    dbus_uint32_t ping, pong; /* of the last one, and of the last answer to one */
    unsigned n_asked;         /* what the agent asked of the bus */
    uint8_t told;             /* how it tells who a caller is: 0, and most others, the truth */
    bool owes;                /* it has not told, and never will */
};

/* Listens, tells the agent by the environment, and waits until it has connected. */
void fake_bus_start(struct fake_bus *bus, uv_loop_t *uv);
/* Breaks the connection; a turn of the loop then goes by with the agent. */
void fake_bus_break(struct fake_bus *bus);
void fake_bus_turn(struct fake_bus *bus);
/* Time goes by until the agent is back. It may be greeted in another way first. */
void fake_bus_return(struct fake_bus *bus, enum fake_bus_greeting greeting);
/* Sends the message, under a serial of its own, and drops the reference. Returns the serial. */
dbus_uint32_t fake_bus_send(struct fake_bus *bus, DBusMessage *message);
/* Turns the loop until the agent has read all that was sent, and answered what it can. turn is
 * called each time. */
void fake_bus_settle(struct fake_bus *bus, void (*turn)(void));

#endif
