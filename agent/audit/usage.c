/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters by program. They show which programs hand over what can be proven, and which do not.
 * Programs beyond the limit are counted as one. Counted by record.c, told by reply.c.
 */
#include "audit/usage.h"
#include "limit.h"

#include <stdlib.h>
#include <string.h>

static const char others[] = "others";

void cs_usage_deinit(struct cs_usage *usage)
{
    for (size_t i = 0; i < usage->n; i++)
        free(usage->entries[i].program);
    free(usage->entries);
    *usage = (struct cs_usage){0};
}

static struct cs_usage_entry *find(struct cs_usage *usage, const char *program)
{
    for (size_t i = 0; i < usage->n; i++)
        if (strcmp(usage->entries[i].program, program) == 0)
            return &usage->entries[i];
    return NULL;
}

static struct cs_usage_entry *add(struct cs_usage *usage, const char *program)
{
    struct cs_usage_entry *entries = reallocarray(usage->entries, usage->n + 1, sizeof(*entries));
    char *copy = strdup(program);

    if (entries)
        usage->entries = entries;
    if (!entries || !copy) {
        free(copy);
        return NULL;
    }
    entries[usage->n] = (struct cs_usage_entry){.program = copy};
    return &entries[usage->n++];
}

void cs_usage_count(struct cs_usage *usage, const char *program, bool proven, bool denied)
{
    struct cs_usage_entry *entry = find(usage, program);

    if (!entry && usage->n >= CS_LIMIT_PROGRAMS_COUNTED)
        program = others;
    if (!entry)
        entry = find(usage, program);
    if (!entry)
        entry = add(usage, program);
    if (!entry)
        return;
    entry->signatures += !denied;
    entry->proven += !denied && proven;
    entry->denied += denied;
}

void cs_usage_put(const struct cs_usage *usage, struct cs_buf *buf)
{
    cs_buf_put_u32(buf, (uint32_t)usage->n);
    for (size_t i = 0; i < usage->n; i++)
        cs_msg_use_put(
            buf, &(const struct cs_msg_use){.program = cs_bytes_of(usage->entries[i].program),
                     .signatures = usage->entries[i].signatures,
                     .proven = usage->entries[i].proven,
                     .denied = usage->entries[i].denied});
}
