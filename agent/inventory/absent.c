/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was here. A key is asked for by its id, and only what we remember tells a person which token
 * to insert. The memory is a ring: when it is full the oldest goes. Waiters wait for a change of
 * the inventory after which their identity is there, or for the end of their time. Used by sign.c.
 */
#include "inventory/absent.h"

#include <string.h>

#define REMEMBERED_MAX 4096

void cs_absent_init(struct cs_absent *absent, uv_loop_t *loop)
{
    *absent = (struct cs_absent){0};
    TAILQ_INIT(&absent->waiters);
    uv_timer_init(loop, &absent->timer);
    absent->timer.data = absent;
}

void cs_absent_stop(struct cs_absent *absent)
{
    if (!uv_is_closing((uv_handle_t *)&absent->timer))
        uv_close((uv_handle_t *)&absent->timer, NULL);
}

void cs_absent_deinit(struct cs_absent *absent)
{
    for (size_t i = 0; i < absent->n; i++)
        free(absent->list[i].uri);
    free(absent->list);
    absent->list = NULL;
    absent->n = 0;
}

static struct cs_absent_identity *find(const struct cs_absent *absent, const uint8_t *id)
{
    for (size_t i = 0; i < absent->n; i++)
        if (memcmp(absent->list[i].id, id, CS_ID_SIZE) == 0)
            return &absent->list[i];
    return NULL;
}

static struct cs_absent_identity *new_place(struct cs_absent *absent)
{
    struct cs_absent_identity *list;

    if (absent->n == REMEMBERED_MAX)
        return &absent->list[absent->next++ % REMEMBERED_MAX];
    list = reallocarray(absent->list, absent->n + 1, sizeof(*list));
    if (!list)
        return NULL;
    absent->list = list;
    list[absent->n].uri = NULL;
    return &list[absent->n++];
}

static void remember(struct cs_absent *absent, const struct cs_identity *identity)
{
    struct cs_absent_identity *place = find(absent, identity->key->id);

    if (!place)
        place = new_place(absent);
    if (!place)
        return;
    memcpy(place->id, identity->key->id, CS_ID_SIZE);
    memcpy(place->token, identity->token->name, sizeof(place->token));
    place->host = identity->token->host;
    if (!place->uri || strcmp(place->uri, identity->token->uri) != 0) {
        free(place->uri);
        place->uri = strdup(identity->token->uri);
    }
}

const struct cs_absent_identity *cs_absent_find(const struct cs_absent *absent, const uint8_t *id)
{
    return find(absent, id);
}

const struct cs_token *cs_absent_token(
    const struct cs_absent_identity *identity, const struct cs_inventory *inventory)
{
    for (size_t i = 0; identity->uri && i < inventory->n_tokens; i++)
        if (strcmp(inventory->tokens[i]->uri, identity->uri) == 0)
            return inventory->tokens[i];
    return NULL;
}

static uint64_t now(const struct cs_absent *absent)
{
    return uv_now(absent->timer.loop);
}

static void on_timer(uv_timer_t *timer);

static void wind(struct cs_absent *absent)
{
    struct cs_absent_waiter *waiter;
    uint64_t first = UINT64_MAX;

    TAILQ_FOREACH(waiter, &absent->waiters, link)
    if (waiter->until < first)
        first = waiter->until;
    if (uv_is_closing((uv_handle_t *)&absent->timer))
        return;
    if (first == UINT64_MAX)
        uv_timer_stop(&absent->timer);
    else
        uv_timer_start(&absent->timer, on_timer, first > now(absent) ? first - now(absent) : 0, 0);
}

void cs_absent_leave(struct cs_absent *absent, struct cs_absent_waiter *waiter)
{
    if (!waiter->waits)
        return;
    waiter->waits = false;
    TAILQ_REMOVE(&absent->waiters, waiter, link);
    absent->changes++;
    wind(absent);
}

/* done may wait again, but it ends no other waiter. */
static void end(struct cs_absent *absent, struct cs_absent_waiter *waiter, bool there)
{
    cs_absent_leave(absent, waiter);
    waiter->done(waiter, there);
}

static void on_timer(uv_timer_t *timer)
{
    struct cs_absent *absent = timer->data;
    struct cs_absent_waiter *waiter, *next;

    for (waiter = TAILQ_FIRST(&absent->waiters); waiter; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (waiter->until <= now(absent))
            end(absent, waiter, false);
    }
    wind(absent);
}

void cs_absent_look(struct cs_absent *absent, const struct cs_inventory *inventory)
{
    struct cs_absent_waiter *waiter, *next;

    if (absent->generation == inventory->generation)
        return;
    absent->generation = inventory->generation;
    for (size_t i = 0; i < inventory->n_identities; i++)
        remember(absent, inventory->identities[i]);
    for (waiter = TAILQ_FIRST(&absent->waiters); waiter; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (cs_inventory_identity(inventory, CS_BYTES(waiter->id, CS_ID_SIZE)))
            end(absent, waiter, true);
    }
}

void cs_absent_wait(struct cs_absent *absent, struct cs_absent_waiter *waiter, uint64_t limit)
{
    waiter->waits = true;
    waiter->until = now(absent) + limit;
    TAILQ_INSERT_TAIL(&absent->waiters, waiter, link);
    absent->changes++;
    wind(absent);
}
