/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of this program is watched: nothing is asked while nothing happens there. Called by
 * agent.c.
 */
#include "renewal.h"
#include "base/log.h"
#include "base/renewed.h"

#include <string.h>
#include <unistd.h>

#define LOOK_AGAIN 5000 /* milliseconds */

static void on_timer(uv_timer_t *timer)
{
    struct cs_renewal *renewal = timer->data;

    /* Not if it was only removed. */
    if (access(renewal->path, X_OK) == 0)
        renewal->done(renewal->user);
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
    struct cs_renewal *renewal = watch->data;

    (void)name;
    (void)events;
    if (status == 0 && *cs_renewed_hint() && !uv_is_active((uv_handle_t *)&renewal->timer))
        uv_timer_start(&renewal->timer, on_timer, LOOK_AGAIN, LOOK_AGAIN);
}

void cs_renewal_watch(
    struct cs_renewal *renewal, uv_loop_t *loop, cs_renewal_done *done, void *user)
{
    char folder[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", renewal->path, sizeof(renewal->path) - 1);
    int r;

    if (n <= 0)
        return;
    renewal->path[n] = '\0';
    memcpy(folder, renewal->path, (size_t)n + 1);
    *strrchr(folder, '/') = '\0';
    renewal->done = done;
    renewal->user = user;
    renewal->watching = true;
    uv_fs_event_init(loop, &renewal->watch);
    uv_timer_init(loop, &renewal->timer);
    renewal->watch.data = renewal;
    renewal->timer.data = renewal;
    r = uv_fs_event_start(&renewal->watch, on_change, folder, 0);
    if (r < 0)
        cs_debug("cannot watch %s: %s", folder, uv_strerror(r));
}

void cs_renewal_unwatch(struct cs_renewal *renewal)
{
    if (!renewal->watching)
        return;
    renewal->watching = false;
    uv_close((uv_handle_t *)&renewal->watch, NULL);
    uv_close((uv_handle_t *)&renewal->timer, NULL);
}
