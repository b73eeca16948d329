/* SPDX-License-Identifier: Apache-2.0 */
/* When a person was last told that a certificate expires. Outlives the agent, in
 * $XDG_STATE_HOME/countersign/reminders; where that cannot be written nothing is remembered. */
#ifndef CS_AGENT_SESSION_REMINDER_H
#define CS_AGENT_SESSION_REMINDER_H

#include "inventory/key.h"

#include <time.h>

#define CS_REMINDER_DAY (24 * 60 * 60)

struct cs_reminder {
    uint8_t id[CS_ID_SIZE];
    time_t not_after; /* of the key's certificate */
    time_t told;
};

/* What was told within the last day: how many; *listp is to be freed, and NULL without memory. */
size_t cs_reminders_read(time_t now, struct cs_reminder **listp);
/* Takes the place of what was written before; only those of the last day are kept. */
void cs_reminders_write(const struct cs_reminder *list, size_t n, time_t now);

#endif
