/* SPDX-License-Identifier: Apache-2.0 */
/* Notices that an upgrade has put another agent in this one's place. */
#ifndef CS_AGENT_RENEWAL_H
#define CS_AGENT_RENEWAL_H

#include <limits.h>
#include <stdbool.h>
#include <uv.h>

typedef void cs_renewal_done(void *user);

struct cs_renewal {
    uv_fs_event_t watch;
    uv_timer_t timer;
    char path[PATH_MAX]; /* of this program */
    bool watching;
    cs_renewal_done *done;
    void *user;
};

/* Calls done, from the loop, when the rest of the upgrade has had its time too, and again and again
 * until it is unwatched. */
void cs_renewal_watch(
    struct cs_renewal *renewal, uv_loop_t *loop, cs_renewal_done *done, void *user);
void cs_renewal_unwatch(struct cs_renewal *renewal);

#endif
