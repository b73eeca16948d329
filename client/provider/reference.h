/* SPDX-License-Identifier: Apache-2.0 */
/* What a name stands for, on its way from the agent to a key of OpenSSL's. */
#ifndef CS_PROVIDER_REFERENCE_H
#define CS_PROVIDER_REFERENCE_H

#include "provider/key.h"
#include "provider/provider.h"

/* Asks the agent what name stands for; expect is an enum cs_expect. NULL when that failed, which is
 * raised. */
struct countersign_identity *cs_reference_resolve(
    struct cs_provider *provider, const char *name, int expect);

/* What stands for the key of the identity, which has one; borrowed from it. */
struct cs_pem_reference cs_reference_of(const struct countersign_identity *identity);

/* The part of the URI that people know: "token=corp;object=alice"; empty when there is none. */
void cs_reference_name(const char *uri, char *name, size_t size);

/* Hands the key to OpenSSL's callback as an object; the callback's answer. */
int cs_reference_hand_out(
    struct cs_provider *provider, struct cs_key *key, OSSL_CALLBACK *callback, void *argument);

#endif
