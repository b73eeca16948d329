/* SPDX-License-Identifier: Apache-2.0 */
/* A bus that may not be there yet, or go: connected to when it can be, again and again. One
 * connection serves all that listen. */
#ifndef CS_AGENT_BUS_DBUS_H
#define CS_AGENT_BUS_DBUS_H

#include "bus/loop.h"

#include <stdbool.h>
#include <sys/queue.h>

struct cs_dbus_events {
    /* There is a connection; ask for signals now. */
    void (*ready)(void *user);
    /* A broadcast signal that somebody asked for. */
    void (*signal)(void *user, DBusMessage *message);
    /* A method call, or NULL; of several who take calls the first gets them. */
    void (*call)(void *user, DBusMessage *message);
    /* The connection has gone; replies to calls of ours come no more. */
    void (*lost)(void *user);
};

struct cs_dbus_listener {
    TAILQ_ENTRY(cs_dbus_listener) link;
    const struct cs_dbus_events *events;
    void *user;
};

struct cs_dbus {
    uv_loop_t *uv;
    uv_timer_t retry;
    uint64_t delay;
    DBusBusType type; /* DBUS_BUS_SESSION or DBUS_BUS_SYSTEM */
    DBusConnection *connection;
    struct cs_bus_loop *loop;
    bool ready;
    TAILQ_HEAD(cs_dbus_listeners, cs_dbus_listener) listeners;
};

/* Connects at the loop's next turn, so that who listens may come first. */
void cs_dbus_start(struct cs_dbus *bus, uv_loop_t *uv, DBusBusType type);
/* The struct must live until the loop has closed its handles. No event comes any more. */
void cs_dbus_stop(struct cs_dbus *bus);

/* For events from now on. */
void cs_dbus_listen(struct cs_dbus *bus, struct cs_dbus_listener *listener,
    const struct cs_dbus_events *events, void *user);
void cs_dbus_ignore(struct cs_dbus *bus, struct cs_dbus_listener *listener);

/* These do nothing while there is no connection. */
void cs_dbus_match(struct cs_dbus *bus, const char *rule);
/* Sends the message, which may be NULL, and drops the reference. reply, which may be NULL, comes
 * unless the connection goes before. The serial of the message, or 0 if it was not sent. */
dbus_uint32_t cs_dbus_call(
    struct cs_dbus *bus, DBusMessage *message, DBusPendingCallNotifyFunction reply, void *user);
/* For logs, of a reply that was not what was asked for, or NULL. */
const char *cs_dbus_error_name(DBusMessage *reply);

#endif
