/* SPDX-License-Identifier: Apache-2.0 */
/* What changed in the inventory since it was last looked at, as events. */
#ifndef CS_AGENT_CHANGE_H
#define CS_AGENT_CHANGE_H

#include "event.h"
#include "inventory/inventory.h"

struct cs_seen_token;
struct cs_seen_identity;

struct cs_change {
    uint64_t generation;
    size_t n_tokens, n_identities;
    struct cs_seen_token *tokens;
    struct cs_seen_identity *identities;
};

void cs_change_deinit(struct cs_change *change);

/* Tells what changed; costs one comparison when nothing did. */
void cs_change_look(
    struct cs_change *change, const struct cs_inventory *inventory, struct cs_watchers *watchers);

#endif
