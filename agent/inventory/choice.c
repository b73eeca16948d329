/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of an identity for a server. A certificate suits if it is valid now, may be used by a
 * TLS client, its key can sign in a scheme the server takes, and it or a member of its chain was
 * issued by someone the server named. What the configuration prefers for a host is taken even if
 * the server named others, for some servers name the wrong ones. Of several the one that expires
 * last is taken, for it is the newest; the URI decides between equals, so that the answer does not
 * change from call to call.
 */
#include "inventory/choice.h"
#include "inventory/certificate.h"
#include "inventory/chain.h"
#include "limit.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>

enum verdict {
    SUITS,
    NOT_PREFERRED,
    NO_CERTIFICATE,
    NOT_YET_VALID,
    EXPIRED,
    NOT_FOR_CLIENTS,
    NO_SCHEME,
    OTHER_ISSUER,
};

static const char *const reasons[] = {
    [SUITS] = "suits",
    [NOT_PREFERRED] = "is not the one for this server",
    [NO_CERTIFICATE] = "has no certificate",
    [NOT_YET_VALID] = "is not valid yet",
    [EXPIRED] = "has expired",
    [NOT_FOR_CLIENTS] = "is not for TLS clients",
    [NO_SCHEME] = "has a key that the server takes no signature of",
    [OTHER_ISSUER] = "is not issued by any authority that the server accepts",
};

/* What is wanted, read once for all identities. */
struct search {
    const struct cs_inventory *inventory;
    const struct cs_criteria *criteria;
    time_t now;
    bool any_issuer;
    STACK_OF(X509_NAME) * issuers;
    struct cs_bytes last; /* most identities have the issuer of the one before */
    bool last_named;
};

static bool scheme_suits(const struct cs_identity *identity, const struct cs_criteria *criteria)
{
    struct cs_reader reader = cs_reader_of(criteria->schemes);

    while (reader.left >= 2)
        if (cs_identity_can(identity, cs_get_u16(&reader)))
            return true;
    return criteria->schemes.len == 0;
}

/* By a [host] section, and not just as one of its token's. */
static bool is_named(const struct cs_criteria *criteria)
{
    return criteria->preference && criteria->preference->key &&
           cs_pattern_names_key(criteria->preference->key);
}

static bool is_preferred(const struct cs_criteria *criteria, const struct cs_identity *identity)
{
    return !criteria->preference ||
           (criteria->preference->key && cs_pattern_fits(criteria->preference->key, identity));
}

static struct search search_for(
    const struct cs_inventory *inventory, const struct cs_criteria *criteria, time_t now)
{
    struct search search = {.inventory = inventory, .criteria = criteria, .now = now};
    struct cs_reader reader = cs_reader_of(criteria->issuers);

    search.any_issuer = criteria->n_issuers == 0 || is_named(criteria);
    if (search.any_issuer)
        return search;
    search.issuers = sk_X509_NAME_new_null();
    for (uint32_t i = 0; i < criteria->n_issuers; i++) {
        X509_NAME *name = cs_certificate_name_parse(cs_get_bytes(&reader));

        if (name && sk_X509_NAME_push(search.issuers, name) <= 0)
            X509_NAME_free(name);
    }
    return search;
}

static void search_deinit(struct search *search)
{
    sk_X509_NAME_pop_free(search->issuers, X509_NAME_free);
}

static bool names_issuer(struct search *search, const struct cs_object *certificate)
{
    CS_AUTO(X509_NAME_freep) X509_NAME *issuer = NULL;

    if (search->last.len && cs_bytes_equal(search->last, certificate->issuer))
        return search->last_named;
    issuer = cs_certificate_name_parse(certificate->issuer);
    search->last = certificate->issuer;
    search->last_named = false;
    for (int i = 0; issuer && i < sk_X509_NAME_num(search->issuers); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(search->issuers, i), issuer) == 0)
            search->last_named = true;
    return search->last_named;
}

static bool issuer_suits(struct search *search, const struct cs_object *leaf)
{
    const struct cs_object *chain[CS_LIMIT_CHAIN];
    size_t n;

    if (search->any_issuer || names_issuer(search, leaf))
        return true;
    n = cs_chain_build(search->inventory, leaf, search->now, chain, CS_LIMIT_CHAIN);
    for (size_t i = 1; i < n; i++)
        if (names_issuer(search, chain[i]))
            return true;
    return false;
}

static enum verdict judge(
    struct search *search, const struct cs_identity *identity, const struct cs_object *certificate)
{
    if (search->now < certificate->not_before)
        return NOT_YET_VALID;
    if (search->now > certificate->not_after)
        return EXPIRED;
    if (!certificate->for_clients)
        return NOT_FOR_CLIENTS;
    if (!scheme_suits(identity, search->criteria))
        return NO_SCHEME;
    return issuer_suits(search, certificate) ? SUITS : OTHER_ISSUER;
}

/* Of an identity's certificates, best first, the one that comes furthest. */
static enum verdict judge_identity(struct search *search, const struct cs_identity *identity,
    const struct cs_object **certificatep)
{
    enum verdict furthest = NO_CERTIFICATE;

    if (!is_preferred(search->criteria, identity))
        return NOT_PREFERRED;
    for (size_t i = 0; i < identity->n_certificates; i++) {
        const struct cs_object *certificate = identity->certificates[i];
        enum verdict verdict = judge(search, identity, certificate);

        if (verdict == SUITS) {
            if (furthest != SUITS || cs_object_is_better(certificate, *certificatep, search->now))
                *certificatep = certificate;
            furthest = SUITS;
        } else if (furthest != SUITS && verdict > furthest) {
            furthest = verdict;
        }
    }
    return furthest;
}

