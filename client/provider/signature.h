/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: OSSL_OP_SIGNATURE, one table for all key types. */
#ifndef CS_PROVIDER_SIGNATURE_H
#define CS_PROVIDER_SIGNATURE_H

#include "base/scheme.h"
#include "provider/key.h"
#include "provider/provider.h"

extern const OSSL_DISPATCH cs_signature_functions[];

/* How long a PSS salt is to be, in OpenSSL's numbers; others are lengths. */
enum cs_salt {
    CS_SALT_DIGEST = -1,
    CS_SALT_AUTO = -2,
    CS_SALT_MAX = -3,
    CS_SALT_AUTO_DIGEST_MAX = -4,
};

struct cs_signature {
    struct cs_provider *provider;
    struct cs_key *key;
    enum cs_hash hash;     /* CS_HASH_NONE: not chosen, or of no use to the key */
    enum cs_hash mgf_hash; /* CS_HASH_NONE: the same */
    enum cs_padding padding;
    int salt;
    bool digested;         /* what is signed is a digest already */
    struct cs_buf message; /* what has come so far, piece by piece */
    unsigned long error;   /* why the last signature failed, in OpenSSL's numbers; 0 */
};

/* The hash that OpenSSL means by name; false for one that we do not sign with. */
bool cs_signature_hash(struct cs_bytes name, enum cs_hash *hashp);

/* What the choices amount to; NULL when the key cannot do that, which is raised. */
const struct cs_scheme *cs_signature_scheme(
    const struct cs_signature *signature, enum cs_hash hash);

int cs_signature_set_params(void *context, const OSSL_PARAM params[]);
int cs_signature_get_params(void *context, OSSL_PARAM params[]);
const OSSL_PARAM *cs_signature_settable(void *context, void *provider);
const OSSL_PARAM *cs_signature_gettable(void *context, void *provider);

#endif
