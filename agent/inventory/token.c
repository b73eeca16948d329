/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The picture of a token. A host builds one report by report and hands it over whole; from then on
 * only its flags change. The inventory owns the pictures.
 */
#include "inventory/token.h"
#include "base/uri.h"
#include "limit.h"
#include "inventory/uri.h"

#include <countersign/error.h>
#include <string.h>

/* CK_TOKEN_INFO has no more; a host that says more is not believed. */
#define FIELD_MAX 64

static int copy_field(struct cs_bytes from, struct cs_bytes *to)
{
    char *copy;

    if (from.len > FIELD_MAX)
        return CS_ERR_TOO_LARGE;
    copy = cs_bytes_dup(from);
    if (!copy)
        return CS_ERR_MEMORY;
    *to = CS_BYTES(copy, from.len);
    return 0;
}

static int copy_fields(struct cs_token *token, const struct cs_host_token *report)
{
    int r = copy_field(report->label, &token->label);

    if (r == 0)
        r = copy_field(report->manufacturer, &token->manufacturer);
    if (r == 0)
        r = copy_field(report->model, &token->model);
    if (r == 0)
        r = copy_field(report->serial, &token->serial);
    return r;
}

/* A label that looks like a URI is taken for one. */
void cs_token_set_word(struct cs_token *token, bool shared)
{
    bool serial = token->serial.len && (shared || cs_uri_is(token->name));

    if (serial)
        cs_text_clean(token->serial, token->word, sizeof(token->word));
    else
        memcpy(token->word, token->name, sizeof(token->word));
}

bool cs_token_is_by_serial(const struct cs_token *token)
{
    return strcmp(token->word, token->name) != 0;
}

int cs_token_new(const struct cs_host_token *report, struct cs_token **tokenp)
{
    CS_AUTO(cs_token_freep) struct cs_token *token = calloc(1, sizeof(*token));
    int r;

    if (!token)
        return CS_ERR_MEMORY;
    r = copy_fields(token, report);
    if (r < 0)
        return r;
    token->slot = report->slot;
    token->flags = report->flags;
    token->since = report->since;
    cs_text_clean(report->why, token->why, sizeof(token->why));
    cs_text_clean(
        token->label.len ? token->label : token->serial, token->name, sizeof(token->name));
    cs_token_set_word(token, false);
    token->uri = cs_uri_of_token(token);
    if (!token->uri)
        return CS_ERR_MEMORY;
    *tokenp = cs_steal(&token);
    return 0;
}

void cs_token_free(struct cs_token *token)
{
    if (!token)
        return;
    cs_identities_free(token->identities, token->n_identities);
    for (size_t i = 0; i < token->n_objects; i++)
        cs_object_free(token->objects[i]);
    free(token->objects);
    free((void *)token->label.data);
    free((void *)token->manufacturer.data);
    free((void *)token->model.data);
    free((void *)token->serial.data);
    free(token->uri);
    free(token);
}

int cs_token_add(struct cs_token *token, const struct cs_host_object *report)
{
    CS_AUTO(cs_object_freep) struct cs_object *object = NULL;
    struct cs_object **objects;
    int r;

    token->n_bytes += report->value.len + report->label.len + report->cka_id.len;
    if (token->n_objects >= CS_LIMIT_OBJECTS_PER_TOKEN || token->n_bytes > CS_LIMIT_TOKEN_BYTES)
        return CS_ERR_TOO_LARGE;
    r = cs_object_new(report, &object);
    if (r == CS_ERR_MEMORY)
        return r;
    if (r < 0)
        return 0;
    objects = reallocarray(token->objects, token->n_objects + 1, sizeof(struct cs_object *));
    if (!objects)
        return CS_ERR_MEMORY;
    token->objects = objects;
    objects[token->n_objects++] = cs_steal(&object);
    return 0;
}

int cs_token_complete(struct cs_token *token)
{
    struct cs_identity *identities = NULL;
    size_t n = 0;
    int r = cs_identities_assemble(token, &identities, &n);

    if (r < 0)
        return r;
    cs_identities_free(token->identities, token->n_identities);
    token->identities = identities;
    token->n_identities = n;
    return 0;
}

void cs_token_set_state(struct cs_token *token, const struct cs_host_token_state *report)
{
    token->flags = report->flags;
    token->since = report->since;
    cs_text_clean(report->why, token->why, sizeof(token->why));
}

bool cs_token_is_locked(const struct cs_token *token)
{
    return (token->flags & CS_TOKEN_LOGIN_REQUIRED) && !(token->flags & CS_TOKEN_UNLOCKED);
}

uint64_t cs_token_since(const struct cs_token *token)
{
    return token->since / 1000000000u;
}

int cs_token_compare(const struct cs_token *a, const struct cs_token *b)
{
    int r = cs_bytes_compare(a->serial, b->serial);

    if (r == 0)
        r = cs_bytes_compare(a->label, b->label);
    if (r == 0)
        r = cs_bytes_compare(a->manufacturer, b->manufacturer);
    return r ? r : cs_bytes_compare(a->model, b->model);
}

bool cs_token_equal(const struct cs_token *a, const struct cs_token *b)
{
    return cs_token_compare(a, b) == 0;
}

void cs_token_describe(const struct cs_token *token, struct cs_msg_token *m)
{
    *m = (struct cs_msg_token){
        .uri = cs_bytes_of(token->uri),
        .label = token->label,
        .manufacturer = token->manufacturer,
        .model = token->model,
        .serial = token->serial,
        .module = cs_bytes_of(token->module),
        .flags = token->flags,
        .since = cs_token_since(token),
        .why = cs_bytes_of(token->why),
    };
}

/* As a word of the shell, for sentences with a command to paste: who labelled the token must not
 * choose what else that runs. */
static void quote(const char *name, char *out, size_t size)
{
    bool plain = name[0] && !name[strcspn(name, " '\"\\$`*?;&|<>()[]{}#~!")];
    const char *mark = plain ? "" : "'";
    size_t at = (size_t)snprintf(out, size, "%s%s", name[0] == '-' ? "-- " : "", mark);

    for (; *name && at + 6 < size; name++)
        at += (size_t)snprintf(out + at, size - at, *name == '\'' ? "'\\''" : "%c", *name);
    snprintf(out + at, size - at, "%s", mark);
}

int cs_token_say_locked(const char *name, const char *word, struct cs_fault *fault)
{
    char quoted[2 * CS_TEXT_MAX];
    const char *mark;

    quote(word, quoted, sizeof(quoted));
    /* No quotes within quotes. */
    mark = strchr(quoted, '\'') ? "" : "'";
    return cs_fail(fault, CS_ERR_LOCKED, "token '%s' is locked: run %scountersign unlock %s%s",
        name, mark, quoted, mark);
}
