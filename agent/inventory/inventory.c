/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is. Hosts put and remove tokens; everything that answers clients reads. The rows of
 * identities and certificates are made anew at every change, so that reading is a walk over an
 * array. No pointer into a picture outlives a return to the loop.
 */
#include "inventory/inventory.h"
#include "base/log.h"

#include <countersign/error.h>
#include <malloc.h>
#include <string.h>
#include <time.h>

void cs_inventory_init(struct cs_inventory *inventory)
{
    struct timespec now;

    /* An agent that was started anew must not repeat a number of the one before. */
    clock_gettime(CLOCK_REALTIME, &now);
    *inventory = (struct cs_inventory){
        .generation = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
}

void cs_inventory_deinit(struct cs_inventory *inventory)
{
    for (size_t i = 0; i < inventory->n_tokens; i++)
        cs_token_free(inventory->tokens[i]);
    free(inventory->tokens);
    free(inventory->identities);
    free(inventory->certificates);
    *inventory = (struct cs_inventory){0};
}

static int compare_identities(const void *a, const void *b)
{
    const struct cs_identity *x = *(const struct cs_identity *const *)a;
    const struct cs_identity *y = *(const struct cs_identity *const *)b;
    int r = memcmp(x->key->id, y->key->id, CS_ID_SIZE);

    return r ? r : cs_token_compare(x->token, y->token);
}

static int compare_certificates(const void *a, const void *b)
{
    const struct cs_plain_certificate *x = a, *y = b;
    int r = cs_bytes_compare(x->object->value, y->object->value);

    if (r == 0)
        r = cs_bytes_compare(x->object->label, y->object->label);
    if (r == 0)
        r = cs_bytes_compare(x->object->cka_id, y->object->cka_id);
    return r ? r : cs_token_compare(x->token, y->token);
}

typedef int compare_rows(const void *a, const void *b);

struct comparison {
    compare_rows *rows;
};

/* Of those that are the same the first is first. */
static int compare_places(const void *a, const void *b, void *user)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    const struct comparison *compare = user;
    int r = compare->rows(x, y);

    return r ? r : (x > y) - (x < y);
}

/* Leaves of the same rows the first, in their order. By sorting: it is the modules that say how
 * many there are. */
static int drop_repeated(void *rows, size_t *np, size_t size, compare_rows *compare)
{
    CS_AUTO(cs_freep) char **places = calloc(*np + 1, sizeof(char *));
    CS_AUTO(cs_freep) bool *is_repeated = calloc(*np + 1, sizeof(bool));
    size_t n = 0;

    if (!places || !is_repeated)
        return CS_ERR_MEMORY;
    for (size_t i = 0; i < *np; i++)
        places[i] = (char *)rows + i * size;
    qsort_r(places, *np, sizeof(char *), compare_places, &(struct comparison){compare});
    for (size_t i = 1; i < *np; i++)
        if (compare(places[i - 1], places[i]) == 0)
            is_repeated[(size_t)(places[i] - (char *)rows) / size] = true;
    for (size_t i = 0; i < *np; i++)
        if (!is_repeated[i])
            memmove((char *)rows + n++ * size, (char *)rows + i * size, size);
    *np = n;
    return 0;
}

static size_t n_in_bundle(const struct cs_inventory *inventory)
{
    return inventory->bundle ? inventory->bundle->n : 0;
}

static bool has_certificate(const struct cs_token *token, struct cs_bytes der)
{
    for (size_t i = 0; i < token->n_objects; i++)
        if (token->objects[i]->class == CS_HOST_CERTIFICATE &&
            cs_bytes_equal(token->objects[i]->value, der))
            return true;
    return false;
}

static bool has_key_of(const struct cs_token *token, const struct cs_object *certificate)
{
    for (size_t i = 0; i < token->n_identities; i++)
        if (cs_identity_has(&token->identities[i], certificate))
            return true;
    return false;
}

/* Of authorities. */
static void add_rows_of_bundle(struct cs_inventory *inventory, const struct cs_token *token)
{
    for (size_t i = 0; i < n_in_bundle(inventory); i++) {
        const struct cs_object *object = inventory->bundle->items[i];

        if (object->authority && !object->self_issued && !has_certificate(token, object->value) &&
            !has_key_of(token, object))
            inventory->certificates[inventory->n_certificates++] =
                (struct cs_plain_certificate){token, object};
    }
}

/* Of its keys. */
static void attach_bundle(const struct cs_inventory *inventory, struct cs_token *token)
{
    for (size_t i = 0; i < n_in_bundle(inventory); i++) {
        const struct cs_object *object = inventory->bundle->items[i];

        if (has_certificate(token, object->value))
            continue;
        for (size_t j = 0; j < token->n_identities; j++)
            if (cs_identity_has(&token->identities[j], object))
                cs_identity_add(&token->identities[j], object);
    }
}

static void add_rows_of(struct cs_inventory *inventory, const struct cs_token *token)
{
    for (size_t i = 0; i < token->n_identities; i++)
        inventory->identities[inventory->n_identities++] = &token->identities[i];
    for (size_t i = 0; i < token->n_objects; i++)
        if (token->objects[i]->class == CS_HOST_CERTIFICATE && !token->objects[i]->of_identity)
            inventory->certificates[inventory->n_certificates++] =
                (struct cs_plain_certificate){token, token->objects[i]};
    if (token->n_identities > 0)
        add_rows_of_bundle(inventory, token);
}

