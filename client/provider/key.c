/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, made from a SubjectPublicKeyInfo by the decoder and the store, shared by references among
 * OpenSSL's key objects and signatures in any number of threads.
 */
#include "provider/key.h"
#include "base/der.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>

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

static const struct algorithm *find_algorithm(struct cs_bytes spki)
{
    struct cs_bytes sequence, identifier, oid, curve = {NULL, 0};

    if (cs_der_expect(&spki, CS_DER_SEQUENCE, &sequence) < 0 ||
        cs_der_expect(&sequence, CS_DER_SEQUENCE, &identifier) < 0 ||
        cs_der_expect(&identifier, CS_DER_OID, &oid) < 0)
        return NULL;
    cs_der_expect(&identifier, CS_DER_OID, &curve);
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (cs_bytes_equal(algorithms[i].oid, oid) &&
            (!algorithms[i].curve.len || cs_bytes_equal(algorithms[i].curve, curve)))
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

static int parse(struct cs_key *key)
{
    const struct algorithm *algorithm = find_algorithm(key->spki);
    struct cs_bytes public;

    if (!algorithm || cs_der_spki_key(key->spki, &public) < 0)
        return CS_ERR_PROTOCOL;
    key->type = algorithm->type;
    key->bits = algorithm->bits;
    key->group = algorithm->group;
    if (!cs_key_is_rsa(key))
        key->encoded = public;
    else if (cs_der_rsa_public_key(public, &key->n, &key->e) < 0)
        return CS_ERR_PROTOCOL;
    else
        key->bits = number_bits(key->n);
    switch (key->type) {
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        return key->bits >= 512 && key->bits <= RSA_BITS_MAX && key->e.len <= key->n.len
                   ? 0
                   : CS_ERR_PROTOCOL;
    case CS_KEY_EC:
        return point_is_sane(public, key->bits) ? 0 : CS_ERR_PROTOCOL;
    case CS_KEY_ED25519:
        return public.len == 32 ? 0 : CS_ERR_PROTOCOL;
    case CS_KEY_ED448:
        return public.len == 57 ? 0 : CS_ERR_PROTOCOL;
    }
    return CS_ERR_PROTOCOL;
}

int cs_key_new(struct cs_key **keyp, const struct cs_pem_reference *reference)
{
    size_t spki_len = reference->spki.len, uri_len = reference->uri.len;
    struct cs_key *key = calloc(1, sizeof(*key) + spki_len + uri_len + 1);
    uint8_t *copy;
    int r;

    if (!key)
        return CS_ERR_MEMORY;
    copy = (uint8_t *)(key + 1);
    if (spki_len)
        memcpy(copy, reference->spki.data, spki_len);
    if (uri_len)
        memcpy(copy + spki_len, reference->uri.data, uri_len);
    memcpy(key->id, reference->id.data, sizeof(key->id));
    key->spki = CS_BYTES(copy, spki_len);
    key->uri = (const char *)copy + spki_len;
    atomic_init(&key->refs, 1);
    r = parse(key);
    if (r < 0) {
        free(key);
        return r;
    }
    *keyp = key;
    return 0;
}

struct cs_key *cs_key_new_empty(void)
{
    struct cs_key *key = calloc(1, sizeof(*key));

    if (key)
        atomic_init(&key->refs, 1);
    return key;
}

bool cs_key_is_empty(const struct cs_key *key)
{
    return key->spki.len == 0;
}

struct cs_key *cs_key_ref(struct cs_key *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void cs_key_unref(struct cs_key *key)
{
    if (key && atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) == 1)
        free(key);
}

const char *cs_key_type(const struct cs_key *key)
{
    switch (key->type) {
    case CS_KEY_RSA:
        return "RSA";
    case CS_KEY_RSA_PSS:
        return "RSA-PSS";
    case CS_KEY_EC:
        return "EC";
    case CS_KEY_ED25519:
        return "ED25519";
    case CS_KEY_ED448:
        return "ED448";
    }
    return "";
}

/* RSA: the steps of NIST SP 800-57 part 1, table 2, and what OpenSSL computes between them. */
static unsigned rsa_security_bits(unsigned bits)
{
    static const struct {
        unsigned bits, security_bits;
    } steps[] = {{15360, 256}, {8192, 200}, {7680, 192}, {6144, 176}, {4096, 152}, {3072, 128},
        {2048, 112}, {1024, 80}};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (bits >= steps[i].bits)
            return steps[i].security_bits;
    return 0;
}

unsigned cs_key_security_bits(const struct cs_key *key)
{
    switch (key->type) {
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        return rsa_security_bits(key->bits);
    case CS_KEY_EC:
        return key->bits == 521 ? 256 : key->bits / 2;
    case CS_KEY_ED25519:
        return 128;
    case CS_KEY_ED448:
        return 224;
    }
    return 0;
}

/* Two INTEGERs of the order's size, with a sign byte where its top bit can be set. */
static size_t ecdsa_size(unsigned bits)
{
    size_t integer = 2 + bits / 8 + 1, content = 2 * integer;

    return (content < 0x80 ? 2 : 3) + content;
}

size_t cs_key_signature_size(const struct cs_key *key)
{
    switch (key->type) {
    case CS_KEY_RSA:
    case CS_KEY_RSA_PSS:
        return (key->bits + 7) / 8;
    case CS_KEY_EC:
        return ecdsa_size(key->bits);
    case CS_KEY_ED25519:
        return 64;
    case CS_KEY_ED448:
        return 114;
    }
    return 0;
}

bool cs_key_is_rsa(const struct cs_key *key)
{
    return key->type == CS_KEY_RSA || key->type == CS_KEY_RSA_PSS;
}

bool cs_key_is_pure(const struct cs_key *key)
{
    return key->type == CS_KEY_ED25519 || key->type == CS_KEY_ED448;
}
