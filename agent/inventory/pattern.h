/* SPDX-License-Identifier: Apache-2.0 */
/* A name of a key or certificate, as people and configurations give it, compared with what there
 * is: a pkcs11: URI, an id in hex of 8 digits or more, or a label. */
#ifndef CS_AGENT_PATTERN_H
#define CS_AGENT_PATTERN_H

#include "inventory/inventory.h"

struct cs_pattern;
/* CS_ERR_INVALID with a sentence. */
int cs_pattern_new(const char *name, struct cs_pattern **patternp, struct cs_fault *fault);
void cs_pattern_free(struct cs_pattern *pattern);
CS_DEFINE_CLEANUP(struct cs_pattern *, cs_pattern_free);

/* Whether all of it counts: there is no attribute in it that nobody knows, or that is none of a key
 * or token. */
bool cs_pattern_is_plain(const struct cs_pattern *pattern);
/* Whether it names a key, and not just the token that keys are on. */
bool cs_pattern_names_key(const struct cs_pattern *pattern);

bool cs_pattern_fits(const struct cs_pattern *pattern, const struct cs_identity *identity);
/* Of a certificate that belongs to no identity. */
bool cs_pattern_fits_certificate(const struct cs_pattern *pattern, const struct cs_token *token,
    const struct cs_object *certificate);
/* By its label and CKA_ID alone. */
bool cs_pattern_fits_object(const struct cs_pattern *pattern, const struct cs_object *object);
/* The same of a certificate of the identity. */
bool cs_pattern_means(const struct cs_pattern *pattern, const struct cs_identity *identity,
    const struct cs_object *certificate);
/* By what it says of the token alone. */
bool cs_pattern_fits_token(const struct cs_pattern *pattern, const struct cs_token *token);

/* Of what is hidden until the login. Whether nothing on the identity's token is called so, but its
 * private key, which is hidden, may be. */
bool cs_pattern_may_fit(const struct cs_pattern *pattern, const struct cs_identity *identity);
/* The same, when the CKA_ID in it leaves no doubt. */
bool cs_pattern_fits_by_id(const struct cs_pattern *pattern, const struct cs_identity *identity);
/* The one locked token that may hide what fits; NULL if something fits, or there is none, or there
 * are several. */
const struct cs_token *cs_pattern_hiding(
    const struct cs_pattern *pattern, const struct cs_inventory *inventory);

#endif
