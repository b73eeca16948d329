/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices. One that stands has the number that the notification daemon gave it, as soon as its
 * answer is there; the answer is known by the serial of our call, for the notice may be gone by
 * then. Without a bus or a daemon nothing is shown, and nothing waits for it; a daemon that comes
 * is told what stands, and one that went has taken it along: its numbers are another's then.
 */
#include "session/notice.h"
#include "text.h"
#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"

struct cs_notice {
    TAILQ_ENTRY(cs_notice) link;
    char *summary, *body;
    dbus_uint32_t serial; /* of the call that showed it; 0: it is not shown */
    dbus_uint32_t id;     /* 0: not known yet */
    bool unheard;         /* there was no daemon */
    bool kept;
};

static void notice_free(struct cs_notice *notice)
{
    free(notice->summary);
    free(notice->body);
    free(notice);
}

void cs_notices_init(struct cs_notices *notices, struct cs_dbus *bus, bool wanted)
{
    *notices = (struct cs_notices){.bus = bus, .wanted = wanted};
    TAILQ_INIT(&notices->list);
}

void cs_notices_deinit(struct cs_notices *notices)
{
    struct cs_notice *notice;

    while ((notice = TAILQ_FIRST(&notices->list))) {
        TAILQ_REMOVE(&notices->list, notice, link);
        notice_free(notice);
    }
}

void cs_notices_lose(struct cs_notices *notices)
{
    struct cs_notice *notice;

    TAILQ_FOREACH(notice, &notices->list, link)
    {
        notice->serial = notice->id = 0;
        notice->unheard = false;
    }
}

static DBusMessage *new_notify(const char *summary, const char *body)
{
    const char *program = "Countersign", *icon = "dialog-password";
    dbus_uint32_t replaces = 0;
    dbus_int32_t expires = -1; /* as the daemon likes */
    char escaped[CS_TEXT_MAX * 6];
    const char *escapedp = escaped;
    DBusMessage *message = dbus_message_new_method_call(NAME, PATH, NAME, "Notify");
    DBusMessageIter args, array;

    if (!message)
        return NULL;
    /* It may have markup in it, so what is none must not look like it. */
    cs_escape_markup(body, escaped, sizeof(escaped));
    dbus_message_iter_init_append(message, &args);
    if (dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &program) &&
        dbus_message_iter_append_basic(&args, DBUS_TYPE_UINT32, &replaces) &&
        dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &icon) &&
        dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &summary) &&
        dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &escapedp) &&
        dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "s", &array) &&
        dbus_message_iter_close_container(&args, &array) &&
        dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{sv}", &array) &&
        dbus_message_iter_close_container(&args, &array) &&
        dbus_message_iter_append_basic(&args, DBUS_TYPE_INT32, &expires))
        return message;
    dbus_message_unref(message);
    return NULL;
}

static void take_away(struct cs_notices *notices, dbus_uint32_t id)
{
    DBusMessage *message = dbus_message_new_method_call(NAME, PATH, NAME, "CloseNotification");

    if (!message)
        return;
    dbus_message_set_no_reply(message, TRUE);
    if (dbus_message_append_args(message, DBUS_TYPE_UINT32, &id, DBUS_TYPE_INVALID))
        cs_dbus_call(notices->bus, message, NULL, NULL);
    else
        dbus_message_unref(message);
}

static struct cs_notice *find_shown(const struct cs_notices *notices, dbus_uint32_t serial)
{
    struct cs_notice *notice;

    TAILQ_FOREACH(notice, &notices->list, link)
    if (notice->serial == serial)
        break;
    return notice;
}

static bool is_unheard(DBusMessage *reply)
{
    return dbus_message_is_error(reply, DBUS_ERROR_SERVICE_UNKNOWN);
}

static void on_shown(DBusPendingCall *call, void *user)
{
    struct cs_notices *notices = user;
    DBusMessage *reply = dbus_pending_call_steal_reply(call);
    struct cs_notice *notice;
    dbus_uint32_t id;

    if (!reply)
        return;
    notice = find_shown(notices, dbus_message_get_reply_serial(reply));
    if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &id, DBUS_TYPE_INVALID))
        id = 0;
    if (notice)
        notice->id = id;
    else if (id)
        take_away(notices, id);
    if (notice && is_unheard(reply))
        notice->unheard = true;
    dbus_message_unref(reply);
}

void cs_notices_listen(struct cs_notices *notices)
{
    notices->unheard = false;
    cs_dbus_match(notices->bus,
        "type='signal',sender='" DBUS_SERVICE_DBUS "',member='NameOwnerChanged',arg0='" NAME "'");
}

bool cs_notices_take(struct cs_notices *notices, DBusMessage *message)
{
    const char *name, *before, *after;
    struct cs_notice *notice;

    if (!dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged") ||
        !dbus_message_has_sender(message, DBUS_SERVICE_DBUS) ||
        !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &before,
            DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID) ||
        strcmp(name, NAME) != 0)
        return false;
    if (before[0])
        cs_notices_lose(notices);
    notices->unheard = false;
    TAILQ_FOREACH(notice, &notices->list, link)
    if (notice->unheard) {
        notice->serial = 0;
        notice->unheard = false;
    }
    return after[0];
}

static void on_told(DBusPendingCall *call, void *user)
{
    struct cs_notices *notices = user;
    DBusMessage *reply = dbus_pending_call_steal_reply(call);

    if (!reply)
        return;
    notices->unheard = is_unheard(reply);
    notices->told(notices->user, !notices->unheard);
    dbus_message_unref(reply);
}

bool cs_notices_tell(struct cs_notices *notices, const char *summary, const char *body)
{
    if (!notices->wanted || !notices->bus->ready || notices->unheard)
        return false;
    return cs_dbus_call(notices->bus, new_notify(summary, body), on_told, notices) != 0;
}

void cs_notices_begin(struct cs_notices *notices)
{
    struct cs_notice *notice;

    TAILQ_FOREACH(notice, &notices->list, link)
    notice->kept = false;
}

static struct cs_notice *find(struct cs_notices *notices, const char *summary, const char *body)
{
    struct cs_notice *notice;

    TAILQ_FOREACH(notice, &notices->list, link)
    if (strcmp(notice->summary, summary) == 0 && strcmp(notice->body, body) == 0)
        return notice;
    notice = calloc(1, sizeof(*notice));
    if (!notice)
        return NULL;
    notice->summary = strdup(summary);
    notice->body = strdup(body);
    if (!notice->summary || !notice->body) {
        notice_free(notice);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&notices->list, notice, link);
    return notice;
}

void cs_notices_keep(struct cs_notices *notices, const char *summary, const char *body)
{
    struct cs_notice *notice = notices->wanted ? find(notices, summary, body) : NULL;

    if (!notice)
        return;
    notice->kept = true;
    if (notice->serial == 0 && notices->bus->ready)
        notice->serial = cs_dbus_call(notices->bus, new_notify(summary, body), on_shown, notices);
}

void cs_notices_end(struct cs_notices *notices)
{
    struct cs_notice *notice, *next;

    for (notice = TAILQ_FIRST(&notices->list); notice; notice = next) {
        next = TAILQ_NEXT(notice, link);
        if (notice->kept)
            continue;
        if (notice->id)
            take_away(notices, notice->id);
        TAILQ_REMOVE(&notices->list, notice, link);
        notice_free(notice);
    }
}
