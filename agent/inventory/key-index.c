/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in order, so that a token of a thousand identities needs no million comparisons. Sorted by
 * what all equal keys have in common; which of those with one point are equal is cs_key_equal's to
 * say. Used by identity.c.
 */
#include "inventory/key-index.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>

static int compare_points(struct cs_bytes a, struct cs_bytes b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.data, b.data, a.len) : 0;
}

static int by_point(const void *a, const void *b)
{
    const struct cs_key_entry *x = a, *y = b;
    int order = compare_points(x->object->key.point, y->object->key.point);

    if (order != 0)
        return order;
    return x->place < y->place ? -1 : x->place > y->place;
}

int cs_key_index_init(struct cs_key_index *index, struct cs_object *const *objects, size_t n)
{
    *index = (struct cs_key_index){.entries = calloc(n + 1, sizeof(*index->entries))};
    if (!index->entries)
        return CS_ERR_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (objects[i]->has_key)
            index->entries[index->n++] = (struct cs_key_entry){.object = objects[i], .place = i};
    qsort(index->entries, index->n, sizeof(*index->entries), by_point);
    return 0;
}

void cs_key_index_deinit(struct cs_key_index *index)
{
    free(index->entries);
    *index = (struct cs_key_index){0};
}

/* The first entry whose point is not before this one. */
static size_t find(const struct cs_key_index *index, struct cs_bytes point)
{
    size_t low = 0, high = index->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_points(index->entries[middle].object->key.point, point) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct cs_key_entry *cs_key_index_next(
    const struct cs_key_index *index, const struct cs_key *key, size_t *atp)
{
    size_t at = *atp ? *atp : find(index, key->point);

    for (; at < index->n; at++) {
        struct cs_key_entry *entry = &index->entries[at];

        if (!cs_bytes_equal(entry->object->key.point, key->point))
            break;
        if (cs_key_equal(&entry->object->key, key)) {
            *atp = at + 1;
            return entry;
        }
    }
    return NULL;
}