static bool shares_label(const struct cs_inventory *inventory, const struct cs_token *token)
{
    for (size_t i = 0; i < inventory->n_tokens; i++)
        if (cs_bytes_equal(inventory->tokens[i]->label, token->label) &&
            !cs_token_equal(inventory->tokens[i], token))
            return true;
    return false;
}

static int by_order(const void *a, const void *b)
{
    const struct cs_token *x = *(struct cs_token *const *)a;
    const struct cs_token *y = *(struct cs_token *const *)b;

    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int make_rows(struct cs_inventory *inventory)
{
    size_t n_identities = 0, n_objects = 0;
    const struct cs_identity **identities;
    struct cs_plain_certificate *certificates;
    int r;

    inventory->generation++;
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        cs_token_set_word(inventory->tokens[i], shares_label(inventory, inventory->tokens[i]));
        n_identities += inventory->tokens[i]->n_identities;
        n_objects += inventory->tokens[i]->n_objects + n_in_bundle(inventory);
    }
    free(inventory->identities);
    free(inventory->certificates);
    inventory->n_identities = inventory->n_certificates = 0;
    identities = calloc(n_identities + 1, sizeof(struct cs_identity *));
    certificates = calloc(n_objects + 1, sizeof(*certificates));
    inventory->identities = identities;
    inventory->certificates = certificates;
    if (!identities || !certificates)
        return CS_ERR_MEMORY;
    if (inventory->n_tokens)
        qsort(inventory->tokens, inventory->n_tokens, sizeof(struct cs_token *), by_order);
    for (size_t i = 0; i < inventory->n_tokens; i++)
        add_rows_of(inventory, inventory->tokens[i]);
    r = drop_repeated(
        identities, &inventory->n_identities, sizeof(struct cs_identity *), compare_identities);
    if (r < 0)
        return r;
    return drop_repeated(
        certificates, &inventory->n_certificates, sizeof(*certificates), compare_certificates);
}

static void forget(struct cs_inventory *inventory, size_t at)
{
    cs_token_free(inventory->tokens[at]);
    malloc_trim(0); /* it may have been large, and lay among what stays */
    inventory->n_tokens--;
    for (size_t i = at; i < inventory->n_tokens; i++)
        inventory->tokens[i] = inventory->tokens[i + 1];
}

static size_t find(const struct cs_inventory *inventory, const struct cs_host *host, uint32_t slot)
{
    size_t i = 0;

    while (i < inventory->n_tokens &&
           (inventory->tokens[i]->host != host || inventory->tokens[i]->slot != slot))
        i++;
    return i;
}

struct cs_token *cs_inventory_token(
    const struct cs_inventory *inventory, const struct cs_host *host, uint32_t slot)
{
    size_t at = find(inventory, host, slot);

    return at < inventory->n_tokens ? inventory->tokens[at] : NULL;
}

int cs_inventory_put(struct cs_inventory *inventory, struct cs_token *token)
{
    CS_AUTO(cs_token_freep) struct cs_token *owned = token;
    struct cs_token **tokens =
        reallocarray(inventory->tokens, inventory->n_tokens + 1, sizeof(struct cs_token *));
    size_t at;

    if (!tokens)
        return CS_ERR_MEMORY;
    inventory->tokens = tokens;
    at = find(inventory, token->host, token->slot);
    if (at < inventory->n_tokens)
        forget(inventory, at);
    attach_bundle(inventory, token);
    tokens[inventory->n_tokens++] = cs_steal(&owned);
    return make_rows(inventory);
}

void cs_inventory_touch(struct cs_inventory *inventory)
{
    inventory->generation++;
}

void cs_inventory_remove(struct cs_inventory *inventory, const struct cs_host *host, uint32_t slot)
{
    size_t at = find(inventory, host, slot);

    if (at == inventory->n_tokens)
        return;
    forget(inventory, at);
    make_rows(inventory);
}

void cs_inventory_remove_host(struct cs_inventory *inventory, const struct cs_host *host)
{
    for (size_t i = inventory->n_tokens; i-- > 0;)
        if (inventory->tokens[i]->host == host)
            forget(inventory, i);
    make_rows(inventory);
}

const struct cs_identity *cs_inventory_identity(
    const struct cs_inventory *inventory, struct cs_bytes id)
{
    return cs_inventory_identity_beside(inventory, id, NULL, 0);
}

const struct cs_identity *cs_inventory_identity_beside(const struct cs_inventory *inventory,
    struct cs_bytes id, const struct cs_host *host, uint32_t slot)
{
    const struct cs_identity *first = NULL;
    size_t but = find(inventory, host, slot);

    for (size_t i = 0; i < inventory->n_tokens; i++)
        for (size_t j = 0; i != but && j < inventory->tokens[i]->n_identities; j++) {
            const struct cs_identity *identity = &inventory->tokens[i]->identities[j];

            if (!cs_bytes_equal(CS_BYTES(identity->key->id, CS_ID_SIZE), id))
                continue;
            if (!cs_token_is_locked(identity->token))
                return identity;
            if (!first)
                first = identity;
        }
    return first;
}
