/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys through OpenSSL. Attributes come from a token and may be nonsense: whatever OpenSSL
 * does not take is no key. Called when objects are read and when a key is paired, never for a warm
 * signature.
 */
#include "token-host/public-key.h"
#include "base/der.h"

#include <countersign/error.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

CS_DEFINE_CLEANUP(BIGNUM *, BN_free);
CS_DEFINE_CLEANUP(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free);
CS_DEFINE_CLEANUP(OSSL_PARAM *, OSSL_PARAM_free);
CS_DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
CS_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);
CS_DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free);
CS_DEFINE_CLEANUP(ASN1_OCTET_STRING *, ASN1_OCTET_STRING_free);
CS_DEFINE_CLEANUP(ASN1_PRINTABLESTRING *, ASN1_PRINTABLESTRING_free);

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *builder)
{
    CS_AUTO(OSSL_PARAM_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    CS_AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return key;
}

static EVP_PKEY *rsa_from_numbers(const BIGNUM *n, const BIGNUM *e)
{
    CS_AUTO(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();

    if (!builder || !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        return NULL;
    return from_params("RSA", builder);
}

EVP_PKEY *cs_public_key_of_rsa(struct cs_bytes n, struct cs_bytes e)
{
    CS_AUTO(BN_freep) BIGNUM *modulus = BN_bin2bn(n.data, (int)n.len, NULL);
    CS_AUTO(BN_freep) BIGNUM *exponent = BN_bin2bn(e.data, (int)e.len, NULL);

    if (!modulus || !exponent || BN_num_bits(modulus) < 512 || BN_is_zero(exponent))
        return NULL;
    return rsa_from_numbers(modulus, exponent);
}

static EVP_PKEY *ec_from_point(const char *group, struct cs_bytes point)
{
    CS_AUTO(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();

    if (!builder ||
        !OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) ||
        !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len))
        return NULL;
    return from_params("EC", builder);
}

/* CKA_EC_PARAMS: an OID, or (PKCS #11 v3.0) a curve's name. Explicit parameters are not taken. */
static int curve_of(struct cs_bytes params)
{
    const uint8_t *p = params.data;
    CS_AUTO(ASN1_OBJECT_freep) ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &p, (long)params.len);
    CS_AUTO(ASN1_PRINTABLESTRING_freep) ASN1_PRINTABLESTRING *name = NULL;
    char text[64];

    if (oid) {
        /* What GnuPG's cards call Ed25519. */
        OBJ_obj2txt(text, sizeof(text), oid, 1);
        if (strcmp(text, "1.3.6.1.4.1.11591.15.1") == 0)
            return NID_ED25519;
        return OBJ_obj2nid(oid);
    }
    p = params.data;
    name = d2i_ASN1_PRINTABLESTRING(NULL, &p, (long)params.len);
    if (!name || ASN1_STRING_length(name) >= (int)sizeof(text))
        return NID_undef;
    memcpy(text, ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));
    text[ASN1_STRING_length(name)] = '\0';
    if (strcmp(text, "edwards25519") == 0)
        return NID_ED25519;
    if (strcmp(text, "edwards448") == 0)
        return NID_ED448;
    return OBJ_sn2nid(text);
}

/* CKA_EC_POINT: an OCTET STRING around the point; some modules leave the string out. */
static struct cs_bytes unwrap_point(struct cs_bytes point, ASN1_OCTET_STRING **stringp)
{
    const uint8_t *p = point.data;

    *stringp = d2i_ASN1_OCTET_STRING(NULL, &p, (long)point.len);
    if (!*stringp || p != point.data + point.len)
        return point;
    return CS_BYTES(ASN1_STRING_get0_data(*stringp), (size_t)ASN1_STRING_length(*stringp));
}

EVP_PKEY *cs_public_key_of_ec(struct cs_bytes params, struct cs_bytes point)
{
    CS_AUTO(ASN1_OCTET_STRING_freep) ASN1_OCTET_STRING *string = NULL;
    int curve = curve_of(params);
    struct cs_bytes raw = unwrap_point(point, &string);

    if (curve == NID_undef || raw.len == 0)
        return NULL;
    if (curve == NID_ED25519 || curve == NID_ED448)
        return EVP_PKEY_new_raw_public_key(
            curve == NID_ED25519 ? EVP_PKEY_ED25519 : EVP_PKEY_ED448, NULL, raw.data, raw.len);
    return ec_from_point(OBJ_nid2sn(curve), raw);
}

/* Curves and how long their uncompressed points are. */
static size_t point_size(int curve)
{
    switch (curve) {
    case NID_X9_62_prime256v1:
        return 1 + 2 * 32;
    case NID_secp384r1:
        return 1 + 2 * 48;
    case NID_secp521r1:
        return 1 + 2 * 66;
    default:
        return 0;
    }
}

