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

static void token_unref(struct cs_absent_token *token)
{
    if (token && --token->refs == 0)
        free(token);
}

void cs_absent_deinit(struct cs_absent *absent)
{
    for (size_t i = 0; i < absent->n; i++)
        token_unref(absent->list[i].token);
    free(absent->list);
    absent->list = NULL;
    absent->n = 0;
}

/* They are mostly in the order in which they are looked for: *nextp is where it goes on. */
static struct cs_absent_identity *find(
    const struct cs_absent *absent, const uint8_t *id, size_t *nextp)
{
    for (size_t i = 0; i < absent->n; i++) {
        size_t at = (*nextp + i) % absent->n;

        if (memcmp(absent->list[at].id, id, CS_ID_SIZE) == 0) {
            *nextp = at + 1;
            return &absent->list[at];
        }
    }
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
    list[absent->n].token = NULL;
    return &list[absent->n++];
}

static bool is_same(const struct cs_absent_token *known, const struct cs_token *token)
{
    return known && known->host == token->host && strcmp(known->name, token->name) == 0 &&
           strcmp(known->uri, token->uri) == 0;
}

/* A new one counts as used once, by the caller. */
static struct cs_absent_token *new_token(const struct cs_token *from)
{
    size_t size = strlen(from->uri) + 1;
    struct cs_absent_token *token = calloc(1, sizeof(*token) + size);

    if (!token)
        return NULL;
    token->refs = 1;
    token->host = from->host;
    memcpy(token->name, from->name, sizeof(token->name));
    memcpy(token->uri, from->uri, size);
    return token;
}

static void remember(struct cs_absent *absent, const struct cs_identity *identity,
    struct cs_absent_token *token, size_t *nextp)
{
    struct cs_absent_identity *place = find(absent, identity->key->id, nextp);

    if (place && is_same(place->token, identity->token))
        return;
    if (!place)
        place = new_place(absent);
    if (!place)
        return;
    memcpy(place->id, identity->key->id, CS_ID_SIZE);
    token_unref(place->token);
    place->token = token;
    token->refs++;
}

const struct cs_absent_identity *cs_absent_find(const struct cs_absent *absent, const uint8_t *id)
{
    size_t next = 0;

    return find(absent, id, &next);
}

const struct cs_token *cs_absent_token(
    const struct cs_absent_identity *identity, const struct cs_inventory *inventory)
{
    for (size_t i = 0; i < inventory->n_tokens; i++)
        if (strcmp(inventory->tokens[i]->uri, identity->token->uri) == 0)
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

/* Those of one token stand together. */
static void remember_all(struct cs_absent *absent, const struct cs_inventory *inventory)
{
    struct cs_absent_token *token = NULL;
    size_t next = 0;

    for (size_t i = 0; i < inventory->n_identities; i++) {
        const struct cs_identity *identity = inventory->identities[i];

        if (!is_same(token, identity->token)) {
            token_unref(token);
            token = new_token(identity->token);
        }
        if (token)
            remember(absent, identity, token, &next);
    }
    token_unref(token);
}

void cs_absent_look(struct cs_absent *absent, const struct cs_inventory *inventory)
{
    struct cs_absent_waiter *waiter, *next;

    if (absent->generation == inventory->generation)
        return;
    absent->generation = inventory->generation;
    remember_all(absent, inventory);
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
