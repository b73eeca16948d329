/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls over the bus: a connection with a unique name, and the process behind it. */
#ifndef CS_AGENT_BUS_SENDER_H
#define CS_AGENT_BUS_SENDER_H

#include "socket/caller.h"

#include <dbus/dbus.h>
#include <stdbool.h>
#include <sys/queue.h>

struct cs_bus_call;

struct cs_bus_sender {
    TAILQ_ENTRY(cs_bus_sender) link;
    DBusConnection *connection;
    char *name;
    struct cs_caller caller;
    bool known;               /* the bus has told who it is */
    DBusPendingCall *inquiry; /* until then */
    TAILQ_HEAD(cs_bus_call_list, cs_bus_call) calls;
    size_t n_calls;
    void (*introduced)(struct cs_bus_sender *sender); /* when it is known, or can not be */
};

TAILQ_HEAD(cs_bus_senders, cs_bus_sender);

/* The sender of this name; a new one is asked the bus about, and introduced is called for it later,
 * with known if the bus could tell. NULL without memory. */
struct cs_bus_sender *cs_bus_sender_get(struct cs_bus_senders *senders, DBusConnection *connection,
    const char *name, void (*introduced)(struct cs_bus_sender *sender));
/* Its name has left the bus, or the bus has gone: what it asked is given up. */
void cs_bus_sender_free(struct cs_bus_senders *senders, struct cs_bus_sender *sender);
struct cs_bus_sender *cs_bus_sender_find(const struct cs_bus_senders *senders, const char *name);

#endif
