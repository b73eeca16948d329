/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities. A private key with a known public key is one. While a token is locked its private
 * keys are mostly hidden: then a public key or a certificate that has a CKA_ID and is no authority
 * stands for the key that will be there after the login. The public key is taken from a
 * certificate where there is one, so that an identity's id is the same before and after the login.
 * Called by token.c whenever a token's picture changes.
 */
#include "inventory/identity.h"
#include "inventory/key-index.h"
#include "inventory/token.h"
#include "inventory/uri.h"

#include <countersign/error.h>
#include <string.h>

struct assembly {
    const struct cs_token *token;
    struct cs_key_index index; /* by key */
    struct cs_key_index ids;   /* by CKA_ID, once it was needed */
    struct cs_identity *list;
    size_t n;
    int error;
};

static bool covered(const struct assembly *all, const struct cs_key *key)
{
    const struct cs_key_entry *entry;
    size_t at = 0;

    while ((entry = cs_key_index_next(&all->index, key, &at)))
        if (entry->identity)
            return true;
    return false;
}

static void cover(struct assembly *all, const struct cs_key *key)
{
    struct cs_key_entry *entry;
    size_t at = 0;

    while ((entry = cs_key_index_next(&all->index, key, &at)))
        entry->identity = true;
}

static void add(struct assembly *all, const struct cs_key *key, const struct cs_object *private_key)
{
    size_t n = covered(all, key) ? all->n : 0;
    struct cs_identity *list;

    for (size_t i = 0; i < n; i++)
        if (memcmp(all->list[i].key->id, key->id, CS_ID_SIZE) == 0)
            return;
    list = reallocarray(all->list, all->n + 1, sizeof(*list));
    if (!list) {
        all->error = CS_ERR_MEMORY;
        return;
    }
    all->list = list;
    list[all->n++] =
        (struct cs_identity){.token = all->token, .key = key, .private_key = private_key};
    cover(all, key);
}

/* As the certificates write the key, for each way they do; else as the key object does. */
static void add_as_certified(
    struct assembly *all, const struct cs_key *key, const struct cs_object *private_key)
{
    const struct cs_key_entry *entry;
    bool certified = false;
    size_t at = 0;

    while ((entry = cs_key_index_next(&all->index, key, &at))) {
        if (entry->object->class != CS_HOST_CERTIFICATE)
            continue;
        add(all, &entry->object->key, private_key);
        certified = true;
    }
    if (!certified)
        add(all, key, private_key);
}

/* The public key of a private key that does not tell it: of the object with the same CKA_ID. */
static const struct cs_key *key_by_id(struct assembly *all, const struct cs_object *private_key)
{
    static const enum cs_host_object_class order[] = {CS_HOST_PUBLIC_KEY, CS_HOST_CERTIFICATE};
    const struct cs_key_entry *entry;
    int r = 0;

    if (!all->ids.entries)
        r = cs_key_index_init_by_id(&all->ids, all->token->objects, all->token->n_objects);
    if (r < 0) {
        all->error = r;
        return NULL;
    }
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t at = 0; (entry = cs_key_index_next_by(&all->ids, private_key->cka_id, &at));)
            if (entry->object->class == order[pass] &&
                cs_key_type_fits((uint8_t)entry->object->key.type, private_key->key_type))
                return &entry->object->key;
    return NULL;
}

static void add_private_keys(struct assembly *all)
{
    for (size_t i = 0; i < all->token->n_objects; i++) {
        const struct cs_object *object = all->token->objects[i];
        const struct cs_key *key;

        if (object->class != CS_HOST_PRIVATE_KEY)
            continue;
        key = object->has_key ? &object->key : key_by_id(all, object);
        if (key)
            add_as_certified(all, key, object);
    }
}

static void add_inferred(struct assembly *all)
{
    for (size_t i = 0; i < all->token->n_objects; i++) {
        const struct cs_object *object = all->token->objects[i];

        if (object->class == CS_HOST_PRIVATE_KEY || !object->has_key || object->ca ||
            object->cka_id.len == 0 || covered(all, &object->key))
            continue;
        add_as_certified(all, &object->key, NULL);
    }
}

bool cs_identity_has(const struct cs_identity *identity, const struct cs_object *object)
{
    if (object == identity->private_key)
        return true;
    if (!object->has_key)
        return false;
    if (object->class == CS_HOST_CERTIFICATE)
        return memcmp(object->key.id, identity->key->id, CS_ID_SIZE) == 0;
    return cs_key_equal(&object->key, identity->key);
}

/* What shows without a login comes first, so that the identity is called the same before and after
 * it; the key before a certificate, and any label before none. */
static const struct cs_object *find_source(
    const struct cs_key_index *index, const struct cs_identity *identity)
{
    static const enum cs_host_object_class order[] = {CS_HOST_PUBLIC_KEY, CS_HOST_CERTIFICATE};
    const struct cs_object *nameless = NULL;
    const struct cs_key_entry *entry;

    for (size_t pass = 0; pass < sizeof(order) / sizeof(order[0]); pass++)
        for (size_t at = 0; (entry = cs_key_index_next(index, identity->key, &at));) {
            if (entry->object->class != order[pass] || !cs_identity_has(identity, entry->object))
                continue;
            if (entry->object->label.len)
                return entry->object;
            if (!nameless)
                nameless = entry->object;
        }
    if (!nameless || (identity->private_key && identity->private_key->label.len))
        return identity->private_key;
    return nameless;
}

