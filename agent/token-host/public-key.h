/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys: from the attributes of a token's objects to SubjectPublicKeyInfo, and to use. */
#ifndef CS_TOKEN_HOST_PUBLIC_KEY_H
#define CS_TOKEN_HOST_PUBLIC_KEY_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/scheme.h"

#include <openssl/evp.h>

CS_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);

/* From CKA_MODULUS and CKA_PUBLIC_EXPONENT; from CKA_EC_PARAMS and CKA_EC_POINT, Edwards curves
 * included; from DER. NULL when it is no key that OpenSSL knows. */
EVP_PKEY *cs_public_key_of_rsa(struct cs_bytes n, struct cs_bytes e);
EVP_PKEY *cs_public_key_of_ec(struct cs_bytes params, struct cs_bytes point);
EVP_PKEY *cs_public_key_of_spki(struct cs_bytes spki);

/* enum cs_key_type, or 0. */
uint8_t cs_public_key_type(const EVP_PKEY *key);
/* What CKA_EC_PARAMS alone tells: CS_KEY_EC, CS_KEY_ED25519 or CS_KEY_ED448. */
uint8_t cs_public_key_type_of_ec_params(struct cs_bytes params);

/* Appends the SubjectPublicKeyInfo in the one form in which keys are compared: rsaEncryption also
 * for RSA-PSS, named curves, uncompressed points. */
int cs_public_key_put(struct cs_buf *buf, EVP_PKEY *key);

/* The same from CKA_EC_PARAMS and CKA_EC_POINT, for the curves and points that are in that form
 * already; whether the point is on the curve is not looked at. CS_ERR_UNSUPPORTED for others. */
int cs_public_key_put_point(struct cs_buf *buf, struct cs_bytes params, struct cs_bytes point);

bool cs_public_key_verify(
    EVP_PKEY *key, const struct cs_scheme *scheme, struct cs_bytes data, struct cs_bytes signature);

#endif
