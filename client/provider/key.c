/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, made from a SubjectPublicKeyInfo by the decoder and the store, shared by references among
 * OpenSSL's key objects and signatures in any number of threads.
 */
#include "provider/key.h"
#include "base/spki.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>

static int parse(struct cs_key *key)
{
    struct cs_spki spki;
    int r = cs_spki_parse(key->spki, &spki);

    if (r < 0)
        return r;
    key->type = spki.type;
    key->bits = spki.bits;
    key->group = spki.group;
    key->n = spki.n;
    key->e = spki.e;
    if (!cs_key_is_rsa(key))
        key->encoded = spki.key;
    return 0;
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
