/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys as token hosts report them: strangers' DER, of which every byte must be accounted
 * for. Nothing is verified with them here, so the usual ones are known by their form, which is a
 * hundred times as quick as to have OpenSSL decode them.
 */
#include "inventory/key.h"
#include "base/cleanup.h"
#include "base/der.h"
#include "base/spki.h"

#include <countersign/error.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
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

/* What OpenSSL makes of it: curves that are seldom, restrictions of RSA-PSS. */
static int parse_with_openssl(struct cs_bytes spki, struct cs_key *key)
{
    CS_AUTO(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    const unsigned char *at = spki.data;
    size_t n;
    int r;

    pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
    ERR_clear_error();
    if (!pkey || at != spki.data + spki.len || cs_der_spki_key(spki, &key->point) < 0)
        return CS_ERR_PROTOCOL;
    r = type_of(pkey, &key->type);
    if (r < 0)
        return r;
    key->bits = (uint32_t)EVP_PKEY_get_bits(pkey);
    if (key->type == CS_KEY_EC &&
        !EVP_PKEY_get_group_name(pkey, key->group, sizeof(key->group), &n))
        return CS_ERR_UNSUPPORTED; /* explicit curve parameters have no place in TLS */
    return 0;
}

int cs_key_parse(struct cs_bytes spki, struct cs_key *key)
{
    struct cs_key parsed = {.spki = spki};
    struct cs_spki known;
    int r = 0;

    if (cs_spki_parse(spki, &known) == 0 && known.type != CS_KEY_RSA_PSS) {
        parsed.point = known.key;
        parsed.type = known.type;
        parsed.bits = known.bits;
        snprintf(parsed.group, sizeof(parsed.group), "%s", known.group ? known.group : "");
    } else {
        r = parse_with_openssl(spki, &parsed);
    }
    if (r < 0)
        return r;
    SHA256(spki.data, spki.len, parsed.id);
    *key = parsed;
    return 0;
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
