/* SPDX-License-Identifier: Apache-2.0 */
/* A signature scheme in the words of PKCS #11. */
#ifndef CS_TOKEN_HOST_MECHANISM_H
#define CS_TOKEN_HOST_MECHANISM_H

#include "base/buf.h"
#include "base/scheme.h"
#include "token-host/ckr.h"

#include <p11-kit/pkcs11.h>

#define CS_DIGEST_INFO_MAX (19 + 64)
#define CS_PADDED_MAX 512 /* RSA keys up to 4096 bits */

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
        uint8_t padded[CS_PADDED_MAX];
    } space;
};

/* data: the digest, or the message where the scheme hashes for itself. bits: of the key. */
int cs_mechanism_init(struct cs_mechanism *mechanism, const struct cs_scheme *scheme, uint32_t bits,
    struct cs_bytes data, struct cs_failure *failure);
/* The same for a token without CKM_RSA_PKCS_PSS, by CKM_RSA_X_509. CS_ERR_SCHEME if it is none of
 * PSS, or the key too small or too large. */
int cs_mechanism_init_padded(struct cs_mechanism *mechanism, const struct cs_scheme *scheme,
    uint32_t bits, struct cs_bytes data, struct cs_failure *failure);

/* Turns what C_Sign gave into what TLS carries; signature has room for size bytes. */
int cs_mechanism_finish(
    const struct cs_scheme *scheme, uint8_t *signature, size_t size, size_t *lenp);

#endif
