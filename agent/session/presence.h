/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the user sits at a session of this machine, as logind tells it. */
#ifndef CS_AGENT_SESSION_PRESENCE_H
#define CS_AGENT_SESSION_PRESENCE_H

#include "bus/dbus.h"
#include "service.h"

#define CS_WHY_SESSION "the session ended"

struct cs_presence {
    struct cs_service *service;
    struct cs_dbus *bus; /* logind.h's, which asks for the signal that logind comes */
    struct cs_dbus_listener listener;
    uv_fs_event_t files; /* of logind's: they tell when to ask it */
    TAILQ_HEAD(cs_presence_sessions, cs_presence_session) sessions; /* that the user sits at */
    bool asked;                                                     /* for a list */
    bool again;                                                     /* something happened since */
    bool told;                                                      /* logind gave the list */
};

/* Locks every token when the last of the sessions ends, if the configuration wants that. */
void cs_presence_start(
    struct cs_presence *presence, struct cs_service *service, struct cs_dbus *bus);
/* The struct must live until the loop has closed its handles. */
void cs_presence_stop(struct cs_presence *presence);
/* Whether the user sits at a session now, and logind would tell of its end. */
bool cs_presence_is_known(const struct cs_presence *presence);

#endif
