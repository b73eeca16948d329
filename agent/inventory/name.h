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

/* A pkcs11: URI, an id in hex of 8 digits or more, or a label. CS_ERR_NOT_FOUND, CS_ERR_AMBIGUOUS,
 * CS_ERR_INVALID with sentences. */
int cs_name_resolve(const struct cs_inventory *inventory, const char *name, enum cs_expect expect,
    time_t now, struct cs_name_match *match, struct cs_fault *fault);

/* A name as above that is compared again and again. CS_ERR_INVALID with a sentence. */
struct cs_name_pattern;
int cs_name_pattern_new(
    const char *name, struct cs_name_pattern **patternp, struct cs_fault *fault);
void cs_name_pattern_free(struct cs_name_pattern *pattern);
CS_DEFINE_CLEANUP(struct cs_name_pattern *, cs_name_pattern_free);
bool cs_name_pattern_fits(
    const struct cs_name_pattern *pattern, const struct cs_identity *identity);
/* Whether it may be about one of the token's keys, by what it says of the token. */
bool cs_name_pattern_fits_token(
    const struct cs_name_pattern *pattern, const struct cs_token *token);
/* Whether nothing on the identity's token is called so, but its private key may be, which is
 * hidden.
 */
bool cs_name_pattern_may_fit(
    const struct cs_name_pattern *pattern, const struct cs_identity *identity);
/* The one locked token that may hide what fits; NULL if something fits, or there is none, or there
 * are several. */
const struct cs_token *cs_name_pattern_hiding(
    const struct cs_name_pattern *pattern, const struct cs_inventory *inventory);
/* Whether all of it counts: there is no attribute in it that nobody knows, or that is none of a key
 * or token. */
bool cs_name_pattern_is_plain(const struct cs_name_pattern *pattern);
/* Whether it names a key, and not just the token that keys are on. */
bool cs_name_pattern_names_key(const struct cs_name_pattern *pattern);

/* A URI, label or serial of a token. */
int cs_name_find_token(const struct cs_inventory *inventory, const char *name,
    const struct cs_token **tokenp, struct cs_fault *fault);
/* The one token that can be unlocked; NULL when there are tokens, but none to unlock. */
int cs_name_find_locked(
    const struct cs_inventory *inventory, const struct cs_token **tokenp, struct cs_fault *fault);

#endif