static bool before(const struct cs_choice *a, const struct cs_choice *b)
{
    if (a->certificate->not_after != b->certificate->not_after)
        return a->certificate->not_after > b->certificate->not_after;
    return strcmp(a->identity->uri, b->identity->uri) < 0;
}

/* Keeps the choices sorted, and the best of them if there are too many. */
static size_t insert(struct cs_choice *choices, size_t n, size_t max, struct cs_choice choice)
{
    size_t at = n;

    while (at > 0 && before(&choice, &choices[at - 1]))
        at--;
    if (at == max)
        return n;
    if (n < max)
        n++;
    memmove(&choices[at + 1], &choices[at], (n - at - 1) * sizeof(*choices));
    choices[at] = choice;
    return n;
}

size_t cs_choice_list(const struct cs_inventory *inventory, const struct cs_criteria *criteria,
    time_t now, struct cs_choice *choices, size_t max)
{
    CS_AUTO(search_deinit) struct search search = search_for(inventory, criteria, now);
    size_t n = 0;

    for (size_t i = 0; i < inventory->n_identities; i++) {
        struct cs_choice choice = {.identity = inventory->identities[i]};

        if (judge_identity(&search, choice.identity, &choice.certificate) == SUITS)
            n = insert(choices, n, max, choice);
    }
    return n;
}

static bool same(const struct cs_choice *a, const struct cs_choice *b)
{
    const struct cs_object *x = a->certificate, *y = b->certificate;

    return memcmp(a->identity->key->id, b->identity->key->id, CS_ID_SIZE) == 0 ||
           (cs_certificate_names_equal(x->subject, y->subject) &&
               cs_certificate_names_equal(x->issuer, y->issuer));
}

size_t cs_choice_distinct(struct cs_choice *choices, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        size_t at = 0;

        while (at < kept && !same(&choices[at], &choices[i]))
            at++;
        if (at == kept)
            choices[kept++] = choices[i];
    }
    return kept;
}

static void name_of(const struct cs_identity *identity, char *name, size_t size)
{
    cs_text_clean(identity->source->label, name, size);
    if (!name[0])
        snprintf(name, size, "%s", identity->uri);
}

/* The one that is preferred may go by a label that is hidden. */
static void say_hidden(const struct cs_inventory *inventory, const struct cs_preference *preference,
    struct cs_fault *fault)
{
    const struct cs_token *token =
        preference ? cs_pattern_hiding(preference->key, inventory) : NULL;

    if (token && cs_token_is_locked(token))
        cs_token_say_locked(token->name, token->word, fault);
}

/* What is the matter with each of the first. Whether it is an issuer, of any of them. */
static bool say_verdicts(struct search *search, char *text, size_t size)
{
    const struct cs_inventory *inventory = search->inventory;
    bool other_issuer = false;
    size_t len = 0;

    for (size_t i = 0; i < inventory->n_identities && i < CS_LIMIT_CANDIDATES; i++) {
        const struct cs_object *certificate = NULL;
        enum verdict verdict = judge_identity(search, inventory->identities[i], &certificate);
        char name[CS_TEXT_MAX];

        other_issuer |= verdict == OTHER_ISSUER;
        name_of(inventory->identities[i], name, sizeof(name));
        len += (size_t)snprintf(
            text + len, size - len, "%s'%.64s' %s", i ? ", " : "", name, reasons[verdict]);
        if (len >= size - 1)
            break;
    }
    return other_issuer;
}

int cs_choice_none(const struct cs_inventory *inventory, const struct cs_criteria *criteria,
    time_t now, struct cs_fault *fault)
{
    CS_AUTO(search_deinit) struct search search = search_for(inventory, criteria, now);
    struct cs_fault locked = {0};
    char text[768] = "";
    bool other_issuer;

    if (inventory->n_identities == 0)
        return cs_fail(fault, CS_ERR_NOT_FOUND,
            "there is no identity on any token: 'countersign status' shows the tokens");
    if (criteria->preference && !criteria->preference->key)
        return cs_fail(fault, CS_ERR_NOT_FOUND, "%s: no identity is to be shown to this server",
            criteria->preference->where);
    other_issuer = say_verdicts(&search, text, sizeof(text));
    say_hidden(inventory, criteria->preference, &locked);
    return cs_fail(fault, CS_ERR_NOT_FOUND, "no identity suits this server: %s%s%s%s%s%s", text,
        other_issuer ? " (an authority between may be missing: see certificates in "
                       "countersign.conf(5))"
                     : "",
        criteria->preference ? "; see " : "",
        criteria->preference ? criteria->preference->where : "", locked.code ? "; but " : "",
        locked.text);
}

static void explain_preferred(
    const struct cs_preference *preference, size_t n, char *text, size_t size)
{
    if (n > 1)
        snprintf(text, size, "of several that %s prefers it expires last", preference->where);
    else
        snprintf(text, size, "%s prefers it", preference->where);
}

void cs_choice_explain(const struct cs_choice *choices, size_t n,
    const struct cs_criteria *criteria, char *text, size_t size)
{
    char name[CS_TEXT_MAX], host[CS_TEXT_MAX], reason[CS_TEXT_MAX];

    name_of(choices[0].identity, name, sizeof(name));
    cs_text_clean(criteria->host, host, sizeof(host));
    if (criteria->chosen)
        snprintf(reason, sizeof(reason), "you chose it for this session");
    else if (criteria->preference)
        explain_preferred(criteria->preference, n, reason, sizeof(reason));
    else
        snprintf(reason, sizeof(reason), "%s",
            n > 1 ? "of several that suit it expires last" : "it is the only one that suits");
    snprintf(text, size, "'%s' for %s: %s%s", name, host[0] ? host : "a server", reason,
        criteria->n_issuers ? "" : "; the server accepts any issuer");
}
