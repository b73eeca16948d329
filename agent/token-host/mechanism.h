/* SPDX-License-Identifier: Apache-2.0 */
/* A signature scheme in the words of PKCS #11. */
#ifndef CS_TOKEN_HOST_MECHANISM_H
#define CS_TOKEN_HOST_MECHANISM_H

#include "base/buf.h"
#include "base/scheme.h"
#include "token-host/ckr.h"

#include <p11-kit/pkcs11.h>

#define CS_DIGEST_INFO_MAX (19 + 64)

/* CK_EDDSA_PARAMS of PKCS #11 v3.0, which not every header has. */
struct cs_eddsa_params {
    CK_BBOOL prehash;
    CK_ULONG context_len;
    CK_BYTE *context;
};

struct cs_mechanism {
    CK_MECHANISM ck; /* its parameter points into this struct: it must not be moved */
    struct cs_bytes input;
    union {
        CK_RSA_PKCS_PSS_PARAMS pss;
        struct cs_eddsa_params eddsa;
        uint8_t digest_info[CS_DIGEST_INFO_MAX];
    } space;
};

/* data: the digest, or the message where the scheme hashes for itself. bits: of an EC key. */
int cs_mechanism_init(struct cs_mechanism *mechanism, const struct cs_scheme *scheme, uint32_t bits,
    struct cs_bytes data, struct cs_failure *failure);

/* Turns what C_Sign gave into what TLS carries; signature has room for size bytes. */
int cs_mechanism_finish(
    const struct cs_scheme *scheme, uint8_t *signature, size_t size, size_t *lenp);

#endif
