/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, as far as they are compared with what tokens show. An identity goes by the label and
 * CKA_ID of any object it consists of, so that a name written down while the token was locked, from
 * a certificate, holds when the private key shows under a label of its own. The other way round a
 * CKA_ID tells which key is meant, and a label that nothing shows may be that of a key that is
 * hidden until the login: whoever looks for it may then unlock the token. Used by name.c, and by
 * whatever of the configuration names keys.
 */
#include "inventory/pattern.h"
#include "base/hex.h"
#include "base/uri.h"
#include "inventory/uri.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct cs_pattern {
    P11KitUri *uri; /* NULL when the name is none */
    bool keys;      /* the URI's type= lets a key be meant */
    bool certificates;
    bool only_certificates;
    bool hex; /* it may be the beginning of an id */
    char name[];
};

static bool looks_like_id(const char *name)
{
    size_t len = strlen(name);

    return len >= 8 && len <= 2 * CS_ID_SIZE && strspn(name, "0123456789abcdefABCDEF") == len;
}

static int parse(struct cs_pattern *pattern, struct cs_fault *fault)
{
    const CK_ATTRIBUTE *class;
    CK_OBJECT_CLASS value;
    int r;

    pattern->keys = pattern->certificates = true;
    if (!cs_uri_is(pattern->name)) {
        pattern->hex = looks_like_id(pattern->name);
        return 0;
    }
    r = cs_uri_parse(pattern->name, &pattern->uri, fault);
    if (r < 0)
        return r;
    class = p11_kit_uri_get_attribute(pattern->uri, CKA_CLASS);
    if (class && class->ulValueLen == sizeof(value)) {
        memcpy(&value, class->pValue, sizeof(value));
        pattern->keys = value == CKO_PRIVATE_KEY || value == CKO_PUBLIC_KEY;
        pattern->certificates = value == CKO_CERTIFICATE;
        pattern->only_certificates = pattern->certificates;
    }
    return 0;
}

int cs_pattern_new(const char *name, struct cs_pattern **patternp, struct cs_fault *fault)
{
    size_t size = strlen(name) + 1;
    CS_AUTO(cs_pattern_freep) struct cs_pattern *pattern = calloc(1, sizeof(*pattern) + size);
    int r;

    if (!pattern)
        return CS_ERR_MEMORY;
    memcpy(pattern->name, name, size);
    r = parse(pattern, fault);
    if (r < 0)
        return r;
    *patternp = cs_steal(&pattern);
    return 0;
}

void cs_pattern_free(struct cs_pattern *pattern)
{
    if (!pattern)
        return;
    p11_kit_uri_free(pattern->uri);
    free(pattern);
}

bool cs_pattern_fits_object(const struct cs_pattern *pattern, const struct cs_object *object)
{
    if (pattern->uri)
        return cs_uri_fits_object(pattern->uri, object);
    return cs_bytes_equal(object->label, cs_bytes_of(pattern->name));
}

bool cs_pattern_means(const struct cs_pattern *pattern, const struct cs_identity *identity,
    const struct cs_object *certificate)
{
    return cs_pattern_fits_object(pattern, certificate->filed ? identity->source : certificate);
}

bool cs_pattern_fits_token(const struct cs_pattern *pattern, const struct cs_token *token)
{
    return !pattern->uri || cs_uri_fits_token(pattern->uri, token);
}

static bool fits_id(const struct cs_pattern *pattern, const struct cs_identity *identity)
{
    char id[2 * CS_ID_SIZE + 1];

    if (!pattern->hex)
        return false;
    cs_hex_write(identity->key->id, CS_ID_SIZE, id);
    return strncasecmp(id, pattern->name, strlen(pattern->name)) == 0;
}

bool cs_pattern_fits(const struct cs_pattern *pattern, const struct cs_identity *identity)
{
    const struct cs_token *token = identity->token;

    if (fits_id(pattern, identity))
        return true;
    if (!cs_pattern_fits_token(pattern, token) || (!pattern->keys && !pattern->only_certificates))
        return false;
    for (size_t i = 0; i < token->n_objects; i++) {
        const struct cs_object *object = token->objects[i];

        if (pattern->only_certificates && object->class != CS_HOST_CERTIFICATE)
            continue;
        if (cs_identity_has(identity, object) && cs_pattern_fits_object(pattern, object))
            return true;
    }
    for (size_t i = 0; i < identity->n_certificates; i++)
        if (cs_pattern_means(pattern, identity, identity->certificates[i]))
            return true;
    return false;
}

