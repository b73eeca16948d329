/* SPDX-License-Identifier: Apache-2.0 */
/* What a person at the desktop is told, by org.freedesktop.Notifications. */
#ifndef CS_AGENT_SESSION_NOTICE_H
#define CS_AGENT_SESSION_NOTICE_H

#include "bus/dbus.h"

#include <sys/queue.h>

struct cs_notice;

struct cs_notices {
    struct cs_dbus *bus;
    bool wanted;
    bool unheard; /* there is no daemon, as far as is known */
    /* What came of cs_notices_tell, later: whether there was a daemon. */
    void (*told)(void *user, bool heard);
    void *user;
    TAILQ_HEAD(cs_notice_list, cs_notice) list; /* that stand */
};

void cs_notices_init(struct cs_notices *notices, struct cs_dbus *bus, bool wanted);
void cs_notices_deinit(struct cs_notices *notices);
/* The bus or the notification daemon has gone, and with it all that was shown. */
void cs_notices_lose(struct cs_notices *notices);
/* Asks the bus to tell when a daemon comes and goes. */
void cs_notices_listen(struct cs_notices *notices);
/* True if this signal says that a daemon came: what stands is to be told. */
bool cs_notices_take(struct cs_notices *notices, DBusMessage *message);

/* Tells something once. False when nobody can be told now. */
bool cs_notices_tell(struct cs_notices *notices, const char *summary, const char *body);

/* Notices that stand as long as something is so: between begin and end whoever still has one says
 * so, and the others are taken away. */
void cs_notices_begin(struct cs_notices *notices);
void cs_notices_keep(struct cs_notices *notices, const char *summary, const char *body);
void cs_notices_end(struct cs_notices *notices);

#endif
