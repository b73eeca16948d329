/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of SignatureSchemes. MD5 and SHA-1 are left out on purpose: no client of ours may
 * sign with them. Order within a key type is preference: the curve's own hash is moved first.
 */
#include "base/scheme.h"

#include <string.h>

static const struct cs_scheme schemes[] = {
    {0x0804, "rsa_pss_rsae_sha256", CS_KEY_RSA, CS_HASH_SHA256, CS_PADDING_PSS},
    {0x0805, "rsa_pss_rsae_sha384", CS_KEY_RSA, CS_HASH_SHA384, CS_PADDING_PSS},
    {0x0806, "rsa_pss_rsae_sha512", CS_KEY_RSA, CS_HASH_SHA512, CS_PADDING_PSS},
    {0x0401, "rsa_pkcs1_sha256", CS_KEY_RSA, CS_HASH_SHA256, CS_PADDING_PKCS1},
    {0x0501, "rsa_pkcs1_sha384", CS_KEY_RSA, CS_HASH_SHA384, CS_PADDING_PKCS1},
    {0x0601, "rsa_pkcs1_sha512", CS_KEY_RSA, CS_HASH_SHA512, CS_PADDING_PKCS1},
    {0x0809, "rsa_pss_pss_sha256", CS_KEY_RSA_PSS, CS_HASH_SHA256, CS_PADDING_PSS},
    {0x080a, "rsa_pss_pss_sha384", CS_KEY_RSA_PSS, CS_HASH_SHA384, CS_PADDING_PSS},
    {0x080b, "rsa_pss_pss_sha512", CS_KEY_RSA_PSS, CS_HASH_SHA512, CS_PADDING_PSS},
    {0x0403, "ecdsa_secp256r1_sha256", CS_KEY_EC, CS_HASH_SHA256, CS_PADDING_NONE},
    {0x0503, "ecdsa_secp384r1_sha384", CS_KEY_EC, CS_HASH_SHA384, CS_PADDING_NONE},
    {0x0603, "ecdsa_secp521r1_sha512", CS_KEY_EC, CS_HASH_SHA512, CS_PADDING_NONE},
    {0x0807, "ed25519", CS_KEY_ED25519, CS_HASH_NONE, CS_PADDING_NONE},
    {0x0808, "ed448", CS_KEY_ED448, CS_HASH_NONE, CS_PADDING_NONE},
};

#define N_SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

const struct cs_scheme *cs_scheme_by_code(uint16_t code)
{
    for (size_t i = 0; i < N_SCHEMES; i++)
        if (schemes[i].code == code)
            return &schemes[i];
    return NULL;
}

const struct cs_scheme *cs_scheme_by_name(const char *name)
{
    for (size_t i = 0; i < N_SCHEMES; i++)
        if (strcmp(schemes[i].name, name) == 0)
            return &schemes[i];
    return NULL;
}

const struct cs_scheme *cs_scheme_for(
    enum cs_key_type type, enum cs_hash hash, enum cs_padding padding)
{
    for (size_t i = 0; i < N_SCHEMES; i++)
        if (schemes[i].key_type == type && schemes[i].hash == hash && schemes[i].padding == padding)
            return &schemes[i];
    return NULL;
}

/* RFC 8017: PSS needs hash + salt + 2 bytes (9.1.1), PKCS #1 v1.5 needs DigestInfo + 11 (9.2). */
bool cs_scheme_fits(const struct cs_scheme *scheme, enum cs_key_type type, unsigned bits)
{
    size_t hash = cs_hash_size(scheme->hash);

    if (scheme->key_type != type)
        return false;
    switch (scheme->padding) {
    case CS_PADDING_PSS:
        return (bits + 6) / 8 >= 2 * hash + 2;
    case CS_PADDING_PKCS1:
        return (bits + 7) / 8 >= 19 + hash + 11;
    case CS_PADDING_NONE:
        return true;
    }
    return false;
}

/* In TLS 1.3 an EC key has exactly one scheme; elsewhere it is the natural first choice. */
static enum cs_hash natural_hash(enum cs_key_type type, unsigned bits)
{
    if (type != CS_KEY_EC)
        return CS_HASH_NONE;
    return bits <= 256 ? CS_HASH_SHA256 : bits <= 384 ? CS_HASH_SHA384 : CS_HASH_SHA512;
}

size_t cs_scheme_list(enum cs_key_type type, unsigned bits, uint16_t *codes, size_t max)
{
    enum cs_hash first = natural_hash(type, bits);
    size_t n = 0;

    for (size_t pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < N_SCHEMES; i++) {
            bool natural = schemes[i].hash == first;

            if (natural == (pass == 0) && n < max && cs_scheme_fits(&schemes[i], type, bits))
                codes[n++] = schemes[i].code;
        }
    return n;
}

size_t cs_hash_size(enum cs_hash hash)
{
    return (size_t)hash / 8;
}

const char *cs_hash_name(enum cs_hash hash)
{
    switch (hash) {
    case CS_HASH_SHA256:
        return "SHA2-256";
    case CS_HASH_SHA384:
        return "SHA2-384";
    case CS_HASH_SHA512:
        return "SHA2-512";
    case CS_HASH_NONE:
        break;
    }
    return NULL;
}

const char *cs_key_type_name(enum cs_key_type type)
{
    switch (type) {
    case CS_KEY_RSA:
        return "RSA";
    case CS_KEY_RSA_PSS:
        return "RSA-PSS";
    case CS_KEY_EC:
        return "EC";
    case CS_KEY_ED25519:
        return "Ed25519";
    case CS_KEY_ED448:
        return "Ed448";
    }
    return "unknown";
}
