/* SPDX-License-Identifier: Apache-2.0 */
/* Names of identities, certificates and tokens, as people and configurations give them. */
#ifndef CS_AGENT_NAME_H
#define CS_AGENT_NAME_H

#include "inventory/inventory.h"

/* What a name stands for: an identity, or a certificate alone. */
struct cs_name_match {
    const struct cs_identity *identity; /* or NULL */
    const struct cs_object *leaf;       /* the certificate to begin the chain with, or NULL */
    const struct cs_token *hiding;      /* of NOT_FOUND: a login may show what is meant; or NULL */
};

/* The name is as in pattern.h. CS_ERR_NOT_FOUND, CS_ERR_AMBIGUOUS, CS_ERR_INVALID with sentences.
 */
int cs_name_resolve(const struct cs_inventory *inventory, const char *name, enum cs_expect expect,
    time_t now, struct cs_name_match *match, struct cs_fault *fault);

/* A URI, label or serial of a token. */
int cs_name_find_token(const struct cs_inventory *inventory, const char *name,
    const struct cs_token **tokenp, struct cs_fault *fault);
/* The one token that can be unlocked; NULL when there are tokens, but none to unlock. */
int cs_name_find_locked(
    const struct cs_inventory *inventory, const struct cs_token **tokenp, struct cs_fault *fault);

#endif
