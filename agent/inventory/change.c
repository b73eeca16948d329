/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the inventory. Hosts report pieces, and pictures are replaced whole, so what happened
 * is found by comparing the inventory with what was told of it before. The agent looks once a turn
 * of its loop. Things that go are told before things that come. What went and came back between two
 * looks, as when the agent was stopped, is told too: consents end with it.
 */
#include "inventory/change.h"

#include <countersign/error.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cs_seen_token {
    char *uri;
    const struct cs_host *host;
    uint32_t slot;
    char name[CS_TEXT_MAX];
    char why[CS_TEXT_MAX];
    uint64_t since;
    uint32_t flags;
    bool locked;
};

struct cs_seen_identity {
    char *uri;
    uint8_t id[CS_ID_SIZE];
    uint8_t content[32]; /* SHA-256 of its certificates */
};

void cs_change_deinit(struct cs_change *change)
{
    for (size_t i = 0; i < change->n_tokens; i++)
        free(change->tokens[i].uri);
    for (size_t i = 0; i < change->n_identities; i++)
        free(change->identities[i].uri);
    free(change->tokens);
    free(change->identities);
    *change = (struct cs_change){0};
}

/* A fetch costs more than a hash: one serves all. */
struct hasher {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
};

static void hasher_init(struct hasher *hasher)
{
    hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hasher->context = EVP_MD_CTX_new();
}

static void hasher_deinit(struct hasher *hasher)
{
    EVP_MD_CTX_free(hasher->context);
    EVP_MD_free(hasher->sha256);
}

static void hash_certificates(
    const struct hasher *hasher, const struct cs_identity *identity, uint8_t *content)
{
    memset(content, 0, 32);
    if (!hasher->context || !EVP_DigestInit_ex2(hasher->context, hasher->sha256, NULL))
        return;
    for (size_t i = 0; i < identity->n_certificates; i++)
        EVP_DigestUpdate(hasher->context, identity->certificates[i]->value.data,
            identity->certificates[i]->value.len);
    EVP_DigestFinal_ex(hasher->context, content, NULL);
}

/* What there is now, to be compared with next time. */
static int copy(const struct cs_inventory *inventory, struct cs_change *seen)
{
    CS_AUTO(hasher_deinit) struct hasher hasher;

    hasher_init(&hasher);
    *seen = (struct cs_change){.generation = inventory->generation,
        .tokens = calloc(inventory->n_tokens + 1, sizeof(*seen->tokens)),
        .identities = calloc(inventory->n_identities + 1, sizeof(*seen->identities))};
    if (!seen->tokens || !seen->identities)
        return CS_ERR_MEMORY;
    for (; seen->n_tokens < inventory->n_tokens; seen->n_tokens++) {
        const struct cs_token *from = inventory->tokens[seen->n_tokens];
        struct cs_seen_token *to = &seen->tokens[seen->n_tokens];

        to->uri = strdup(from->uri);
        to->host = from->host;
        to->slot = from->slot;
        memcpy(to->name, from->name, sizeof(to->name));
        memcpy(to->why, from->why, sizeof(to->why));
        to->since = from->since;
        to->flags = from->flags;
        to->locked = cs_token_is_locked(from);
        if (!to->uri)
            return CS_ERR_MEMORY;
    }
    for (; seen->n_identities < inventory->n_identities; seen->n_identities++) {
        const struct cs_identity *from = inventory->identities[seen->n_identities];
        struct cs_seen_identity *to = &seen->identities[seen->n_identities];

        to->uri = strdup(from->uri);
        memcpy(to->id, from->key->id, CS_ID_SIZE);
        hash_certificates(&hasher, from, to->content);
        if (!to->uri)
            return CS_ERR_MEMORY;
    }
    return 0;
}

static void __attribute__((format(printf, 5, 6))) tell(struct cs_watchers *watchers,
    enum cs_event_kind kind, const char *uri, const uint8_t *id, const char *format, ...)
{
    char text[CS_TEXT_MAX * 2];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cs_event_tell(watchers, &(const struct cs_event){.kind = kind,
                                .subject = cs_bytes_of(uri),
                                .identity = CS_BYTES(id, id ? CS_ID_SIZE : 0),
                                .text = text});
}

/* The same token by the same number, so that it has been there since. */
static const struct cs_seen_token *find_same(
    const struct cs_change *seen, const struct cs_seen_token *token)
{
    for (size_t i = 0; i < seen->n_tokens; i++)
        if (seen->tokens[i].host == token->host && seen->tokens[i].slot == token->slot &&
            strcmp(seen->tokens[i].uri, token->uri) == 0)
            return &seen->tokens[i];
    return NULL;
}

