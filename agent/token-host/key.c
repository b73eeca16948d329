/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of public key and private key handle. A private key is not believed to belong to a public
 * key before it has made a signature that the public key verifies; only then is a pair kept.
 * Called by sign with the token's lock held.
 */
#include "token-host/key.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "token-host/public-key.h"

#include <countersign/error.h>
#include <openssl/x509.h>
#include <string.h>

struct cs_pair {
    uint8_t *store; /* of both: */
    struct cs_bytes spki, cka_id;
    struct cs_key key;
};

/* What is looked for. */
struct wanted {
    struct cs_bytes spki;  /* as given */
    struct cs_bytes value; /* in the form in which keys are compared */
    struct cs_bytes cka_id;
    uint8_t type;
    uint32_t bits;
};

void cs_pairs_clear(struct cs_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++)
        free(pairs->items[i].store);
    free(pairs->items);
    *pairs = (struct cs_pairs){0};
}

bool cs_pairs_find(
    const struct cs_pairs *pairs, struct cs_bytes spki, struct cs_bytes cka_id, struct cs_key *key)
{
    for (size_t i = 0; i < pairs->n; i++) {
        const struct cs_pair *pair = &pairs->items[i];

        if (cs_bytes_equal(pair->spki, spki) && cs_bytes_equal(pair->cka_id, cka_id)) {
            *key = pair->key;
            return true;
        }
    }
    return false;
}

int cs_pairs_add(
    struct cs_pairs *pairs, struct cs_bytes spki, struct cs_bytes cka_id, const struct cs_key *key)
{
    struct cs_pair *items;
    struct cs_key known;
    uint8_t *store;

    if (cs_pairs_find(pairs, spki, cka_id, &known))
        return 0;
    if (pairs->n >= CS_PAIRS_MAX)
        cs_pairs_clear(pairs);
    items = realloc(pairs->items, (pairs->n + 1) * sizeof(*items));
    if (!items)
        return CS_ERR_MEMORY;
    pairs->items = items;
    store = malloc(spki.len + cka_id.len + 1);
    if (!store)
        return CS_ERR_MEMORY;
    memcpy(store, spki.data, spki.len);
    if (cka_id.len)
        memcpy(store + spki.len, cka_id.data, cka_id.len);
    items[pairs->n++] = (struct cs_pair){.store = store,
        .spki = CS_BYTES(store, spki.len),
        .cka_id = CS_BYTES(store + spki.len, cka_id.len),
        .key = *key};
    return 0;
}

/* RSA-PSS is a restriction that a certificate puts on an RSA key; tokens know RSA keys. */
static bool type_fits(const struct wanted *wanted, const struct cs_object *object)
{
    uint8_t type = wanted->type == CS_KEY_RSA_PSS ? CS_KEY_RSA : wanted->type;

    return object->key_type == type;
}

static bool is_private(const struct cs_object *object)
{
    return object->object_class == CS_HOST_PRIVATE_KEY && object->handle != CK_INVALID_HANDLE;
}

static void add(
    const struct wanted *wanted, const struct cs_object *object, struct cs_key *keys, size_t *np)
{
    for (size_t i = 0; i < *np; i++)
        if (keys[i].handle == object->handle)
            return;
    if (*np == CS_KEY_CANDIDATES_MAX)
        return;
    keys[(*np)++] = (struct cs_key){.handle = object->handle,
        .type = wanted->type,
        .bits = wanted->bits,
        .always_authenticate = object->flags & CS_HOST_OBJECT_ALWAYS_AUTHENTICATE};
}

static void add_by_value(
    const struct cs_objects *objects, const struct wanted *wanted, struct cs_key *keys, size_t *np)
{
    for (size_t i = 0; i < objects->n; i++) {
        const struct cs_object *object = &objects->items[i];

        if (is_private(object) && object->value.len && cs_bytes_equal(object->value, wanted->value))
            add(wanted, object, keys, np);
    }
}

static void add_by_name(const struct cs_objects *objects, const struct wanted *wanted,
    struct cs_bytes cka_id, struct cs_bytes label, struct cs_key *keys, size_t *np)
{
    for (size_t i = 0; i < objects->n; i++) {
        const struct cs_object *object = &objects->items[i];

        if (!is_private(object) || object->value.len || !type_fits(wanted, object))
            continue;
        if ((cka_id.len && cs_bytes_equal(object->cka_id, cka_id)) ||
            (label.len && cs_bytes_equal(object->label, label)))
            add(wanted, object, keys, np);
    }
}

/* Whether a certificate or public key is of the key that is wanted. */
static bool shows(const struct cs_object *object, const struct wanted *wanted)
{
    const uint8_t *p = object->value.data;
    uint8_t *der = NULL;
    X509 *x509;
    bool same;
    int len;

    if (object->object_class == CS_HOST_PUBLIC_KEY)
        return cs_bytes_equal(object->value, wanted->value);
    if (object->object_class != CS_HOST_CERTIFICATE)
        return false;
    x509 = d2i_X509(NULL, &p, (long)object->value.len);
    len = x509 ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der) : -1;
    same = len > 0 && (cs_bytes_equal(CS_BYTES(der, (size_t)len), wanted->spki) ||
                          cs_bytes_equal(CS_BYTES(der, (size_t)len), wanted->value));
    OPENSSL_free(der);
    X509_free(x509);
    return same;
}

static void add_by_relatives(
    const struct cs_objects *objects, const struct wanted *wanted, struct cs_key *keys, size_t *np)
{
    const struct cs_bytes none = {0};

    for (size_t i = 0; i < objects->n; i++)
        if (shows(&objects->items[i], wanted))
            add_by_name(objects, wanted, objects->items[i].cka_id, none, keys, np);
    for (size_t i = 0; i < objects->n; i++)
        if (shows(&objects->items[i], wanted))
            add_by_name(objects, wanted, none, objects->items[i].label, keys, np);
}

static bool id_is_taken(const struct cs_objects *objects, struct cs_bytes cka_id)
{
    for (size_t i = 0; cka_id.len && i < objects->n; i++)
        if (is_private(&objects->items[i]) && cs_bytes_equal(objects->items[i].cka_id, cka_id))
            return true;
    return false;
}

int cs_key_candidates(const struct cs_objects *objects, struct cs_bytes spki,
    struct cs_bytes cka_id, struct cs_key *keys, size_t *np)
{
    CS_AUTO(EVP_PKEY_freep) EVP_PKEY *public = cs_public_key_of_spki(spki);
    CS_AUTO(cs_buf_deinit) struct cs_buf value = CS_BUF_INIT(CS_OBJECT_VALUE_MAX);
    struct wanted wanted = {.spki = spki, .cka_id = cka_id};
    const struct cs_bytes no_label = {0};
    size_t n = 0;

    if (!public || !cs_public_key_type(public) || cs_public_key_put(&value, public) < 0)
        return CS_ERR_INVALID;
    wanted.value = cs_buf_bytes(&value);
    wanted.type = cs_public_key_type(public);
    wanted.bits = (uint32_t)EVP_PKEY_get_bits(public);
    add_by_value(objects, &wanted, keys, &n);
    if (n == 0) {
        add_by_name(objects, &wanted, cka_id, no_label, keys, &n);
        add_by_relatives(objects, &wanted, keys, &n);
    }
    if (n == 0 && id_is_taken(objects, cka_id))
        return CS_ERR_KEY_MISMATCH;
    *np = n;
    return 0;
}
