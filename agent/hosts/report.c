/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of a token host. A picture is built aside and replaces the one before when it is whole,
 * so that clients never see half a token. The host runs the vendor's code: what it says is read
 * strictly and counted. Used by host-talk.c.
 */
#include "hosts/report.h"
#include "base/log.h"

#include <countersign/error.h>
#include <stdio.h>

static size_t find_begun(const struct cs_reports *reports, uint32_t slot)
{
    size_t i = 0;

    while (i < reports->n_begun && reports->begun[i]->slot != slot)
        i++;
    return i;
}

static struct cs_token *take_begun(struct cs_reports *reports, size_t at)
{
    struct cs_token *token = reports->begun[at];

    reports->begun[at] = reports->begun[--reports->n_begun];
    return token;
}

static int take_begin(struct cs_reports *reports, struct cs_bytes body)
{
    struct cs_host_token m;
    struct cs_token *token;
    int r = cs_host_token_get(body, &m);

    if (r < 0)
        return r;
    if (find_begun(reports, m.slot) < reports->n_begun)
        return CS_ERR_PROTOCOL;
    if (reports->n_begun + reports->n_tokens >= CS_LIMIT_TOKENS_PER_HOST)
        return CS_ERR_TOO_LARGE;
    r = cs_token_new(&m, &token);
    if (r < 0)
        return r;
    token->host = reports->host;
    token->module = reports->module;
    token->order = reports->order;
    reports->begun[reports->n_begun++] = token;
    return 0;
}

/* Of all that the host shows, with this object: pictures that are not yet whole count in place of
 * what they replace. */
static bool is_too_much(const struct cs_reports *reports, const struct cs_host_object *m)
{
    const struct cs_inventory *inventory = reports->inventory;
    size_t n = 1, bytes = m->value.len + m->label.len + m->cka_id.len;

    for (size_t i = 0; i < reports->n_begun; i++) {
        n += reports->begun[i]->n_objects;
        bytes += reports->begun[i]->n_bytes;
    }
    for (size_t i = 0; i < inventory->n_tokens; i++)
        if (inventory->tokens[i]->host == reports->host &&
            find_begun(reports, inventory->tokens[i]->slot) == reports->n_begun) {
            n += inventory->tokens[i]->n_objects;
            bytes += inventory->tokens[i]->n_bytes;
        }
    return n > CS_LIMIT_OBJECTS_PER_HOST || bytes > CS_LIMIT_HOST_BYTES;
}

/* After its tokens changed. */
static void judge(struct cs_reports *reports)
{
    const struct cs_inventory *inventory = reports->inventory;
    size_t n = 0;

    for (size_t i = 0; i < inventory->n_tokens; i++)
        if (inventory->tokens[i]->host == reports->host)
            n += inventory->tokens[i]->n_left_out;
    if (n > 0)
        snprintf(reports->left_out, sizeof(reports->left_out),
            "%zu object%s of its tokens %s left out, for a module may show no more than %d objects "
            "and %u MB: take off its tokens what you do not need",
            n, n == 1 ? "" : "s", n == 1 ? "is" : "are", CS_LIMIT_OBJECTS_PER_HOST,
            CS_LIMIT_HOST_BYTES >> 20);
    else
        reports->left_out[0] = '\0';
}

static int take_object(struct cs_reports *reports, struct cs_bytes body)
{
    struct cs_host_object m;
    size_t at;
    int r = cs_host_object_get(body, &m);

    if (r < 0)
        return r;
    at = find_begun(reports, m.slot);
    if (at == reports->n_begun)
        return CS_ERR_PROTOCOL;
    if (!is_too_much(reports, &m))
        return cs_token_add(reports->begun[at], &m);
    reports->begun[at]->n_left_out++;
    return 0;
}

static int take_end(struct cs_reports *reports, struct cs_bytes body)
{
    CS_AUTO(cs_token_freep) struct cs_token *token = NULL;
    uint32_t slot;
    size_t at, n_left_out;
    int r = cs_host_number_get(body, &slot);

    if (r < 0)
        return r;
    at = find_begun(reports, slot);
    if (at == reports->n_begun)
        return CS_ERR_PROTOCOL;
    token = take_begun(reports, at);
    n_left_out = token->n_left_out;
    r = cs_token_complete(token);
    if (r < 0)
        return r;
    cs_memory_see(&reports->memory, token);
    if (!cs_inventory_token(reports->inventory, reports->host, slot))
        reports->n_tokens++;
    r = cs_inventory_put(reports->inventory, cs_steal(&token));
    if (r < 0)
        return r;
    judge(reports);
    if (n_left_out > 0)
        cs_warn("module '%s': %s", reports->module, reports->left_out);
    return 0;
}

static int take_state(struct cs_reports *reports, struct cs_bytes body)
{
    struct cs_host_token_state m;
    struct cs_token *token;
    size_t at;
    int r = cs_host_token_state_get(body, &m);

    if (r < 0)
        return r;
    at = find_begun(reports, m.slot);
    if (at < reports->n_begun)
        cs_token_set_state(reports->begun[at], &m);
    token = cs_inventory_token(reports->inventory, reports->host, m.slot);
    if (!token)
        return at < reports->n_begun ? 0 : CS_ERR_PROTOCOL;
    cs_token_set_state(token, &m);
    cs_memory_see(&reports->memory, token);
    cs_inventory_touch(reports->inventory);
    return 0;
}

static int take_gone(struct cs_reports *reports, struct cs_bytes body)
{
    uint32_t slot;
    size_t at;
    int r = cs_host_number_get(body, &slot);

    if (r < 0)
        return r;
    at = find_begun(reports, slot);
    if (at < reports->n_begun)
        cs_token_free(take_begun(reports, at));
    else if (!cs_inventory_token(reports->inventory, reports->host, slot))
        return CS_ERR_PROTOCOL;
    if (cs_inventory_token(reports->inventory, reports->host, slot)) {
        cs_inventory_remove(reports->inventory, reports->host, slot);
        reports->n_tokens--;
        judge(reports);
    }
    return 0;
}

static int take_trouble(struct cs_reports *reports, struct cs_bytes body)
{
    struct cs_host_trouble m;
    int r = cs_host_trouble_get(body, &m);

    if (r == 0)
        cs_text_clean(m.text, reports->trouble, sizeof(reports->trouble));
    return r;
}

int cs_reports_take(struct cs_reports *reports, const struct cs_frame *frame)
{
    switch (frame->type) {
    case CS_HOST_TOKEN_BEGIN:
        return take_begin(reports, frame->body);
    case CS_HOST_OBJECT:
        return take_object(reports, frame->body);
    case CS_HOST_TOKEN_END:
        return take_end(reports, frame->body);
    case CS_HOST_TOKEN_STATE:
        return take_state(reports, frame->body);
    case CS_HOST_TOKEN_GONE:
        return take_gone(reports, frame->body);
    case CS_HOST_TROUBLE:
        return take_trouble(reports, frame->body);
    default:
        return CS_ERR_PROTOCOL;
    }
}

void cs_reports_drop(struct cs_reports *reports)
{
    while (reports->n_begun > 0)
        cs_token_free(reports->begun[--reports->n_begun]);
    if (reports->n_tokens > 0)
        cs_inventory_remove_host(reports->inventory, reports->host);
    reports->n_tokens = 0;
    reports->left_out[0] = reports->trouble[0] = '\0';
}
