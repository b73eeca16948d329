/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chromium knows a certificate by "token label:certificate label" alone: what has no label, or the
 * label of another, or a colon in the token's, it does not find. Called by view.c.
 */
#include "pkcs11/label.h"
#include "pkcs11/object.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>

/* Its entry, or the free one that would be its. */
static struct cs_label_entry *place(const struct cs_labels *labels, uint64_t hash)
{
    size_t at = (size_t)hash & (labels->room - 1);

    while (labels->entries[at].n > 0 && labels->entries[at].hash != hash)
        at = (at + 1) & (labels->room - 1);
    return &labels->entries[at];
}

static struct cs_label_entry *find(const struct cs_labels *labels, struct cs_bytes label)
{
    struct cs_label_entry *entry;

    if (labels->n == 0)
        return NULL;
    entry = place(labels, cs_hash_bytes(CS_HASH_BEGIN, label));
    return entry->n > 0 ? entry : NULL;
}

static int grow(struct cs_labels *labels)
{
    struct cs_labels larger = {.memory = labels->memory, .n = labels->n};

    larger.room = labels->room ? 2 * labels->room : 64;
    larger.entries = cs_memory_take(labels->memory, larger.room * sizeof(larger.entries[0]));
    if (!larger.entries)
        return CS_ERR_MEMORY;
    for (size_t i = 0; i < labels->room; i++)
        if (labels->entries[i].n > 0)
            *place(&larger, labels->entries[i].hash) = labels->entries[i];
    *labels = larger;
    return 0;
}

static int add(struct cs_labels *labels, struct cs_bytes label)
{
    uint64_t hash = cs_hash_bytes(CS_HASH_BEGIN, label);

    if (2 * labels->n >= labels->room && grow(labels) < 0)
        return CS_ERR_MEMORY;
    *place(labels, hash) = (struct cs_label_entry){.hash = hash, .n = 1};
    labels->n++;
    return 0;
}

/* The front of it, whole characters only. */
static struct cs_bytes cut(struct cs_bytes label, size_t max)
{
    while (max > 0 && label.len > max) {
        label.len = max;
        while (label.len > 0 && !cs_bytes_is_string(label))
            label.len--;
    }
    return label;
}

/* "label (n)", the label cut as it must. */
static struct cs_bytes numbered(
    struct cs_labels *labels, struct cs_bytes label, size_t max, unsigned n)
{
    char suffix[16];
    size_t len = (size_t)snprintf(suffix, sizeof(suffix), " (%u)", n);
    struct cs_bytes front = cut(label, max ? max - len : 0);
    char *text = cs_memory_take(labels->memory, front.len + len);

    if (!text)
        return CS_BYTES(NULL, 0);
    if (front.len)
        memcpy(text, front.data, front.len);
    memcpy(text + front.len, suffix, len);
    return CS_BYTES(text, front.len + len);
}

int cs_labels_give(
    struct cs_labels *labels, struct cs_bytes wanted, size_t max, struct cs_bytes *given)
{
    struct cs_label_entry *first;
    struct cs_bytes label;

    wanted = label = cut(wanted, max);
    first = find(labels, wanted);
    if (first) {
        do {
            label = numbered(labels, wanted, max, ++first->n);
            if (!label.data)
                return CS_ERR_MEMORY;
        } while (find(labels, label));
    }
    *given = label;
    return add(labels, label);
}

int cs_labels_count(struct cs_labels *labels, struct cs_bytes name)
{
    struct cs_label_entry *entry = find(labels, name);

    if (!entry)
        return add(labels, name);
    entry->n++;
    return 0;
}

unsigned cs_labels_n(const struct cs_labels *labels, struct cs_bytes name)
{
    const struct cs_label_entry *entry = find(labels, name);

    return entry ? entry->n : 0;
}

struct cs_bytes cs_label_clean(struct cs_memory **memory, struct cs_bytes raw, bool colons)
{
    struct cs_bytes copy = cs_memory_copy(memory, raw);
    uint8_t *data = (uint8_t *)copy.data;

    for (size_t at = 0; copy.data && at < copy.len;) {
        size_t n = cs_bytes_utf8(CS_BYTES(data + at, copy.len - at));

        if (n == 0 || data[at] < 0x20 || data[at] == 0x7f)
            data[at] = '?';
        else if (data[at] == ':' && !colons)
            data[at] = '-';
        at += n ? n : 1;
    }
    return copy;
}
