/* SPDX-License-Identifier: Apache-2.0 */
/* An identity as OpenSSL's objects: certificates and a key of the provider's. */
#ifndef CS_PRELOAD_CREDENTIAL_H
#define CS_PRELOAD_CREDENTIAL_H

#include "preload/libssl.h"

#include <countersign/countersign.h>
#include <stdbool.h>

struct cs_credential;

/* Takes the identity over, also when it fails, with NULL. libctx is where the key is to live. */
struct cs_credential *cs_credential_new(
    const struct cs_libssl *openssl, OSSL_LIB_CTX *libctx, struct countersign_identity *identity);
void cs_credential_free(const struct cs_libssl *openssl, struct cs_credential *credential);

/* Whether it is this identity with the same chain. */
bool cs_credential_is(
    const struct cs_credential *credential, const struct countersign_identity *identity);

/* Gives the chain to the SSL, and the leaf and the key, referenced once more, to the caller. */
bool cs_credential_use(const struct cs_libssl *openssl, const struct cs_credential *credential,
    SSL *ssl, X509 **certificatep, EVP_PKEY **keyp);

#endif
