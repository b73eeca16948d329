/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that expire within thirty days. Of each, whoever watches hears at most once a day,
 * and so does the person at the desktop; the two are counted apart, for the desktop may come later,
 * and a person has not forgotten when the agent is started again.
 * What counts is the best certificate of a key: one that has its successor beside it is no worry.
 */
#include "session/expiry.h"
#include "session/reminder.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

#define DAY CS_REMINDER_DAY
#define WARN_BEFORE (30 * DAY)
#define LOOK_AGAIN (60u * 60u * 1000u) /* milliseconds */
#define REMEMBERED_MAX 4096

struct cs_expiring {
    struct cs_reminder shown; /* to the person, when last */
    time_t told;              /* to watchers */
    bool unsure;              /* whether there was anything to show it */
};

static struct cs_expiring *add(struct cs_expiry *expiry, const struct cs_reminder *shown)
{
    struct cs_expiring *list;

    if (expiry->n == REMEMBERED_MAX)
        return NULL;
    list = reallocarray(expiry->list, expiry->n + 1, sizeof(*list));
    if (!list)
        return NULL;
    expiry->list = list;
    list[expiry->n] = (struct cs_expiring){.shown = *shown};
    return &list[expiry->n++];
}

static struct cs_expiring *find(struct cs_expiry *expiry, const uint8_t *id, time_t not_after)
{
    struct cs_reminder never = {.not_after = not_after};

    for (size_t i = 0; i < expiry->n; i++)
        if (memcmp(expiry->list[i].shown.id, id, CS_ID_SIZE) == 0 &&
            expiry->list[i].shown.not_after == not_after)
            return &expiry->list[i];
    memcpy(never.id, id, CS_ID_SIZE);
    return add(expiry, &never);
}

/* What the agent before told the person. */
static void recall(struct cs_expiry *expiry)
{
    CS_AUTO(cs_freep) struct cs_reminder *list = NULL;
    size_t n = cs_reminders_read(time(NULL), &list);

    for (size_t i = 0; i < n; i++)
        add(expiry, &list[i]);
}

static void remember(const struct cs_expiry *expiry, time_t now)
{
    CS_AUTO(cs_freep) struct cs_reminder *list = calloc(expiry->n, sizeof(*list));

    for (size_t i = 0; list && i < expiry->n; i++)
        list[i] = expiry->list[i].shown;
    if (list)
        cs_reminders_write(list, expiry->n, now);
}

static void describe(
    const struct cs_identity *identity, time_t not_after, time_t now, char *out, size_t size)
{
    char label[CS_TEXT_MAX], date[32], when[64];
    long days = (long)((not_after - now) / DAY);
    struct tm tm;

    cs_text_clean(identity->source->label, label, sizeof(label));
    strftime(date, sizeof(date), "%Y-%m-%d", localtime_r(&not_after, &tm));
    if (days == 0)
        snprintf(when, sizeof(when), "within a day");
    else
        snprintf(when, sizeof(when), "in %ld day%s", days, days == 1 ? "" : "s");
    snprintf(out, size, "the certificate of '%s' on token '%s' expires %s, on %s", label,
        identity->token->name, when, date);
}

/* Whether the person was told. */
static bool warn(struct cs_expiry *expiry, const struct cs_identity *identity,
    struct cs_expiring *expiring, time_t now)
{
    time_t not_after = expiring->shown.not_after;
    char text[CS_TEXT_MAX * 3];
    const struct cs_event event = {
        .kind = CS_EVENT_EXPIRING,
        .subject = cs_bytes_of(identity->uri),
        .identity = CS_BYTES(identity->key->id, CS_ID_SIZE),
        .text = text,
        .not_after = not_after,
    };

    describe(identity, not_after, now, text, sizeof(text));
    if (now - expiring->told >= DAY) {
        expiring->told = now;
        cs_event_tell(&expiry->service->watchers, &event);
    }
    if (now - expiring->shown.told < DAY ||
        !cs_notices_tell(expiry->notices, "Certificate expires soon", text))
        return false;
    expiring->shown.told = now;
    expiring->unsure = true;
    return true;
}

/* What nothing has shown is told when there is something that shows it. */
static void on_told(void *user, bool heard)
{
    struct cs_expiry *expiry = user;
    bool changed = false;

    for (size_t i = 0; i < expiry->n; i++) {
        struct cs_expiring *expiring = &expiry->list[i];

        if (expiring->unsure && !heard) {
            expiring->shown.told = 0;
            changed = true;
        }
        expiring->unsure = false;
    }
    if (changed)
        remember(expiry, time(NULL));
}

void cs_expiry_look(struct cs_expiry *expiry)
{
    const struct cs_inventory *inventory = &expiry->service->inventory;
    time_t now = time(NULL);
    bool shown = false;

    for (size_t i = 0; i < inventory->n_identities; i++) {
        const struct cs_identity *identity = inventory->identities[i];
        const struct cs_object *best = cs_identity_best(identity, now);
        struct cs_expiring *expiring;

        if (!best || best->not_after < now || best->not_after - now > WARN_BEFORE)
            continue;
        expiring = find(expiry, identity->key->id, best->not_after);
        if (expiring && warn(expiry, identity, expiring, now))
            shown = true;
    }
    if (shown)
        remember(expiry, now);
}

static void on_timer(uv_timer_t *timer)
{
    cs_expiry_look(timer->data);
}

void cs_expiry_start(
    struct cs_expiry *expiry, struct cs_service *service, struct cs_notices *notices)
{
    *expiry = (struct cs_expiry){.service = service, .notices = notices};
    notices->told = on_told;
    notices->user = expiry;
    recall(expiry);
    uv_timer_init(service->loop, &expiry->timer);
    expiry->timer.data = expiry;
    uv_timer_start(&expiry->timer, on_timer, LOOK_AGAIN, LOOK_AGAIN);
}

void cs_expiry_stop(struct cs_expiry *expiry)
{
    uv_close((uv_handle_t *)&expiry->timer, NULL);
    free(expiry->list);
    expiry->list = NULL;
    expiry->n = 0;
}