int cs_public_key_put_point(struct cs_buf *buf, struct cs_bytes params, struct cs_bytes point)
{
    static const uint8_t id_ec_public_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    CS_AUTO(ASN1_OCTET_STRING_freep) ASN1_OCTET_STRING *string = NULL;
    struct cs_buf algorithm = CS_BUF_INIT(64), bits = CS_BUF_INIT(256), body = CS_BUF_INIT(512);
    struct cs_bytes raw = unwrap_point(point, &string), rest = params, oid;
    size_t size = cs_der_expect(&rest, CS_DER_OID, &oid) == 0 && rest.len == 0
                      ? point_size(curve_of(params))
                      : 0;

    if (size == 0 || raw.len != size || raw.data[0] != POINT_CONVERSION_UNCOMPRESSED)
        return CS_ERR_UNSUPPORTED;
    cs_der_put(&algorithm, CS_DER_OID, CS_BYTES(id_ec_public_key, sizeof(id_ec_public_key)));
    cs_buf_put(&algorithm, params.data, params.len);
    cs_buf_put_u8(&bits, 0); /* no unused bits */
    cs_buf_put(&bits, raw.data, raw.len);
    cs_der_put(&body, CS_DER_SEQUENCE, cs_buf_bytes(&algorithm));
    cs_der_put(&body, CS_DER_BIT_STRING, cs_buf_bytes(&bits));
    cs_der_put(buf, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    cs_buf_deinit(&algorithm);
    cs_buf_deinit(&bits);
    cs_buf_deinit(&body);
    return buf->error;
}

EVP_PKEY *cs_public_key_of_spki(struct cs_bytes spki)
{
    const uint8_t *p = spki.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki.len);

    if (key && p != spki.data + spki.len) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

uint8_t cs_public_key_type(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return CS_KEY_RSA;
    case EVP_PKEY_RSA_PSS:
        return CS_KEY_RSA_PSS;
    case EVP_PKEY_EC:
        return CS_KEY_EC;
    case EVP_PKEY_ED25519:
        return CS_KEY_ED25519;
    case EVP_PKEY_ED448:
        return CS_KEY_ED448;
    default:
        return 0;
    }
}

uint8_t cs_public_key_type_of_ec_params(struct cs_bytes params)
{
    switch (curve_of(params)) {
    case NID_ED25519:
        return CS_KEY_ED25519;
    case NID_ED448:
        return CS_KEY_ED448;
    default:
        return CS_KEY_EC;
    }
}

static EVP_PKEY *plain_rsa(EVP_PKEY *key)
{
    CS_AUTO(BN_freep) BIGNUM *n = NULL;
    CS_AUTO(BN_freep) BIGNUM *e = NULL;

    if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) ||
        !EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e))
        return NULL;
    return rsa_from_numbers(n, e);
}

static EVP_PKEY *plain_ec(EVP_PKEY *key)
{
    CS_AUTO(BN_freep) BIGNUM *x = NULL;
    CS_AUTO(BN_freep) BIGNUM *y = NULL;
    size_t size = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
    uint8_t point[1 + 2 * 128];
    char group[64];

    if (size > 128 || !EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) ||
        !EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) ||
        !EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y))
        return NULL;
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    if (BN_bn2binpad(x, point + 1, (int)size) < 0 ||
        BN_bn2binpad(y, point + 1 + size, (int)size) < 0)
        return NULL;
    return ec_from_point(group, CS_BYTES(point, 1 + 2 * size));
}

int cs_public_key_put(struct cs_buf *buf, EVP_PKEY *key)
{
    CS_AUTO(EVP_PKEY_freep) EVP_PKEY *plain = NULL;
    uint8_t type = cs_public_key_type(key), *der = NULL;
    int len;

    if (type == CS_KEY_RSA || type == CS_KEY_RSA_PSS)
        plain = plain_rsa(key);
    else if (type == CS_KEY_EC)
        plain = plain_ec(key);
    else if (type && EVP_PKEY_up_ref(key))
        plain = key;
    if (!plain)
        return CS_ERR_UNSUPPORTED;
    len = i2d_PUBKEY(plain, &der);
    if (len <= 0)
        return CS_ERR_MEMORY;
    cs_buf_put(buf, der, (size_t)len);
    OPENSSL_free(der);
    return buf->error;
}

static bool verify_message(EVP_PKEY *key, struct cs_bytes data, struct cs_bytes signature)
{
    CS_AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    return ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
           EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len) == 1;
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct cs_scheme *scheme)
{
    switch (scheme->padding) {
    case CS_PADDING_PKCS1:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    case CS_PADDING_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    case CS_PADDING_NONE:
        break;
    }
    return true;
}

bool cs_public_key_verify(
    EVP_PKEY *key, const struct cs_scheme *scheme, struct cs_bytes data, struct cs_bytes signature)
{
    CS_AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;
    const EVP_MD *md;

    if (scheme->hash == CS_HASH_NONE)
        return verify_message(key, data, signature);
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    md = EVP_get_digestbyname(cs_hash_name(scheme->hash));
    return ctx && md && EVP_PKEY_verify_init(ctx) == 1 && set_padding(ctx, scheme) &&
           EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
           EVP_PKEY_verify(ctx, signature.data, signature.len, data.data, data.len) == 1;
}
