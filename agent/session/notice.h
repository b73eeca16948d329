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
    TAILQ_HEAD(cs_notice_list, cs_notice) list; /* that stand */
};

void cs_notices_init(struct cs_notices *notices, struct cs_dbus *bus, bool wanted);
void cs_notices_deinit(struct cs_notices *notices);
/* The bus has gone, and with it all that was shown. */
void cs_notices_lose(struct cs_notices *notices);

/* Tells something once. False when nobody can be told now. */
bool cs_notices_tell(struct cs_notices *notices, const char *summary, const char *body);

/* Notices that stand as long as something is so: between begin and end whoever still has one says
 * so, and the others are taken away. */
void cs_notices_begin(struct cs_notices *notices);
void cs_notices_keep(struct cs_notices *notices, const char *summary, const char *body);
void cs_notices_end(struct cs_notices *notices);

#endif
