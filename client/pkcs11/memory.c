/* SPDX-License-Identifier: Apache-2.0 */
/* A list of blocks. A picture has a few dozen: its pages, its arrays, the labels that were made. */
#include "pkcs11/memory.h"

#include <stdlib.h>
#include <string.h>

struct cs_memory {
    struct cs_memory *next;
    max_align_t data[];
};

void *cs_memory_take(struct cs_memory **memory, size_t size)
{
    struct cs_memory *block = calloc(1, sizeof(*block) + size);

    if (!block)
        return NULL;
    block->next = *memory;
    *memory = block;
    return block->data;
}

struct cs_bytes cs_memory_copy(struct cs_memory **memory, struct cs_bytes bytes)
{
    void *copy = cs_memory_take(memory, bytes.len);

    if (!copy)
        return CS_BYTES(NULL, 0);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    return CS_BYTES(copy, bytes.len);
}

void cs_memory_free(struct cs_memory **memory)
{
    while (*memory) {
        struct cs_memory *block = *memory;

        *memory = block->next;
        free(block);
    }
}
