/* SPDX-License-Identifier: Apache-2.0 */
/* What logind tells: the session is locked, the machine goes to sleep. */
#ifndef CS_AGENT_SESSION_LOGIND_H
#define CS_AGENT_SESSION_LOGIND_H

#include "bus/dbus.h"
#include "service.h"

#define CS_LOGIND "org.freedesktop.login1"
#define CS_LOGIND_PATH "/org/freedesktop/login1"
#define CS_LOGIND_MANAGER CS_LOGIND ".Manager"
#define CS_LOGIND_SESSION CS_LOGIND ".Session"
/* A match rule for its signals. */
#define CS_LOGIND_RULE(more) "type='signal',sender='" CS_LOGIND "'," more

struct cs_logind {
    struct cs_service *service;
    struct cs_dbus bus; /* the system's */
    struct cs_dbus_listener listener;
    int inhibitor;    /* while it is open the machine does not sleep yet; -1 if there is none */
    bool asked;       /* for an inhibitor */
    bool asleep;      /* or about to be */
    unsigned locking; /* how often all tokens are being locked for sleep */
};

void cs_logind_start(struct cs_logind *logind, struct cs_service *service);
/* After the setting has changed to one that wants more. */
void cs_logind_configure(struct cs_logind *logind);
void cs_logind_stop(struct cs_logind *logind);

#endif
