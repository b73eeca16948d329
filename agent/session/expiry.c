/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that expire within thirty days. Of each, whoever watches hears at most once a day,
 * and so does the person at the desktop; the two are counted apart, for the desktop may come later,
 * and a person has not forgotten when the agent is started again.
 * What counts is the best certificate of a key: one that has its successor beside it is no worry.
 */
#include "session/expiry.h"
#include "session/reminder.h"

#include <stdio.h>
#include <string.h>

#define DAY CS_REMINDER_DAY
#define WARN_BEFORE (30 * DAY)
#define LOOK_AGAIN (60u * 60u * 1000u) /* milliseconds */
#define REMEMBERED_MAX 4096

struct cs_expiring {
    uint8_t id[CS_ID_SIZE];
    time_t not_after;
    time_t told, shown; /* when, last */
};

static struct cs_expiring *find(struct cs_expiry *expiry, const uint8_t *id, time_t not_after)
{
    struct cs_expiring *list;

    for (size_t i = 0; i < expiry->n; i++)
        if (memcmp(expiry->list[i].id, id, CS_ID_SIZE) == 0 &&
            expiry->list[i].not_after == not_after)
            return &expiry->list[i];
    if (expiry->n == REMEMBERED_MAX)
        return NULL;
    list = reallocarray(expiry->list, expiry->n + 1, sizeof(*list));
    if (!list)
        return NULL;
    expiry->list = list;
    list[expiry->n] = (struct cs_expiring){
        .not_after = not_after, .shown = cs_reminder_last(id, not_after, time(NULL))};
    memcpy(list[expiry->n].id, id, CS_ID_SIZE);
    return &list[expiry->n++];
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

static void warn(struct cs_expiry *expiry, const struct cs_identity *identity,
    struct cs_expiring *expiring, time_t now)
{
    char text[CS_TEXT_MAX * 3];
    const struct cs_event event = {
        .kind = CS_EVENT_EXPIRING,
        .subject = cs_bytes_of(identity->uri),
        .identity = CS_BYTES(identity->key->id, CS_ID_SIZE),
        .text = text,
        .not_after = expiring->not_after,
    };

    describe(identity, expiring->not_after, now, text, sizeof(text));
    if (now - expiring->told >= DAY) {
        expiring->told = now;
        cs_event_tell(&expiry->service->watchers, &event);
    }
    if (now - expiring->shown < DAY ||
        !cs_notices_tell(expiry->notices, "Certificate expires soon", text))
        return;
    expiring->shown = now;
    cs_reminder_note(expiring->id, expiring->not_after, now);
}

void cs_expiry_look(struct cs_expiry *expiry)
{
    const struct cs_inventory *inventory = &expiry->service->inventory;
    time_t now = time(NULL);

    for (size_t i = 0; i < inventory->n_identities; i++) {
        const struct cs_identity *identity = inventory->identities[i];
        const struct cs_object *best = cs_identity_best(identity, now);
        struct cs_expiring *expiring;

        if (!best || best->not_after < now || best->not_after - now > WARN_BEFORE)
            continue;
        expiring = find(expiry, identity->key->id, best->not_after);
        if (expiring)
            warn(expiry, identity, expiring, now);
    }
}

static void on_timer(uv_timer_t *timer)
{
    cs_expiry_look(timer->data);
}

void cs_expiry_start(
    struct cs_expiry *expiry, struct cs_service *service, struct cs_notices *notices)
{
    *expiry = (struct cs_expiry){.service = service, .notices = notices};
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
