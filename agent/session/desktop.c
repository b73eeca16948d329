/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts that know of the user's session, wired to the service. Buses are a convenience: without
 * them there are time-outs still. Called by agent.c.
 */
#include "session/desktop.h"
#include "session/screensaver.h"

static void on_event(void *user, const struct cs_event *event)
{
    struct cs_desktop *desktop = user;

    if (event->kind == CS_EVENT_SIGNED && event->token)
        cs_timeouts_note_use(&desktop->timeouts, event->token);
}

static void on_ready(void *user)
{
    struct cs_desktop *desktop = user;

    cs_screensaver_listen(&desktop->bus);
}

static void on_signal(void *user, DBusMessage *message)
{
    struct cs_desktop *desktop = user;

    cs_screensaver_take(desktop->service, message);
}

static void on_lost(void *user)
{
    (void)user;
}

static const struct cs_dbus_events events = {
    .ready = on_ready, .signal = on_signal, .lost = on_lost};

int cs_desktop_start(struct cs_desktop *desktop, struct cs_service *service)
{
    int r;

    *desktop = (struct cs_desktop){.service = service};
    r = cs_timeouts_start(&desktop->timeouts, service);
    if (r < 0)
        return r;
    desktop->watcher.event = on_event;
    desktop->watcher.user = desktop;
    TAILQ_INSERT_TAIL(&service->watchers, &desktop->watcher, link);
    cs_logind_start(&desktop->logind, service);
    cs_dbus_start(&desktop->bus, service->loop, DBUS_BUS_SESSION, &events, desktop);
    return 0;
}

void cs_desktop_stop(struct cs_desktop *desktop)
{
    TAILQ_REMOVE(&desktop->service->watchers, &desktop->watcher, link);
    cs_timeouts_stop(&desktop->timeouts);
    cs_logind_stop(&desktop->logind);
    cs_dbus_stop(&desktop->bus);
}

void cs_desktop_look(struct cs_desktop *desktop)
{
    if (desktop->generation == desktop->service->inventory.generation)
        return;
    desktop->generation = desktop->service->inventory.generation;
    cs_timeouts_look(&desktop->timeouts);
}
