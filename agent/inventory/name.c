/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names. An identity goes by the label and CKA_ID of any object it consists of, so that a name
 * written down while the token was locked, from a certificate, holds when the private key shows
 * under a label of its own. The other way round a CKA_ID tells which key is meant, and a label that
 * nothing shows may be that of a key that is hidden until the login: whoever looks for it may then
 * unlock the token. The same key on two tokens, or seen through two modules, counts once.
 * Sentences about unknown and ambiguous names list what there is.
 */
#include "inventory/name.h"
#include "base/hex.h"
#include "inventory/uri.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct pattern {
    const char *name;
    P11KitUri *uri; /* NULL when the name is none */
    bool keys;      /* the URI's type= lets a key be meant */
    bool certificates;
    bool only_certificates;
    bool hex; /* it may be the beginning of an id */
};

static bool looks_like_id(const char *name)
{
    size_t len = strlen(name);

    return len >= 8 && len <= 2 * CS_ID_SIZE && strspn(name, "0123456789abcdefABCDEF") == len;
}

static int parse(const char *name, struct pattern *pattern, struct cs_fault *fault)
{
    const CK_ATTRIBUTE *class;
    CK_OBJECT_CLASS value;
    int r;

    *pattern = (struct pattern){.name = name, .keys = true, .certificates = true};
    if (!cs_uri_is(name)) {
        pattern->hex = looks_like_id(name);
        return 0;
    }
    r = cs_uri_parse(name, &pattern->uri, fault);
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

static bool fits_object(const struct pattern *pattern, const struct cs_object *object)
{
    if (pattern->uri)
        return cs_uri_fits_object(pattern->uri, object);
    return cs_bytes_equal(object->label, cs_bytes_of(pattern->name));
}

static bool fits_token(const struct pattern *pattern, const struct cs_token *token)
{
    return !pattern->uri || cs_uri_fits_token(pattern->uri, token);
}

static bool fits_id(const struct pattern *pattern, const struct cs_identity *identity)
{
    char id[2 * CS_ID_SIZE + 1];

    if (!pattern->hex)
        return false;
    cs_hex_write(identity->key->id, CS_ID_SIZE, id);
    return strncasecmp(id, pattern->name, strlen(pattern->name)) == 0;
}

static bool fits_identity(const struct pattern *pattern, const struct cs_identity *identity)
{
    const struct cs_token *token = identity->token;

    if (fits_id(pattern, identity))
        return true;
    if (!fits_token(pattern, token) || (!pattern->keys && !pattern->only_certificates))
        return false;
    for (size_t i = 0; i < token->n_objects; i++) {
        const struct cs_object *object = token->objects[i];

        if (pattern->only_certificates && object->class != CS_HOST_CERTIFICATE)
            continue;
        if (cs_identity_has(identity, object) && fits_object(pattern, object))
            return true;
    }
    return false;
}

/* Whether the name has a label in it. */
static bool has_label(const struct pattern *pattern)
{
    return pattern->uri ? cs_uri_has_label(pattern->uri) : !pattern->hex;
}

/* Whether the CKA_ID is that of one of its objects; without one in the name it is. */
static bool fits_cka_id(const struct pattern *pattern, const struct cs_identity *identity)
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
static bool may_fit(const struct pattern *pattern, const struct cs_identity *identity)
{
    return !identity->private_key && pattern->keys && has_label(pattern) &&
           fits_token(pattern, identity->token) && fits_cka_id(pattern, identity);
}

static bool label_shows(const struct pattern *pattern, const struct cs_token *token)
{
    for (size_t i = 0; i < token->n_objects; i++)
        if (cs_uri_fits_label(pattern->uri, token->objects[i]->label))
            return true;
    return false;
}

/* The same, when the CKA_ID leaves no doubt: the label is that of nothing else there. */
static bool fits_by_id(const struct pattern *pattern, const struct cs_identity *identity)
{
    return pattern->uri && cs_uri_has_id(pattern->uri) && may_fit(pattern, identity) &&
           !label_shows(pattern, identity->token);
}

/* Whether something on the token is called so, as far as it shows. */
static bool shows(const struct pattern *pattern, const struct cs_token *token)
{
    for (size_t i = 0; i < token->n_objects; i++)
        if (fits_object(pattern, token->objects[i]))
            return true;
    return false;
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
static bool hides(const struct cs_inventory *inventory, const struct pattern *pattern,
    const struct cs_token *token)
{
    bool bare = cs_token_is_locked(token);

    if (!(token->flags & CS_TOKEN_INITIALIZED) || !fits_token(pattern, token) ||
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

/* The one token that may hide what the name means; NULL if there is none, or there are several, or
 * it means what shows: that may not be what the asker wants, but a login would not change it. */
static const struct cs_token *find_hiding(
    const struct cs_inventory *inventory, const struct pattern *pattern)
{
    const struct cs_token *found = NULL;

    for (size_t i = 0; i < inventory->n_identities; i++)
        if (fits_identity(pattern, inventory->identities[i]))
            return NULL;
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        if (!hides(inventory, pattern, inventory->tokens[i]))
            continue;
        if (found && !cs_token_equal(found, inventory->tokens[i]))
            return NULL;
        found = inventory->tokens[i];
    }
    return found;
}

struct cs_name_pattern {
    struct pattern pattern;
    char name[];
};

int cs_name_pattern_new(const char *name, struct cs_name_pattern **patternp, struct cs_fault *fault)
{
    size_t size = strlen(name) + 1;
    CS_AUTO(cs_name_pattern_freep)
    struct cs_name_pattern *pattern = calloc(1, sizeof(*pattern) + size);
    int r;

    if (!pattern)
        return CS_ERR_MEMORY;
    memcpy(pattern->name, name, size);
    r = parse(pattern->name, &pattern->pattern, fault);
    if (r < 0)
        return r;
    *patternp = cs_steal(&pattern);
    return 0;
}

void cs_name_pattern_free(struct cs_name_pattern *pattern)
{
    if (!pattern)
        return;
    p11_kit_uri_free(pattern->pattern.uri);
    free(pattern);
}

bool cs_name_pattern_fits(const struct cs_name_pattern *pattern, const struct cs_identity *identity)
{
    return fits_identity(&pattern->pattern, identity);
}

bool cs_name_pattern_fits_token(const struct cs_name_pattern *pattern, const struct cs_token *token)
{
    return fits_token(&pattern->pattern, token);
}

bool cs_name_pattern_may_fit(
    const struct cs_name_pattern *pattern, const struct cs_identity *identity)
{
    return may_fit(&pattern->pattern, identity) && !shows(&pattern->pattern, identity->token);
}

const struct cs_token *cs_name_pattern_hiding(
    const struct cs_name_pattern *pattern, const struct cs_inventory *inventory)
{
    return find_hiding(inventory, &pattern->pattern);
}

bool cs_name_pattern_is_plain(const struct cs_name_pattern *pattern)
{
    if (pattern->pattern.uri)
        return cs_uri_is_about_keys(pattern->pattern.uri);
    return strncasecmp(pattern->name, "pkcs11:", strlen("pkcs11:")) != 0;
}

bool cs_name_pattern_names_key(const struct cs_name_pattern *pattern)
{
    return !pattern->pattern.uri || cs_uri_has_label(pattern->pattern.uri) ||
           cs_uri_has_id(pattern->pattern.uri);
}

/* The certificate that the name means, if it means one in particular, else the best. */
static const struct cs_object *choose_leaf(
    const struct pattern *pattern, const struct cs_identity *identity, time_t now)
{
    const struct cs_object *named = NULL;

    for (size_t i = 0; i < identity->n_certificates; i++) {
        const struct cs_object *certificate = identity->certificates[i];

        if (fits_object(pattern, certificate) &&
            (!named || cs_object_is_better(certificate, named, now)))
            named = certificate;
    }
    return named ? named : cs_identity_best(identity, now);
}

/* How much of a name goes into a sentence: the query of a URI may hold a PIN. */
static int shown(const char *name)
{
    size_t len = cs_uri_is(name) ? strcspn(name, "?") : strlen(name);

    return len < 300 ? (int)len : 300;
}

/* A sentence that grows, with a list in it that ends where there is enough. */
struct sentence {
    char text[1000];
    size_t n_listed;
    size_t n_left_out;
};

static void append(struct sentence *sentence, const char *text)
{
    size_t at = strlen(sentence->text), room = sizeof(sentence->text) - at;

    snprintf(sentence->text + at, room, "%.*s", (int)room - 1, text);
}

static void append_candidate(struct sentence *sentence, const char *uri, const uint8_t *id)
{
    char short_id[9];

    /* Room must be left for the end of the sentence. */
    if (sentence->n_listed >= CS_LIMIT_CANDIDATES ||
        strlen(sentence->text) + strlen(uri) + 160 > sizeof(sentence->text)) {
        sentence->n_left_out++;
        return;
    }
    append(sentence, sentence->n_listed++ ? ", " : " ");
    append(sentence, uri);
    if (!id)
        return;
    append(sentence, " (");
    append(sentence, cs_hex_write(id, 4, short_id));
    append(sentence, ")");
}

static void append_left_out(struct sentence *sentence)
{
    char more[64];

    if (sentence->n_left_out == 0)
        return;
    snprintf(more, sizeof(more), " and %zu more", sentence->n_left_out);
    append(sentence, more);
}

/* What is looked for may be on a token that is not there, for one reason or another. */
static void append_missing(struct sentence *sentence, const struct cs_inventory *inventory)
{
    if (inventory->failed) {
        append(sentence, "; module '");
        append(sentence, inventory->failed);
        append(sentence, "' does not run: see 'countersign status'");
    }
    if (inventory->troubled) {
        append(sentence, "; module '");
        append(sentence, inventory->troubled);
        append(sentence, "' cannot use a token that is there: see 'countersign status'");
    }
    if (!inventory->failed && !inventory->troubled && inventory->n_tokens == 0)
        append(sentence, "; there is no token: insert one");
}

/* What is looked for may be on it. */
static const struct cs_token *find_locked(
    const struct cs_inventory *inventory, const struct pattern *pattern)
{
    for (size_t i = 0; i < inventory->n_tokens; i++)
        if (cs_token_is_locked(inventory->tokens[i]) &&
            (inventory->tokens[i]->flags & CS_TOKEN_INITIALIZED) &&
            fits_token(pattern, inventory->tokens[i]))
            return inventory->tokens[i];
    return NULL;
}

static int say_not_found(const struct cs_inventory *inventory, const struct pattern *pattern,
    enum cs_expect expect, struct cs_fault *fault)
{
    const char *what = expect == CS_EXPECT_CERTIFICATE ? "certificate" : "key";
    const struct cs_token *token = find_locked(inventory, pattern);
    struct cs_fault locked = {0};
    struct sentence sentence = {0};

    snprintf(sentence.text, sizeof(sentence.text), "no %s fits '%.*s'", what, shown(pattern->name),
        pattern->name);
    if (token) {
        cs_token_say_locked(token->name, token->word, &locked);
        append(&sentence, "; but ");
        append(&sentence, locked.text);
    }
    if (inventory->n_identities == 0) {
        append(&sentence, inventory->n_tokens ? "; no token here has a key to show" : "");
        append_missing(&sentence, inventory);
        return cs_fail(fault, CS_ERR_NOT_FOUND, "%s", sentence.text);
    }
    append(&sentence, "; there are:");
    for (size_t i = 0; i < inventory->n_identities; i++)
        append_candidate(
            &sentence, inventory->identities[i]->uri, inventory->identities[i]->key->id);
    append_left_out(&sentence);
    if (inventory->failed || inventory->troubled)
        append_missing(&sentence, inventory);
    else
        append(&sentence, "; 'countersign refresh' looks for new ones");
    return cs_fail(fault, CS_ERR_NOT_FOUND, "%s", sentence.text);
}

static bool same_key(const struct cs_identity *a, const struct cs_identity *b)
{
    return cs_key_equal(a->key, b->key);
}

/* Of the same key twice: where no PIN is needed; then with the better certificate, which settles
 * how an RSA key that is certified in two ways is meant. */
static const struct cs_identity *prefer(
    const struct cs_identity *a, const struct cs_identity *b, time_t now)
{
    const struct cs_object *best_a = cs_identity_best(a, now);
    const struct cs_object *best_b = cs_identity_best(b, now);

    if (cs_token_is_locked(a->token) != cs_token_is_locked(b->token))
        return cs_token_is_locked(a->token) ? b : a;
    if (best_a && best_b && cs_object_is_better(best_b, best_a, now))
        return b;
    return best_a || !best_b ? a : b;
}

struct search {
    const struct cs_inventory *inventory;
    struct pattern pattern;
    bool (*fits)(const struct pattern *pattern, const struct cs_identity *identity);
    time_t now;
    const struct cs_identity *identity;
    bool several;
    struct sentence sentence;
};

static void search_identities(struct search *search, bool certified)
{
    const struct cs_inventory *inventory = search->inventory;

    for (size_t i = 0; i < inventory->n_identities; i++) {
        const struct cs_identity *identity = inventory->identities[i];

        if ((certified && identity->n_certificates == 0) ||
            !search->fits(&search->pattern, identity))
            continue;
        if (search->identity && !same_key(search->identity, identity))
            search->several = true;
        search->identity =
            search->identity ? prefer(search->identity, identity, search->now) : identity;
        append_candidate(&search->sentence, identity->uri, identity->key->id);
    }
}

static const struct cs_object *search_certificates(struct search *search)
{
    const struct cs_inventory *inventory = search->inventory;
    const struct cs_object *found = NULL;

    for (size_t i = 0; i < inventory->n_certificates; i++) {
        const struct cs_plain_certificate *certificate = &inventory->certificates[i];
        const struct cs_object *object = certificate->object;
        CS_AUTO(cs_freep) char *uri = NULL;

        if (!search->pattern.certificates || !fits_token(&search->pattern, certificate->token) ||
            !fits_object(&search->pattern, object))
            continue;
        if (found && !cs_bytes_equal(found->value, object->value))
            search->several = true;
        found = object;
        uri = cs_uri_of_object(certificate->token, object->label, object->cka_id, "cert");
        append_candidate(&search->sentence, uri ? uri : "", NULL);
    }
    return found;
}

static int say_ambiguous(struct search *search, struct cs_fault *fault)
{
    append_left_out(&search->sentence);
    return cs_fail(
        fault, CS_ERR_AMBIGUOUS, "%s; name one by its id or its whole URI", search->sentence.text);
}

static int run_search(struct search *search, enum cs_expect expect, struct cs_name_match *match,
    struct cs_fault *fault)
{
    const struct cs_object *leaf = NULL;

    snprintf(search->sentence.text, sizeof(search->sentence.text),
        "'%.*s' fits more than one:", shown(search->pattern.name), search->pattern.name);
    search->fits = fits_identity;
    search_identities(search, expect == CS_EXPECT_CERTIFICATE);
    if (!search->identity && expect != CS_EXPECT_KEY)
        leaf = search_certificates(search);
    search->fits = fits_by_id;
    if (!search->identity && !leaf)
        search_identities(search, expect == CS_EXPECT_CERTIFICATE);
    if (search->several)
        return say_ambiguous(search, fault);
    if (!search->identity && !leaf) {
        match->hiding = find_hiding(search->inventory, &search->pattern);
        return say_not_found(search->inventory, &search->pattern, expect, fault);
    }
    if (search->identity)
        leaf = choose_leaf(&search->pattern, search->identity, search->now);
    *match = (struct cs_name_match){.identity = search->identity, .leaf = leaf};
    return 0;
}

int cs_name_resolve(const struct cs_inventory *inventory, const char *name, enum cs_expect expect,
    time_t now, struct cs_name_match *match, struct cs_fault *fault)
{
    struct search search = {.inventory = inventory, .now = now};
    int r = parse(name, &search.pattern, fault);

    *match = (struct cs_name_match){0};
    if (r == 0)
        r = run_search(&search, expect, match, fault);
    p11_kit_uri_free(search.pattern.uri);
    return r;
}

/* Tokens */

static bool names_token(const struct cs_token *token, const char *name, P11KitUri *uri)
{
    if (uri)
        return cs_uri_fits_token(uri, token);
    return cs_bytes_equal(token->label, cs_bytes_of(name)) ||
           cs_bytes_equal(token->serial, cs_bytes_of(name));
}

/* A token seen through two modules is one; the one that is unlocked comes first. */
static void count_token(const struct cs_token *token, const struct cs_token **foundp,
    bool *severalp, struct sentence *sentence)
{
    if (*foundp && cs_token_equal(*foundp, token)) {
        if (cs_token_is_locked(*foundp) && !cs_token_is_locked(token))
            *foundp = token;
        return;
    }
    append_candidate(sentence, token->uri, NULL);
    if (*foundp)
        *severalp = true;
    else
        *foundp = token;
}

int cs_name_find_token(const struct cs_inventory *inventory, const char *name,
    const struct cs_token **tokenp, struct cs_fault *fault)
{
    CS_AUTO(p11_kit_uri_freep) P11KitUri *uri = NULL;
    const struct cs_token *found = NULL, *any = NULL;
    struct sentence fitting = {0}, all = {0};
    bool several = false, unused = false;
    int r = cs_uri_is(name) ? cs_uri_parse(name, &uri, fault) : 0;

    if (r < 0)
        return r;
    snprintf(
        fitting.text, sizeof(fitting.text), "'%.*s' fits more than one token:", shown(name), name);
    snprintf(all.text, sizeof(all.text), "no token is called '%.*s'%s", shown(name), name,
        inventory->n_tokens ? "; there are:" : "");
    for (size_t i = 0; i < inventory->n_tokens; i++) {
        count_token(inventory->tokens[i], &any, &unused, &all);
        if (names_token(inventory->tokens[i], name, uri))
            count_token(inventory->tokens[i], &found, &several, &fitting);
    }
    append_left_out(several ? &fitting : &all);
    append_missing(&all, inventory);
    append(&fitting, "; name one by its serial or its whole URI");
    if (several)
        return cs_fail(fault, CS_ERR_AMBIGUOUS, "%s", fitting.text);
    if (!found)
        return cs_fail(fault, CS_ERR_NOT_FOUND, "%s", all.text);
    *tokenp = found;
    return 0;
}

int cs_name_find_locked(
    const struct cs_inventory *inventory, const struct cs_token **tokenp, struct cs_fault *fault)
{
    const struct cs_token *found = NULL;
    struct sentence sentence = {0};
    bool several = false;

    for (size_t i = 0; i < inventory->n_tokens; i++) {
        const struct cs_token *token = inventory->tokens[i];

        if (cs_token_is_locked(token) && (token->flags & CS_TOKEN_INITIALIZED))
            count_token(token, &found, &several, &sentence);
    }
    append_left_out(&sentence);
    if (inventory->n_tokens == 0) {
        append_missing(&sentence, inventory);
        return cs_fail(fault, CS_ERR_NOT_FOUND, "%s", sentence.text + strlen("; "));
    }
    if (several)
        return cs_fail(
            fault, CS_ERR_AMBIGUOUS, "more than one token is locked, name one:%s", sentence.text);
    *tokenp = found;
    return 0;
}
