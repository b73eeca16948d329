/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must not be forgotten with a token that is pulled, or with its host: that a person locked
 * it, so that no PIN of the configuration opens it. And with its host: that such a PIN was sent to
 * it and has not opened it. A module that fails over a wrong PIN would else get it from each of its
 * processes until the card is blocked. Of the PIN the host tells a hash of its source alone; of
 * what came in its own life each process knows more, the PIN itself, and so it is not replaced for
 * a refresh while a token has refused one. Used by host.c and report.c.
 */
#include "hosts/memory.h"

#include <stdlib.h>
#include <string.h>

struct tried {
    uint32_t life; /* in which it was, last */
    uint8_t source[CS_HOST_SOURCE_SIZE];
};

struct cs_memory_token {
    bool held;
    uint32_t refused; /* a PIN, in that life; 0: none */
    size_t n_tried;   /* so far: the oldest makes room */
    struct tried tried[CS_HOST_TRIED_MAX];
    char uri[];
};

void cs_memory_deinit(struct cs_memory *memory)
{
    for (size_t i = 0; i < CS_LIMIT_TOKENS_PER_HOST; i++)
        free(memory->tokens[i]);
    *memory = (struct cs_memory){0};
}

/* Its place, or NULL. */
static struct cs_memory_token **find(struct cs_memory *memory, const struct cs_token *token)
{
    for (size_t i = 0; i < CS_LIMIT_TOKENS_PER_HOST; i++)
        if (memory->tokens[i] && strcmp(memory->tokens[i]->uri, token->uri) == 0)
            return &memory->tokens[i];
    return NULL;
}

/* NULL if there is no memory. */
static struct cs_memory_token *remember(struct cs_memory *memory, const struct cs_token *token)
{
    struct cs_memory_token **place = find(memory, token);
    size_t size = strlen(token->uri) + 1;

    if (place)
        return *place;
    place = &memory->tokens[memory->n++ % CS_LIMIT_TOKENS_PER_HOST];
    free(*place);
    *place = calloc(1, sizeof(**place) + size);
    if (*place)
        memcpy((*place)->uri, token->uri, size);
    return *place;
}

void cs_memory_see(struct cs_memory *memory, struct cs_token *token)
{
    struct cs_memory_token **place = find(memory, token);

    if (token->flags & CS_TOKEN_HELD) {
        cs_memory_hold(memory, token);
    } else if (place && (token->flags & CS_TOKEN_UNLOCKED)) {
        free(*place);
        *place = NULL;
    } else if (place && (*place)->held) {
        token->flags |= CS_TOKEN_HELD;
    }
}

void cs_memory_hold(struct cs_memory *memory, const struct cs_token *token)
{
    struct cs_memory_token *known = remember(memory, token);

    if (known)
        known->held = true;
}

static struct tried *find_tried(struct cs_memory_token *known, struct cs_bytes source)
{
    for (size_t i = 0; i < known->n_tried && i < CS_HOST_TRIED_MAX; i++)
        if (cs_bytes_equal(CS_BYTES(known->tried[i].source, CS_HOST_SOURCE_SIZE), source))
            return &known->tried[i];
    return &known->tried[known->n_tried++ % CS_HOST_TRIED_MAX];
}

void cs_memory_try(struct cs_memory *memory, const struct cs_token *token, struct cs_bytes source)
{
    struct cs_memory_token *known = remember(memory, token);
    struct tried *tried = known ? find_tried(known, source) : NULL;

    if (!tried)
        return;
    tried->life = memory->life;
    memcpy(tried->source, source.data, sizeof(tried->source));
}

void cs_memory_refuse(struct cs_memory *memory, const struct cs_token *token)
{
    struct cs_memory_token *known = remember(memory, token);

    if (known)
        known->refused = memory->life;
}

bool cs_memory_has_refused(const struct cs_memory *memory)
{
    for (size_t i = 0; i < CS_LIMIT_TOKENS_PER_HOST; i++)
        if (memory->tokens[i] && memory->tokens[i]->refused == memory->life)
            return true;
    return false;
}

void cs_memory_recall(
    struct cs_memory *memory, const struct cs_token *token, struct cs_host_login_request *m)
{
    struct cs_memory_token **place = find(memory, token);
    const struct cs_memory_token *known = place ? *place : NULL;
    size_t n = 0;

    if (!known)
        return;
    m->held = known->held;
    for (size_t i = 0; i < known->n_tried && i < CS_HOST_TRIED_MAX; i++)
        if (known->tried[i].life < memory->life)
            memcpy(memory->recalled[n++], known->tried[i].source, CS_HOST_SOURCE_SIZE);
    m->tried = CS_BYTES(memory->recalled, n * CS_HOST_SOURCE_SIZE);
}
