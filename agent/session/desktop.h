/* SPDX-License-Identifier: Apache-2.0 */
/* The user's session, as far as the agent cares: when logins end, and what a person is told. */
#ifndef CS_AGENT_SESSION_DESKTOP_H
#define CS_AGENT_SESSION_DESKTOP_H

#include "session/expiry.h"
#include "session/logind.h"
#include "session/notice.h"
#include "session/presence.h"
#include "session/timeout.h"

struct cs_desktop {
    struct cs_service *service;
    uint64_t generation; /* of the inventory, when it was last looked at */
    struct cs_watcher watcher;
    struct cs_timeouts timeouts;
    struct cs_logind logind;
    struct cs_presence presence;
    struct cs_dbus *bus; /* the session's */
    struct cs_dbus_listener listener;
    struct cs_notices notices;
    struct cs_expiry expiry;
    uint64_t waits;    /* who waits for tokens, when that was last looked at */
    uint64_t troubles; /* of the record, likewise */
    size_t n_silent;   /* tokens, likewise */
    bool lost_bus;     /* the session's; it may have come back */
};

/* CS_ERR_SYSTEM; then there is nothing to stop. */
int cs_desktop_start(struct cs_desktop *desktop, struct cs_service *service, struct cs_dbus *bus);
void cs_desktop_stop(struct cs_desktop *desktop);
/* After the service's configuration has changed. */
void cs_desktop_configure(struct cs_desktop *desktop);
/* Once a turn of the loop. */
void cs_desktop_look(struct cs_desktop *desktop);
/* Whether the session's bus was there and went. */
bool cs_desktop_has_lost_bus(const struct cs_desktop *desktop);

#endif
