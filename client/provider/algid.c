/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5758 (ECDSA), RFC 4055 (RSA), RFC 8410 (EdDSA), for the signature's `algorithm-id`. */
#include "provider/algid.h"
#include "base/der.h"

#include <string.h>

#define DER_MAX 256
#define CONTEXT_TAG(n) ((enum cs_der_tag)(0xa0 | (n)))

static const uint8_t null[] = {0x05, 0x00};

static void put_oid(struct cs_buf *buf, const uint8_t *stem, size_t len, uint8_t last)
{
    uint8_t oid[16];

    memcpy(oid, stem, len);
    oid[len] = last;
    cs_der_put(buf, CS_DER_OID, CS_BYTES(oid, len + 1));
}

static unsigned hash_index(enum cs_hash hash)
{
    return hash == CS_HASH_SHA256 ? 0 : hash == CS_HASH_SHA384 ? 1 : 2;
}

static void put_hash(struct cs_buf *buf, enum cs_hash hash)
{
    static const uint8_t nist_hash[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};
    struct cs_buf body = CS_BUF_INIT(DER_MAX);

    put_oid(&body, nist_hash, sizeof(nist_hash), (uint8_t)(1 + hash_index(hash)));
    cs_buf_put(&body, null, sizeof(null));
    cs_der_put(buf, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
}

static const uint8_t pkcs1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01};

/* RSASSA-PSS-params (RFC 4055, 3.1): [0] hash, [1] MGF1 with the same, [2] salt as long as it. */
static void put_pss_params(struct cs_buf *buf, enum cs_hash hash)
{
    struct cs_buf parts[3] = {CS_BUF_INIT(DER_MAX), CS_BUF_INIT(DER_MAX), CS_BUF_INIT(DER_MAX)};
    struct cs_buf body = CS_BUF_INIT(DER_MAX), mgf = CS_BUF_INIT(DER_MAX);
    uint8_t salt = (uint8_t)cs_hash_size(hash);

    put_hash(&parts[0], hash);
    put_oid(&mgf, pkcs1, sizeof(pkcs1), 8);
    put_hash(&mgf, hash);
    cs_der_put(&parts[1], CS_DER_SEQUENCE, cs_buf_bytes(&mgf));
    cs_der_put(&parts[2], CS_DER_INTEGER, CS_BYTES(&salt, 1));
    for (unsigned i = 0; i < 3; i++) {
        cs_der_put(&body, CONTEXT_TAG(i), cs_buf_bytes(&parts[i]));
        cs_buf_deinit(&parts[i]);
    }
    cs_der_put(buf, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    cs_buf_deinit(&mgf);
    cs_buf_deinit(&body);
}

void cs_algid_put(struct cs_buf *buf, const struct cs_scheme *scheme)
{
    static const uint8_t ecdsa_sha2[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03};
    static const uint8_t edwards[] = {0x2b, 0x65};
    struct cs_buf body = CS_BUF_INIT(DER_MAX);

    switch (scheme->key_type) {
    case CS_KEY_EC:
        put_oid(&body, ecdsa_sha2, sizeof(ecdsa_sha2), (uint8_t)(2 + hash_index(scheme->hash)));
        break;
    case CS_KEY_ED25519:
        put_oid(&body, edwards, sizeof(edwards), 0x70);
        break;
    case CS_KEY_ED448:
        put_oid(&body, edwards, sizeof(edwards), 0x71);
        break;
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        if (scheme->padding == CS_PADDING_PSS) {
            put_oid(&body, pkcs1, sizeof(pkcs1), 10);
            put_pss_params(&body, scheme->hash);
        } else {
            put_oid(&body, pkcs1, sizeof(pkcs1), (uint8_t)(11 + hash_index(scheme->hash)));
            cs_buf_put(&body, null, sizeof(null));
        }
        break;
    }
    cs_der_put(buf, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
}
