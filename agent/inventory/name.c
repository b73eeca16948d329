/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names stand for. The same key on two tokens, or seen through two modules, counts once.
 * Sentences about unknown and ambiguous names list what there is.
 */
#include "inventory/name.h"
#include "base/hex.h"
#include "base/uri.h"
#include "inventory/pattern.h"
#include "inventory/uri.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>

/* The certificate that the name means, if it means one in particular, else the best. */
static const struct cs_object *choose_leaf(
    const struct cs_pattern *pattern, const struct cs_identity *identity, time_t now)
{
    const struct cs_object *named = NULL;

    for (size_t i = 0; i < identity->n_certificates; i++) {
        const struct cs_object *certificate = identity->certificates[i];

        if (cs_pattern_means(pattern, identity, certificate) &&
            (!named || cs_object_is_better(certificate, named, now)))
            named = certificate;
    }
    return named ? named : cs_identity_best(identity, now);
}

#define SHOWN_MAX 301

/* A name as it goes into a sentence: a URI may hold a PIN. */
static const char *show(const char *name, char text[SHOWN_MAX])
{
    CS_AUTO(cs_freep) char *copy = cs_uri_without_pin(name);

    snprintf(text, SHOWN_MAX, "%s", copy ? copy : "");
    return text;
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
    const struct cs_inventory *inventory, const struct cs_pattern *pattern)
{
    for (size_t i = 0; i < inventory->n_tokens; i++)
        if (cs_token_is_locked(inventory->tokens[i]) &&
            (inventory->tokens[i]->flags & CS_TOKEN_INITIALIZED) &&
            cs_pattern_fits_token(pattern, inventory->tokens[i]))
            return inventory->tokens[i];
    return NULL;
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
    const char *name;
    const struct cs_pattern *pattern; /* the name's */
    enum cs_expect expect;
    time_t now;
    const struct cs_identity *identity;
    bool several;
    struct sentence sentence;
};

static void search_identities(struct search *search,
    bool (*fits)(const struct cs_pattern *pattern, const struct cs_identity *identity))
{
    const struct cs_inventory *inventory = search->inventory;
    bool certified = search->expect == CS_EXPECT_CERTIFICATE;

    for (size_t i = 0; i < inventory->n_identities; i++) {
        const struct cs_identity *identity = inventory->identities[i];

        if ((certified && identity->n_certificates == 0) || !fits(search->pattern, identity))
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

        if (!cs_pattern_fits_certificate(search->pattern, certificate->token, object))
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

static int say_not_found(const struct search *search, struct cs_fault *fault)
{
    const struct cs_inventory *inventory = search->inventory;
    const char *what = search->expect == CS_EXPECT_CERTIFICATE ? "certificate" : "key";
    const struct cs_token *token = find_locked(inventory, search->pattern);
    struct cs_fault locked = {0};
    struct sentence sentence = {0};
    char name[SHOWN_MAX];

    snprintf(
        sentence.text, sizeof(sentence.text), "no %s fits '%s'", what, show(search->name, name));
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

static int run_search(struct search *search, struct cs_name_match *match, struct cs_fault *fault)
{
    const struct cs_object *leaf = NULL;
    char name[SHOWN_MAX];

    snprintf(search->sentence.text, sizeof(search->sentence.text),
        "'%s' fits more than one:", show(search->name, name));
    search_identities(search, cs_pattern_fits);
    if (!search->identity && search->expect != CS_EXPECT_KEY)
        leaf = search_certificates(search);
    if (!search->identity && !leaf)
        search_identities(search, cs_pattern_fits_by_id);
    if (search->several)
        return say_ambiguous(search, fault);
    if (!search->identity && !leaf) {
        match->hiding = cs_pattern_hiding(search->pattern, search->inventory);
        return say_not_found(search, fault);
    }
    if (search->identity)
        leaf = choose_leaf(search->pattern, search->identity, search->now);
    *match = (struct cs_name_match){.identity = search->identity, .leaf = leaf};
    return 0;
}

int cs_name_resolve(const struct cs_inventory *inventory, const char *name, enum cs_expect expect,
    time_t now, struct cs_name_match *match, struct cs_fault *fault)
{
    CS_AUTO(cs_pattern_freep) struct cs_pattern *pattern = NULL;
    struct search search = {.inventory = inventory, .name = name, .expect = expect, .now = now};
    int r = cs_pattern_new(name, &pattern, fault);

    *match = (struct cs_name_match){0};
    if (r < 0)
        return r;
    search.pattern = pattern;
    return run_search(&search, match, fault);
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
    char text[SHOWN_MAX];
    int r = cs_uri_is(name) ? cs_uri_parse(name, &uri, fault) : 0;

    if (r < 0)
        return r;
    show(name, text);
    snprintf(fitting.text, sizeof(fitting.text), "'%s' fits more than one token:", text);
    snprintf(all.text, sizeof(all.text), "no token is called '%s'%s", text,
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
