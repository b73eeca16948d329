/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts that know of the user's session, wired to the service. Buses are a convenience: without
 * them there are time-outs still. Called by agent.c.
 */
#include "session/desktop.h"
#include "session/lock.h"
#include "session/screensaver.h"

#include <stdio.h>

static void on_event(void *user, const struct cs_event *event)
{
    struct cs_desktop *desktop = user;

    if (event->kind == CS_EVENT_SIGNED && event->token)
        cs_timeouts_note_use(&desktop->timeouts, event->token);
}

static void notice_silence(struct cs_desktop *desktop)
{
    const struct cs_token *silent[CS_LIMIT_MODULES];
    char text[CS_TEXT_MAX + 128];

    desktop->n_silent = cs_supervisor_silent(&desktop->service->supervisor, silent);
    for (size_t i = 0; i < desktop->n_silent; i++) {
        snprintf(text, sizeof(text),
            "token '%s' takes its time to sign for a program: if it blinks, touch it",
            silent[i]->name);
        cs_notices_keep(&desktop->notices, "Touch the token", text);
    }
}

/* What stands as long as it is so. */
static void notice(struct cs_desktop *desktop)
{
    const struct cs_inventory *inventory = &desktop->service->inventory;
    const struct cs_absent_waiter *waiter;
    char text[CS_TEXT_MAX + 128];

    cs_notices_begin(&desktop->notices);
    TAILQ_FOREACH(waiter, &desktop->service->absent.waiters, link)
    {
        snprintf(text, sizeof(text), "insert token '%s': a program waits for it", waiter->token);
        cs_notices_keep(&desktop->notices, "Token needed", text);
    }
    notice_silence(desktop);
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        if (!(inventory->tokens[i]->flags & CS_TOKEN_PIN_BLOCKED))
            continue;
        snprintf(text, sizeof(text),
            "the PIN of token '%s' is blocked: unblock it with the PUK or ask the token's "
            "administrator",
            inventory->tokens[i]->name);
        cs_notices_keep(&desktop->notices, "Token blocked", text);
    }
    if (desktop->service->rulebook.lacking)
        cs_notices_keep(&desktop->notices, "Keys are out of reach until this is mended",
            desktop->service->rulebook.error);
    if (desktop->service->audit.trouble[0])
        cs_notices_keep(
            &desktop->notices, "Uses of keys are not recorded", desktop->service->audit.trouble);
    cs_notices_end(&desktop->notices);
}

static void on_ready(void *user)
{
    struct cs_desktop *desktop = user;

    cs_screensaver_listen(desktop->bus);
    cs_notices_listen(&desktop->notices);
    notice(desktop);
    cs_expiry_look(&desktop->expiry);
}

static void on_signal(void *user, DBusMessage *message)
{
    struct cs_desktop *desktop = user;

    cs_screensaver_take(desktop->service, message);
    if (cs_notices_take(&desktop->notices, message)) {
        notice(desktop);
        cs_expiry_look(&desktop->expiry);
    }
}

static void on_lost(void *user)
{
    struct cs_desktop *desktop = user;

    cs_notices_lose(&desktop->notices);
    desktop->lost_bus = true;
    /* A session that logind does not know of ends with its bus. */
    if (desktop->service->config->session.lock_on_logout &&
        !cs_presence_is_known(&desktop->presence))
        cs_lock_all(desktop->service, CS_WHY_SESSION, NULL, NULL);
}

static const struct cs_dbus_events events = {
    .ready = on_ready, .signal = on_signal, .lost = on_lost};

int cs_desktop_start(struct cs_desktop *desktop, struct cs_service *service, struct cs_dbus *bus)
{
    int r;

    *desktop = (struct cs_desktop){.service = service, .bus = bus};
    r = cs_timeouts_start(&desktop->timeouts, service);
    if (r < 0)
        return r;
    desktop->watcher.event = on_event;
    desktop->watcher.user = desktop;
    TAILQ_INSERT_TAIL(&service->watchers, &desktop->watcher, link);
    cs_notices_init(&desktop->notices, bus, service->config->session.notify);
    cs_expiry_start(&desktop->expiry, service, &desktop->notices);
    cs_logind_start(&desktop->logind, service);
    cs_presence_start(&desktop->presence, service, &desktop->logind.bus);
    cs_dbus_listen(bus, &desktop->listener, &events, desktop);
    return 0;
}

void cs_desktop_configure(struct cs_desktop *desktop)
{
    desktop->notices.wanted = desktop->service->config->session.notify;
    cs_logind_configure(&desktop->logind);
    notice(desktop);
}

void cs_desktop_stop(struct cs_desktop *desktop)
{
    TAILQ_REMOVE(&desktop->service->watchers, &desktop->watcher, link);
    cs_timeouts_stop(&desktop->timeouts);
    cs_presence_stop(&desktop->presence);
    cs_logind_stop(&desktop->logind);
    cs_dbus_ignore(desktop->bus, &desktop->listener);
    cs_expiry_stop(&desktop->expiry);
    cs_notices_deinit(&desktop->notices);
}

void cs_desktop_look(struct cs_desktop *desktop)
{
    const struct cs_service *service = desktop->service;
    const struct cs_token *silent[CS_LIMIT_MODULES];
    bool changed = desktop->generation != service->inventory.generation;

    if (!changed && desktop->waits == service->absent.changes &&
        desktop->troubles == service->audit.changes &&
        desktop->n_silent == cs_supervisor_silent(&service->supervisor, silent))
        return;
    desktop->generation = service->inventory.generation;
    desktop->waits = service->absent.changes;
    desktop->troubles = service->audit.changes;
    notice(desktop);
    if (!changed)
        return;
    cs_timeouts_look(&desktop->timeouts);
    cs_expiry_look(&desktop->expiry);
}

bool cs_desktop_has_lost_bus(const struct cs_desktop *desktop)
{
    return desktop->lost_bus;
}
