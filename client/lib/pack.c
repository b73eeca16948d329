/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the decoded objects: one block each, so that one free ends it. A field takes its
 * length and 4 bytes on the wire, its length and one zero here: a pack as large as the message
 * always suffices, and one that does not is a mistake of ours that must not write past the end.
 */
#include "lib/pack.h"

#include <stdlib.h>
#include <string.h>

void *cs_pack_new(struct cs_pack *pack, size_t size, size_t room)
{
    uint8_t *block = calloc(1, size + room);

    if (!block)
        return NULL;
    *pack = (struct cs_pack){.next = block + size, .left = room};
    return block;
}

const char *cs_pack_string(struct cs_pack *pack, struct cs_bytes bytes)
{
    return (const char *)cs_pack_bytes(pack, bytes).data;
}

struct cs_bytes cs_pack_bytes(struct cs_pack *pack, struct cs_bytes bytes)
{
    uint8_t *copy = pack->next;

    if (bytes.len >= pack->left)
        return CS_BYTES("", 0);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    copy[bytes.len] = '\0';
    pack->next += bytes.len + 1;
    pack->left -= bytes.len + 1;
    return CS_BYTES(copy, bytes.len);
}
