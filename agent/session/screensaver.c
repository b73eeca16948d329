/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Desktops tell of their screen lock under several names, all with the same signal. One that tells
 * under two names, or logind as well, does no harm: what is locked is not locked again.
 */
#include "session/screensaver.h"
#include "session/lock.h"

#include <stdio.h>

/* GNOME Shell tells under its own name; the service org.gnome.ScreenSaver, which passes it on, runs
 * only after somebody has called that. */
static const struct {
    const char *name, *interface;
} sources[] = {
    {"org.freedesktop.ScreenSaver", "org.freedesktop.ScreenSaver"},
    {"org.gnome.Shell", "org.gnome.ScreenSaver"},
    {"org.gnome.ScreenSaver", "org.gnome.ScreenSaver"},
    {"org.cinnamon.ScreenSaver", "org.cinnamon.ScreenSaver"},
    {"org.mate.ScreenSaver", "org.mate.ScreenSaver"},
    {"org.xfce.ScreenSaver", "org.xfce.ScreenSaver"},
};
#define N_SOURCES (sizeof(sources) / sizeof(sources[0]))

void cs_screensaver_listen(struct cs_dbus *bus)
{
    char rule[256];

    for (size_t i = 0; i < N_SOURCES; i++) {
        snprintf(rule, sizeof(rule),
            "type='signal',sender='%s',interface='%s',member='ActiveChanged'", sources[i].name,
            sources[i].interface);
        cs_dbus_match(bus, rule);
    }
}

static bool is_active_changed(DBusMessage *message)
{
    for (size_t i = 0; i < N_SOURCES; i++)
        if (dbus_message_is_signal(message, sources[i].interface, "ActiveChanged"))
            return true;
    return false;
}

void cs_screensaver_take(struct cs_service *service, DBusMessage *message)
{
    dbus_bool_t active;

    if (service->config->session.lock_on_screen_lock && is_active_changed(message) &&
        dbus_message_get_args(message, NULL, DBUS_TYPE_BOOLEAN, &active, DBUS_TYPE_INVALID) &&
        active)
        cs_lock_all(service, "the screen was locked", NULL, NULL);
}
