/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way to the watchers. Told by change.c, sign.c and expiry.c. */
#include "event.h"

void cs_event_tell(struct cs_watchers *watchers, const struct cs_event *event)
{
    struct cs_watcher *watcher, *next;

    for (watcher = TAILQ_FIRST(watchers); watcher; watcher = next) {
        next = TAILQ_NEXT(watcher, link);
        watcher->event(watcher->user, event);
    }
}
