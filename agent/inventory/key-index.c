/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in order, so that a token of a thousand identities needs no million comparisons. Keys are
 * sorted by what all equal ones have in common; which of those with one point are equal is
 * cs_key_equal's to say. Used by identity.c.
 */
#include "inventory/key-index.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>

static int by_order(const void *a, const void *b)
{
    const struct cs_key_entry *x = a, *y = b;
    int order = cs_bytes_compare(x->by, y->by);

    if (order != 0)
        return order;
    return x->place < y->place ? -1 : x->place > y->place;
}

static struct cs_bytes point_of(const struct cs_object *object)
{
    return object->key.point;
}

static struct cs_bytes id_of(const struct cs_object *object)
{
    return object->cka_id;
}

static int make(struct cs_key_index *index, struct cs_object *const *objects, size_t n,
    struct cs_bytes (*by)(const struct cs_object *object))
{
    *index = (struct cs_key_index){.entries = calloc(n + 1, sizeof(*index->entries))};
    if (!index->entries)
        return CS_ERR_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (objects[i]->has_key && by(objects[i]).len)
            index->entries[index->n++] =
                (struct cs_key_entry){.object = objects[i], .by = by(objects[i]), .place = i};
    qsort(index->entries, index->n, sizeof(*index->entries), by_order);
    return 0;
}

int cs_key_index_init(struct cs_key_index *index, struct cs_object *const *objects, size_t n)
{
    return make(index, objects, n, point_of);
}

int cs_key_index_init_by_id(struct cs_key_index *index, struct cs_object *const *objects, size_t n)
{
    return make(index, objects, n, id_of);
}

void cs_key_index_deinit(struct cs_key_index *index)
{
    free(index->entries);
    *index = (struct cs_key_index){0};
}

/* The first entry that is not before this one. */
static size_t find(const struct cs_key_index *index, struct cs_bytes by)
{
    size_t low = 0, high = index->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (cs_bytes_compare(index->entries[middle].by, by) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct cs_key_entry *cs_key_index_next_by(
    const struct cs_key_index *index, struct cs_bytes by, size_t *atp)
{
    size_t at = *atp ? *atp : find(index, by);

    if (at >= index->n || !cs_bytes_equal(index->entries[at].by, by))
        return NULL;
    *atp = at + 1;
    return &index->entries[at];
}

struct cs_key_entry *cs_key_index_next(
    const struct cs_key_index *index, const struct cs_key *key, size_t *atp)
{
    struct cs_key_entry *entry;

    while ((entry = cs_key_index_next_by(index, key->point, atp)))
        if (cs_key_equal(&entry->object->key, key))
            return entry;
    return NULL;
}
