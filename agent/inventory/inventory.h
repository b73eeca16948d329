/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: the pictures of all tokens, and of their identities and certificates in one row.
 */
#ifndef CS_AGENT_INVENTORY_H
#define CS_AGENT_INVENTORY_H

#include "inventory/bundle.h"
#include "inventory/token.h"

/* A certificate that belongs to no identity. Of those of the bundle the token is one that has keys:
 * browsers look for them there. */
struct cs_plain_certificate {
    const struct cs_token *token;
    const struct cs_object *object;
};

struct cs_inventory {
    uint64_t generation; /* changes with every change */
    size_t n_tokens;
    struct cs_token **tokens; /* in the order of their modules */
    size_t n_identities;
    const struct cs_identity **identities; /* each key of each token once */
    size_t n_certificates;
    struct cs_plain_certificate *certificates;
    const struct cs_bundle *bundle; /* or NULL */
    const char *failed;   /* a module that does not run, so that its tokens are not here; or NULL */
    const char *troubled; /* one that cannot use a token; or NULL */
};

void cs_inventory_init(struct cs_inventory *inventory);
void cs_inventory_deinit(struct cs_inventory *inventory);

/* Takes the token; it replaces the one of the same host and slot. */
int cs_inventory_put(struct cs_inventory *inventory, struct cs_token *token);
struct cs_token *cs_inventory_token(
    const struct cs_inventory *inventory, const struct cs_host *host, uint32_t slot);
/* After a token's state was set. Its identities stay until its objects are reported anew: a key
 * that was inferred must not vanish between the login and that report. */
void cs_inventory_touch(struct cs_inventory *inventory);
void cs_inventory_remove(struct cs_inventory *inventory, const struct cs_host *host, uint32_t slot);
void cs_inventory_remove_host(struct cs_inventory *inventory, const struct cs_host *host);

/* The identity to sign with: of several tokens with the same key an unlocked one, else the first.
 * NULL when there is none. */
const struct cs_identity *cs_inventory_identity(
    const struct cs_inventory *inventory, struct cs_bytes id);
/* The same of the other tokens alone. */
const struct cs_identity *cs_inventory_identity_beside(const struct cs_inventory *inventory,
    struct cs_bytes id, const struct cs_host *host, uint32_t slot);

#endif
