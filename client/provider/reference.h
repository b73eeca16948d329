/* SPDX-License-Identifier: Apache-2.0 */
/* What a name stands for, on its way from the agent to a key of OpenSSL's. */
#ifndef CS_PROVIDER_REFERENCE_H
#define CS_PROVIDER_REFERENCE_H

#include "base/buf.h"
#include "provider/key.h"
#include "provider/provider.h"

/*
 * Between the stages of the decoder a key travels as
 * SEQUENCE { VisibleString version, OCTET STRING id, SubjectPublicKeyInfo }.
 */
void cs_reference_put(struct cs_buf *buf, struct cs_bytes id, struct cs_bytes spki);
/* CS_ERR_PROTOCOL when it is something else, CS_ERR_MEMORY. */
int cs_reference_get(struct cs_bytes der, struct cs_key **keyp);
/* Whether these first bytes can be the beginning of one. */
bool cs_reference_looks_like(struct cs_bytes head);
#define CS_REFERENCE_HEAD 48

/* Asks the agent what name stands for; expect is an enum cs_expect. NULL when that failed, which is
 * raised. */
struct countersign_identity *cs_reference_resolve(
    struct cs_provider *provider, const char *name, int expect);

/* Hands the key to OpenSSL's callback as an object; the callback's answer. */
int cs_reference_hand_out(
    struct cs_provider *provider, struct cs_key *key, OSSL_CALLBACK *callback, void *argument);

#endif
