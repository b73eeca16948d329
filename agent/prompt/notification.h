/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a person something through the desktop's notifications. */
#ifndef CS_PROMPT_NOTIFICATION_H
#define CS_PROMPT_NOTIFICATION_H

#include "prompt/pinentry.h"

/* Shows the words of a request of kind CS_PROMPT_KEYPAD. OK: the person put it away; CANCELLED:
 * they pressed "Cancel", or watch ended it; IMPOSSIBLE: there are no notifications. */
enum cs_prompt_verdict cs_notification_show(
    const struct cs_prompt_request *request, const struct cs_watch *watch);

#endif
