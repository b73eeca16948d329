/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the fields of a message, one behind the other in one block of memory. */
#ifndef CS_LIB_PACK_H
#define CS_LIB_PACK_H

#include "base/buf.h"

struct cs_pack {
    uint8_t *next;
    size_t left;
};

/* Zeroed memory for an object of `size` bytes and, behind it, a pack of `room` bytes. */
void *cs_pack_new(struct cs_pack *pack, size_t size, size_t room);
/* The copy, with a zero behind it. */
const char *cs_pack_string(struct cs_pack *pack, struct cs_bytes bytes);
struct cs_bytes cs_pack_bytes(struct cs_pack *pack, struct cs_bytes bytes);

#endif
