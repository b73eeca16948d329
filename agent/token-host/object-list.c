/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of a token's objects, each with what it consists of in a piece of memory of its own. Made
 * by object.c, kept and compared by token.c.
 */
#include "token-host/object.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>

void cs_objects_deinit(struct cs_objects *objects)
{
    for (size_t i = 0; i < objects->n; i++)
        free(objects->items[i].store);
    free(objects->items);
    *objects = (struct cs_objects){0};
}

static int append(struct cs_objects *objects, const struct cs_object *object)
{
    struct cs_object *items;

    if ((objects->n & (objects->n - 1)) == 0) {
        size_t cap = objects->n ? objects->n * 2 : 1;

        items = realloc(objects->items, cap * sizeof(*items));
        if (!items)
            return CS_ERR_MEMORY;
        objects->items = items;
    }
    objects->items[objects->n++] = *object;
    return 0;
}

int cs_objects_store(struct cs_objects *objects, const struct cs_object *borrowed)
{
    struct cs_object object = *borrowed;
    size_t size = object.label.len + object.cka_id.len + object.value.len;
    uint8_t *at = object.store = malloc(size ? size : 1);
    int r;

    if (!at)
        return CS_ERR_MEMORY;
    object.label = cs_bytes_store(object.label, &at);
    object.cka_id = cs_bytes_store(object.cka_id, &at);
    object.value = cs_bytes_store(object.value, &at);
    r = append(objects, &object);
    if (r < 0)
        free(object.store);
    return r;
}

static bool object_equal(const struct cs_object *a, const struct cs_object *b)
{
    return a->object_class == b->object_class && a->key_type == b->key_type &&
           a->flags == b->flags && cs_bytes_equal(a->label, b->label) &&
           cs_bytes_equal(a->cka_id, b->cka_id) && cs_bytes_equal(a->value, b->value);
}

bool cs_objects_equal(const struct cs_objects *a, const struct cs_objects *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!object_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

bool cs_objects_same_handles(const struct cs_objects *a, const struct cs_objects *b)
{
    if (!cs_objects_equal(a, b))
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->items[i].handle != b->items[i].handle)
            return false;
    return true;
}

static bool contains(const struct cs_objects *objects, const struct cs_object *object)
{
    for (size_t i = 0; i < objects->n; i++)
        if (object_equal(&objects->items[i], object))
            return true;
    return false;
}

int cs_objects_keep_private(struct cs_objects *objects, const struct cs_objects *old)
{
    for (size_t i = 0; i < old->n; i++) {
        struct cs_object object = old->items[i];
        int r;

        if (object.object_class != CS_HOST_PRIVATE_KEY || contains(objects, &object))
            continue;
        object.handle = CK_INVALID_HANDLE;
        r = cs_objects_store(objects, &object);
        if (r < 0)
            return cs_trace(r);
    }
    return 0;
}

void cs_objects_forget_private(struct cs_objects *objects)
{
    for (size_t i = 0; i < objects->n; i++)
        if (objects->items[i].object_class == CS_HOST_PRIVATE_KEY)
            objects->items[i].handle = CK_INVALID_HANDLE;
}
