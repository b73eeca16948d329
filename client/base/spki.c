/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys by their form alone. The provider may not link libcrypto, and for the agent OpenSSL
 * before 3.5 takes a hundred times as long.
 */
#include "base/spki.h"
#include "base/der.h"

#include <countersign/error.h>

#define RSA_BITS_MIN 512u
#define RSA_BITS_MAX 16384u /* OPENSSL_RSA_MAX_MODULUS_BITS */

#define OID(...)                                                                                   \
    {                                                                                              \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                     \
    }

/* An algorithm of SubjectPublicKeyInfo (RFC 5480, 8017, 8410); for EC one row per curve. */
static const struct algorithm {
    struct cs_bytes oid, curve;
    enum cs_key_type type;
    unsigned bits;
    const char *group;
} algorithms[] = {
    {OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01), {NULL, 0}, CS_KEY_RSA, 0, NULL},
    {OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a), {NULL, 0}, CS_KEY_RSA_PSS, 0, NULL},
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01),
        OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07), CS_KEY_EC, 256, "prime256v1"},
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01), OID(0x2b, 0x81, 0x04, 0x00, 0x22), CS_KEY_EC,
        384, "secp384r1"},
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01), OID(0x2b, 0x81, 0x04, 0x00, 0x23), CS_KEY_EC,
        521, "secp521r1"},
    {OID(0x2b, 0x65, 0x70), {NULL, 0}, CS_KEY_ED25519, 256, NULL},
    {OID(0x2b, 0x65, 0x71), {NULL, 0}, CS_KEY_ED448, 456, NULL},
};

/* What follows the OID in an AlgorithmIdentifier. */
static bool parameters_fit(const struct algorithm *algorithm, struct cs_bytes parameters)
{
    static const uint8_t null[] = {0x05, 0x00};
    struct cs_bytes curve;

    switch (algorithm->type) {
    case CS_KEY_RSA:
        return parameters.len == 0 || cs_bytes_equal(parameters, CS_BYTES(null, sizeof(null)));
    case CS_KEY_RSA_PSS:
        return true;
    case CS_KEY_EC:
        return cs_der_expect(&parameters, CS_DER_OID, &curve) == 0 && parameters.len == 0 &&
               cs_bytes_equal(algorithm->curve, curve);
    case CS_KEY_ED25519:
    case CS_KEY_ED448:
        return parameters.len == 0;
    }
    return false;
}

static const struct algorithm *find_algorithm(struct cs_bytes der)
{
    struct cs_bytes sequence, identifier, oid;

    if (cs_der_expect(&der, CS_DER_SEQUENCE, &sequence) < 0 ||
        cs_der_expect(&sequence, CS_DER_SEQUENCE, &identifier) < 0 ||
        cs_der_expect(&identifier, CS_DER_OID, &oid) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (cs_bytes_equal(algorithms[i].oid, oid) && parameters_fit(&algorithms[i], identifier))
            return &algorithms[i];
    return NULL;
}

static unsigned number_bits(struct cs_bytes number)
{
    unsigned top = 0;

    while (number.len && top < 8 && number.data[0] >> top)
        top++;
    return number.len ? (unsigned)(number.len - 1) * 8 + top : 0;
}

static bool point_is_sane(struct cs_bytes point, unsigned bits)
{
    size_t size = (bits + 7) / 8;

    if (point.len == 0)
        return false;
    if (point.data[0] == 0x04)
        return point.len == 1 + 2 * size;
    return (point.data[0] == 0x02 || point.data[0] == 0x03) && point.len == 1 + size;
}

static bool is_sane(const struct cs_spki *spki)
{
    switch (spki->type) {
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        return spki->bits >= RSA_BITS_MIN && spki->bits <= RSA_BITS_MAX &&
               spki->e.len <= spki->n.len;
    case CS_KEY_EC:
        return point_is_sane(spki->key, spki->bits);
    case CS_KEY_ED25519:
        return spki->key.len == 32;
    case CS_KEY_ED448:
        return spki->key.len == 57;
    }
    return false;
}

int cs_spki_parse(struct cs_bytes der, struct cs_spki *spki)
{
    const struct algorithm *algorithm = find_algorithm(der);
    struct cs_spki parsed = {0};

    if (!algorithm || cs_der_spki_key(der, &parsed.key) < 0)
        return CS_ERR_PROTOCOL;
    parsed.type = algorithm->type;
    parsed.bits = algorithm->bits;
    parsed.group = algorithm->group;
    if (parsed.type == CS_KEY_RSA || parsed.type == CS_KEY_RSA_PSS) {
        if (cs_der_rsa_public_key(parsed.key, &parsed.n, &parsed.e) < 0)
            return CS_ERR_PROTOCOL;
        parsed.bits = number_bits(parsed.n);
    }
    if (!is_sane(&parsed))
        return CS_ERR_PROTOCOL;
    *spki = parsed;
    return 0;
}