bool cs_pattern_fits_certificate(const struct cs_pattern *pattern, const struct cs_token *token,
    const struct cs_object *certificate)
{
    return pattern->certificates && cs_pattern_fits_token(pattern, token) &&
           cs_pattern_fits_object(pattern, certificate);
}

/* Whether the name has a label in it. */
static bool has_label(const struct cs_pattern *pattern)
{
    return pattern->uri ? cs_uri_has_label(pattern->uri) : !pattern->hex;
}

/* Whether the CKA_ID is that of one of its objects; without one in the name it is. */
static bool fits_cka_id(const struct cs_pattern *pattern, const struct cs_identity *identity)
{
    const struct cs_token *token = identity->token;

    if (!pattern->uri || !cs_uri_has_id(pattern->uri))
        return true;
    for (size_t i = 0; i < token->n_objects; i++)
        if (cs_identity_has(identity, token->objects[i]) &&
            cs_uri_fits_id(pattern->uri, token->objects[i]->cka_id))
            return true;
    return false;
}

/* By what shows of it the identity is not called so; but the private key does not show, and may be.
 */
static bool may_fit(const struct cs_pattern *pattern, const struct cs_identity *identity)
{
    return !identity->private_key && pattern->keys && has_label(pattern) &&
           cs_pattern_fits_token(pattern, identity->token) && fits_cka_id(pattern, identity);
}

static bool label_shows(const struct cs_pattern *pattern, const struct cs_token *token)
{
    for (size_t i = 0; i < token->n_objects; i++)
        if (cs_uri_fits_label(pattern->uri, token->objects[i]->label))
            return true;
    return false;
}

bool cs_pattern_fits_by_id(const struct cs_pattern *pattern, const struct cs_identity *identity)
{
    return pattern->uri && cs_uri_has_id(pattern->uri) && may_fit(pattern, identity) &&
           !label_shows(pattern, identity->token);
}

/* Whether something on the token is called so, as far as it shows. */
static bool shows(const struct cs_pattern *pattern, const struct cs_token *token)
{
    for (size_t i = 0; i < token->n_objects; i++)
        if (cs_pattern_fits_object(pattern, token->objects[i]))
            return true;
    return false;
}

bool cs_pattern_may_fit(const struct cs_pattern *pattern, const struct cs_identity *identity)
{
    return may_fit(pattern, identity) && !shows(pattern, identity->token);
}

/* Another module may have unlocked it, and shows all of it. */
static bool is_open(const struct cs_inventory *inventory, const struct cs_token *token)
{
    for (size_t i = 0; i < inventory->n_tokens; i++)
        if (inventory->tokens[i] != token && !cs_token_is_locked(inventory->tokens[i]) &&
            cs_token_equal(inventory->tokens[i], token))
            return true;
    return false;
}

/* Of one that has just been unlocked the private keys may still be hidden: who logs in then waits
 * until they show. */
static bool hides(const struct cs_pattern *pattern, const struct cs_inventory *inventory,
    const struct cs_token *token)
{
    bool bare = cs_token_is_locked(token);

    if (!(token->flags & CS_TOKEN_INITIALIZED) || !cs_pattern_fits_token(pattern, token) ||
        is_open(inventory, token))
        return false;
    for (size_t i = 0; i < inventory->n_identities; i++) {
        if (inventory->identities[i]->token != token)
            continue;
        if (may_fit(pattern, inventory->identities[i]))
            return true;
        bare = false;
    }
    return bare;
}

/* What shows may not be what the asker wants, but a login would not change it. */
const struct cs_token *cs_pattern_hiding(
    const struct cs_pattern *pattern, const struct cs_inventory *inventory)
{
    const struct cs_token *found = NULL;

    for (size_t i = 0; i < inventory->n_identities; i++)
        if (cs_pattern_fits(pattern, inventory->identities[i]))
            return NULL;
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        if (!hides(pattern, inventory, inventory->tokens[i]))
            continue;
        if (found && !cs_token_equal(found, inventory->tokens[i]))
            return NULL;
        found = inventory->tokens[i];
    }
    return found;
}

bool cs_pattern_is_plain(const struct cs_pattern *pattern)
{
    return !pattern->uri || cs_uri_is_about_keys(pattern->uri);
}

bool cs_pattern_names_key(const struct cs_pattern *pattern)
{
    return !pattern->uri || cs_uri_has_label(pattern->uri) || cs_uri_has_id(pattern->uri);
}