/* What there was of a token that is there, by whatever module it has been seen all the time. */
static const struct cs_seen_token *find_before(
    const struct cs_change *old, const struct cs_change *new, const struct cs_seen_token *token)
{
    const struct cs_seen_token *before = find_same(old, token);

    for (size_t i = 0; i < old->n_tokens && !before; i++)
        if (strcmp(old->tokens[i].uri, token->uri) == 0 && find_same(new, &old->tokens[i]))
            before = &old->tokens[i];
    return before;
}

/* They are mostly in the order in which they are asked for: *nextp is where it goes on. */
static struct cs_seen_identity *find_identity(
    const struct cs_change *seen, const uint8_t *id, size_t *nextp)
{
    for (size_t i = 0; i < seen->n_identities; i++) {
        size_t at = (*nextp + i) % seen->n_identities;

        if (memcmp(seen->identities[at].id, id, CS_ID_SIZE) == 0) {
            *nextp = at + 1;
            return &seen->identities[at];
        }
    }
    return NULL;
}

static void tell_gone(
    const struct cs_change *old, const struct cs_change *new, struct cs_watchers *watchers)
{
    size_t next = 0;

    for (size_t i = 0; i < old->n_identities; i++)
        if (!find_identity(new, old->identities[i].id, &next))
            tell(watchers, CS_EVENT_IDENTITY_REMOVED, old->identities[i].uri, old->identities[i].id,
                "an identity is gone");
    for (size_t i = 0; i < old->n_tokens; i++)
        if (!find_before(new, old, &old->tokens[i]))
            tell(watchers, CS_EVENT_TOKEN_REMOVED, old->tokens[i].uri, NULL, "token '%s' is gone",
                old->tokens[i].name);
}

static void tell_token(
    const struct cs_seen_token *was, const struct cs_seen_token *is, struct cs_watchers *watchers)
{
    if (!was) {
        tell(watchers, CS_EVENT_TOKEN_ADDED, is->uri, NULL, "token '%s' is there", is->name);
    } else if (was->locked && !is->locked) {
        tell(watchers, CS_EVENT_TOKEN_UNLOCKED, is->uri, NULL, "token '%s' is unlocked", is->name);
    } else if (!was->locked && is->locked) {
        tell(watchers, CS_EVENT_TOKEN_LOCKED, is->uri, NULL, "token '%s' is locked%s%s", is->name,
            is->why[0] ? ": " : "", is->why);
    } else if (!was->locked && was->since != is->since) {
        tell(watchers, CS_EVENT_TOKEN_LOCKED, is->uri, NULL, "token '%s' was locked", is->name);
        tell(watchers, CS_EVENT_TOKEN_UNLOCKED, is->uri, NULL, "token '%s' is unlocked", is->name);
    } else if (was->flags != is->flags || was->since != is->since ||
               strcmp(was->why, is->why) != 0) {
        tell(watchers, CS_EVENT_PICTURE, is->uri, NULL, "token '%s' changed", is->name);
    }
}

static void tell_new(
    const struct cs_change *old, const struct cs_change *new, struct cs_watchers *watchers)
{
    size_t next = 0;

    for (size_t i = 0; i < new->n_tokens; i++)
        tell_token(find_before(old, new, &new->tokens[i]), &new->tokens[i], watchers);
    for (size_t i = 0; i < new->n_identities; i++) {
        const struct cs_seen_identity *is = &new->identities[i];
        const struct cs_seen_identity *was = find_identity(old, is->id, &next);

        if (!was)
            tell(watchers, CS_EVENT_IDENTITY_ADDED, is->uri, is->id, "an identity is there");
        else if (memcmp(was->content, is->content, sizeof(is->content)) != 0)
            tell(watchers, CS_EVENT_PICTURE, is->uri, is->id, "an identity has other certificates");
        else if (strcmp(was->uri, is->uri) != 0)
            tell(watchers, CS_EVENT_PICTURE, is->uri, is->id, "an identity has another name");
    }
}

void cs_change_look(
    struct cs_change *change, const struct cs_inventory *inventory, struct cs_watchers *watchers)
{
    struct cs_change now;

    if (change->generation == inventory->generation)
        return;
    if (copy(inventory, &now) < 0) {
        cs_change_deinit(&now); /* and look again at the next turn */
        return;
    }
    tell_gone(change, &now, watchers);
    tell_new(change, &now, watchers);
    cs_change_deinit(change);
    *change = now;
}
