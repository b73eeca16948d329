/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures judged by OpenSSL alone, and short ways to ask for one. */
#ifndef TESTS_TOKEN_VERIFY_H
#define TESTS_TOKEN_VERIFY_H

#include "base/scheme.h"
#include "host.h"
#include "softhsm.h"

bool verify_answer(EVP_PKEY *key, const struct cs_scheme *scheme, struct cs_bytes data,
    const struct host_answer *answer);

/* One signature of 32 bytes with an EC key in ecdsa_secp256r1_sha256; if it comes it is right. */
struct host_answer verify_sign(
    struct host *host, struct host_token *token, const struct softhsm_key *key, struct cs_bytes id);

#endif