void cs_identity_add(struct cs_identity *identity, const struct cs_object *certificate)
{
    if (identity->n_certificates < CS_LIMIT_CERTIFICATES_PER_KEY)
        identity->certificates[identity->n_certificates++] = certificate;
}

static void attach_certificates(const struct cs_key_index *index, struct cs_identity *identity)
{
    const struct cs_key_entry *entry;
    size_t at = 0;

    while ((entry = cs_key_index_next(index, identity->key, &at))) {
        if (entry->object->class != CS_HOST_CERTIFICATE ||
            !cs_identity_has(identity, entry->object))
            continue;
        entry->object->of_identity = true;
        cs_identity_add(identity, entry->object);
    }
}

static void complete(struct assembly *all, struct cs_identity *identity)
{
    attach_certificates(&all->index, identity);
    identity->source = find_source(&all->index, identity);
    identity->n_schemes =
        cs_scheme_list(identity->key->type, identity->key->bits, identity->schemes, CS_SCHEMES_MAX);
    identity->uri =
        cs_uri_of_object(all->token, identity->source->label, identity->source->cka_id, "private");
    if (!identity->uri)
        all->error = CS_ERR_MEMORY;
}

int cs_identities_assemble(
    const struct cs_token *token, struct cs_identity **identitiesp, size_t *np)
{
    struct assembly all = {.token = token};
    int r = cs_key_index_init(&all.index, token->objects, token->n_objects);

    if (r < 0)
        return r;
    add_private_keys(&all);
    if (cs_token_is_locked(token))
        add_inferred(&all);
    for (size_t i = 0; i < all.n; i++)
        complete(&all, &all.list[i]);
    cs_key_index_deinit(&all.index);
    cs_key_index_deinit(&all.ids);
    if (all.error < 0) {
        cs_identities_free(all.list, all.n);
        return all.error;
    }
    *identitiesp = all.list;
    *np = all.n;
    return 0;
}

void cs_identities_free(struct cs_identity *identities, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(identities[i].uri);
    free(identities);
}

const struct cs_object *cs_identity_best(const struct cs_identity *identity, time_t now)
{
    const struct cs_object *best = NULL;

    for (size_t i = 0; i < identity->n_certificates; i++)
        if (!best || cs_object_is_better(identity->certificates[i], best, now))
            best = identity->certificates[i];
    return best;
}

bool cs_identity_can(const struct cs_identity *identity, uint16_t scheme)
{
    for (size_t i = 0; i < identity->n_schemes; i++)
        if (identity->schemes[i] == scheme)
            return true;
    return false;
}

uint32_t cs_identity_flags(const struct cs_identity *identity)
{
    uint32_t flags = 0;

    if (identity->private_key)
        flags |= CS_IDENTITY_KEY_SEEN;
    if (identity->private_key &&
        (identity->private_key->flags & CS_HOST_OBJECT_ALWAYS_AUTHENTICATE))
        flags |= CS_IDENTITY_ALWAYS_AUTHENTICATE;
    return flags;
}

struct cs_bytes cs_identity_key_id(const struct cs_identity *identity)
{
    return identity->private_key ? identity->private_key->cka_id : identity->source->cka_id;
}

/* Best first; few, so a selection will do. */
static void put_certificates(const struct cs_identity *identity, time_t now, struct cs_buf *space)
{
    const struct cs_object *left[CS_LIMIT_CERTIFICATES_PER_KEY];

    memcpy(left, identity->certificates, sizeof(left));
    for (size_t n = identity->n_certificates; n > 0; n--) {
        size_t best = 0;

        for (size_t i = 1; i < n; i++)
            if (cs_object_is_better(left[i], left[best], now))
                best = i;
        cs_buf_put_bytes(space, left[best]->value);
        memmove(left + best, left + best + 1, (n - best - 1) * sizeof(*left));
    }
}

void cs_identity_describe(
    const struct cs_identity *identity, time_t now, struct cs_buf *space, struct cs_msg_identity *m)
{
    size_t n_schemes = 2 * identity->n_schemes;

    cs_buf_reset(space);
    for (size_t i = 0; i < identity->n_schemes; i++)
        cs_buf_put_u16(space, identity->schemes[i]);
    put_certificates(identity, now, space);
    *m = (struct cs_msg_identity){
        .id = CS_BYTES(identity->key->id, CS_ID_SIZE),
        .uri = cs_bytes_of(identity->uri),
        .token = cs_bytes_of(identity->token->uri),
        .label = identity->source->label,
        .cka_id = identity->source->cka_id,
        .key_type = (uint8_t)identity->key->type,
        .bits = identity->key->bits,
        .group = cs_bytes_of(identity->key->group),
        .spki = identity->key->spki,
        .flags = cs_identity_flags(identity),
        .schemes = CS_BYTES(space->data, n_schemes),
    };
    if (space->error == 0) {
        m->n_certificates = (uint32_t)identity->n_certificates;
        m->certificates = CS_BYTES(space->data + n_schemes, space->len - n_schemes);
    } else {
        m->schemes = CS_BYTES(NULL, 0);
    }
}
