/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates to send to a server. */
#ifndef CS_AGENT_CHAIN_H
#define CS_AGENT_CHAIN_H

#include "inventory/inventory.h"

/* Leaf and its issuers as far as any token has them, without the root; returns how many. */
size_t cs_chain_build(const struct cs_inventory *inventory, const struct cs_object *leaf,
    time_t now, const struct cs_object **chain, size_t max);
/* Appends that chain, each certificate with a u32 length before it; returns how many. */
uint32_t cs_chain_put(const struct cs_inventory *inventory, const struct cs_object *leaf,
    time_t now, struct cs_buf *buf);

#endif
