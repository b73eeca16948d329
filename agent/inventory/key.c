/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys as token hosts report them: strangers' DER, so OpenSSL must take every byte of it. */
#include "inventory/key.h"
#include "base/cleanup.h"
#include "base/der.h"

#include <countersign/error.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

CS_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);

static int type_of(EVP_PKEY *pkey, enum cs_key_type *typep)
{
    static const struct {
        const char *name;
        enum cs_key_type type;
    } types[] = {
        {"RSA", CS_KEY_RSA},
        {"RSA-PSS", CS_KEY_RSA_PSS},
        {"EC", CS_KEY_EC},
        {"ED25519", CS_KEY_ED25519},
        {"ED448", CS_KEY_ED448},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (EVP_PKEY_is_a(pkey, types[i].name)) {
            *typep = types[i].type;
            return 0;
        }
    }
    return CS_ERR_UNSUPPORTED;
}

int cs_key_parse_decoded(struct cs_bytes spki, EVP_PKEY *pkey, struct cs_key *key)
{
    struct cs_key parsed = {.spki = spki};
    size_t n;
    int r;

    if (cs_der_spki_key(spki, &parsed.point) < 0)
        return CS_ERR_PROTOCOL;
    r = type_of(pkey, &parsed.type);
    if (r < 0)
        return r;
    parsed.bits = (uint32_t)EVP_PKEY_get_bits(pkey);
    if (parsed.type == CS_KEY_EC &&
        !EVP_PKEY_get_group_name(pkey, parsed.group, sizeof(parsed.group), &n))
        return CS_ERR_UNSUPPORTED; /* explicit curve parameters have no place in TLS */
    SHA256(spki.data, spki.len, parsed.id);
    *key = parsed;
    return 0;
}

int cs_key_parse(struct cs_bytes spki, struct cs_key *key)
{
    CS_AUTO(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    const unsigned char *at = spki.data;

    pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
    if (!pkey || at != spki.data + spki.len)
        return CS_ERR_PROTOCOL;
    return cs_key_parse_decoded(spki, pkey, key);
}

struct cs_key cs_key_repeat(const struct cs_key *known, struct cs_bytes spki)
{
    struct cs_key key = *known;

    key.spki = spki;
    key.point.data = spki.data + (known->point.data - known->spki.data);
    return key;
}

static uint8_t family(uint8_t type)
{
    return type == CS_KEY_RSA_PSS ? CS_KEY_RSA : type;
}

bool cs_key_type_fits(uint8_t a, uint8_t b)
{
    return family(a) == family(b);
}

bool cs_key_equal(const struct cs_key *a, const struct cs_key *b)
{
    return cs_key_type_fits((uint8_t)a->type, (uint8_t)b->type) &&
           cs_bytes_equal(a->point, b->point) && strcmp(a->group, b->group) == 0;
}
