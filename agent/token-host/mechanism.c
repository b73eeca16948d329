/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemes as mechanisms. Only mechanisms that take a digest are used (and EdDSA, which takes the
 * message): nearly every token has them, and hashing is done where the message is judged.
 */
#include "token-host/mechanism.h"
#include "token-host/pss.h"

#include <countersign/error.h>
#include <openssl/ecdsa.h>
#include <string.h>

/* DigestInfo without the digest (RFC 8017, 9.2, note 1). */
static const struct {
    enum cs_hash hash;
    uint8_t prefix[19];
} digest_infos[] = {
    {CS_HASH_SHA256, {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                         0x02, 0x01, 0x05, 0x00, 0x04, 0x20}},
    {CS_HASH_SHA384, {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                         0x02, 0x02, 0x05, 0x00, 0x04, 0x30}},
    {CS_HASH_SHA512, {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                         0x02, 0x03, 0x05, 0x00, 0x04, 0x40}},
};

static void use_pkcs1(
    struct cs_mechanism *mechanism, const struct cs_scheme *scheme, struct cs_bytes data)
{
    uint8_t *info = mechanism->space.digest_info;

    for (size_t i = 0; i < sizeof(digest_infos) / sizeof(digest_infos[0]); i++)
        if (digest_infos[i].hash == scheme->hash)
            memcpy(info, digest_infos[i].prefix, sizeof(digest_infos[i].prefix));
    memcpy(info + sizeof(digest_infos[0].prefix), data.data, data.len);
    mechanism->input = CS_BYTES(info, sizeof(digest_infos[0].prefix) + data.len);
    mechanism->ck.mechanism = CKM_RSA_PKCS;
}

static void use_pss(struct cs_mechanism *mechanism, const struct cs_scheme *scheme)
{
    CK_RSA_PKCS_PSS_PARAMS *pss = &mechanism->space.pss;

    pss->hashAlg = scheme->hash == CS_HASH_SHA256   ? CKM_SHA256
                   : scheme->hash == CS_HASH_SHA384 ? CKM_SHA384
                                                    : CKM_SHA512;
    pss->mgf = scheme->hash == CS_HASH_SHA256   ? CKG_MGF1_SHA256
               : scheme->hash == CS_HASH_SHA384 ? CKG_MGF1_SHA384
                                                : CKG_MGF1_SHA512;
    pss->sLen = cs_hash_size(scheme->hash);
    mechanism->ck = (CK_MECHANISM){CKM_RSA_PKCS_PSS, pss, sizeof(*pss)};
}

/* CKM_ECDSA has the leftmost bits of a digest that is longer than the curve's order (FIPS 186-4,
 * 6.4); not every token cuts by itself. The orders that matter here are whole bytes. */
static void use_ecdsa(struct cs_mechanism *mechanism, uint32_t bits, struct cs_bytes data)
{
    size_t order = (bits + 7) / 8;

    mechanism->ck.mechanism = CKM_ECDSA;
    if (data.len > order && bits % 8 == 0)
        mechanism->input.len = order;
}

/* PKCS #11 v3.0, 2.3.14: no parameters mean Ed25519; Ed448 must have them. */
static void use_eddsa(struct cs_mechanism *mechanism, const struct cs_scheme *scheme)
{
    mechanism->ck.mechanism = CKM_EDDSA;
    if (scheme->key_type != CS_KEY_ED448)
        return;
    mechanism->ck.pParameter = &mechanism->space.eddsa;
    mechanism->ck.ulParameterLen = sizeof(mechanism->space.eddsa);
}

int cs_mechanism_init(struct cs_mechanism *mechanism, const struct cs_scheme *scheme, uint32_t bits,
    struct cs_bytes data, struct cs_failure *failure)
{
    if (scheme->hash != CS_HASH_NONE && data.len != cs_hash_size(scheme->hash))
        return cs_fail(&failure->fault, CS_ERR_INVALID, "a digest for %s has %zu bytes, not %zu",
            scheme->name, cs_hash_size(scheme->hash), data.len);
    *mechanism = (struct cs_mechanism){.input = data};
    switch (scheme->key_type) {
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        if (scheme->padding == CS_PADDING_PSS)
            use_pss(mechanism, scheme);
        else
            use_pkcs1(mechanism, scheme, data);
        break;
    case CS_KEY_EC:
        use_ecdsa(mechanism, bits, data);
        break;
    case CS_KEY_ED25519:
    case CS_KEY_ED448:
        use_eddsa(mechanism, scheme);
        break;
    }
    return 0;
}

int cs_mechanism_init_padded(struct cs_mechanism *mechanism, const struct cs_scheme *scheme,
    uint32_t bits, struct cs_bytes data, struct cs_failure *failure)
{
    size_t size = (bits + 7) / 8;

    *mechanism = (struct cs_mechanism){.ck = {.mechanism = CKM_RSA_X_509}};
    if (scheme->padding != CS_PADDING_PSS || size > sizeof(mechanism->space.padded) ||
        !cs_pss_encode(scheme->hash, data, bits, mechanism->space.padded))
        return cs_fail(&failure->fault, CS_ERR_SCHEME, "a key of %u bits cannot sign in %s",
            (unsigned)bits, scheme->name);
    mechanism->input = CS_BYTES(mechanism->space.padded, size);
    return 0;
}

/* r and s behind one another, each as long as the order, become an ECDSA-Sig-Value. */
static int ecdsa_to_der(uint8_t *signature, size_t size, size_t *lenp)
{
    size_t half = *lenp / 2;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(signature + half, (int)half, NULL);
    uint8_t *p = signature;
    int len = -1;

    if (sig && r && s && half > 0 && *lenp % 2 == 0 && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL;
        len = i2d_ECDSA_SIG(sig, NULL);
        if (len > 0 && (size_t)len <= size)
            i2d_ECDSA_SIG(sig, &p);
    }
    ECDSA_SIG_free(sig);
    BN_free(r);
    BN_free(s);
    if (len <= 0 || (size_t)len > size)
        return CS_ERR_TOKEN_FAILED;
    *lenp = (size_t)len;
    return 0;
}

int cs_mechanism_finish(
    const struct cs_scheme *scheme, uint8_t *signature, size_t size, size_t *lenp)
{
    if (*lenp > size)
        return CS_ERR_TOKEN_FAILED;
    return scheme->key_type == CS_KEY_EC ? ecdsa_to_der(signature, size, lenp) : 0;
}
