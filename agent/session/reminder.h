/* SPDX-License-Identifier: Apache-2.0 */
/* When a person was last told that a certificate expires. Outlives the agent, in
 * $XDG_STATE_HOME/countersign/reminders; where that cannot be written nothing is remembered. */
#ifndef CS_AGENT_SESSION_REMINDER_H
#define CS_AGENT_SESSION_REMINDER_H

#include "inventory/key.h"

#include <time.h>

#define CS_REMINDER_DAY (24 * 60 * 60)

/* When, if within the last day; else 0. id has CS_ID_SIZE bytes. */
time_t cs_reminder_last(const uint8_t *id, time_t not_after, time_t now);
void cs_reminder_note(const uint8_t *id, time_t not_after, time_t now);

#endif
