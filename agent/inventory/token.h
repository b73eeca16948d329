/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's picture of a token, put together from its host's reports. */
#ifndef CS_AGENT_TOKEN_H
#define CS_AGENT_TOKEN_H

#include "inventory/identity.h"
#include "text.h"
#include "base/error.h"

struct cs_host;

struct cs_token {
    struct cs_host *host;
    const char *module; /* the host's name for its module */
    unsigned order;     /* of its module among the modules */
    uint32_t slot;
    struct cs_bytes label, manufacturer, model, serial;
    uint32_t flags; /* enum cs_token_flag */
    uint64_t since; /* as its host tells it: of each login and each lock another */
    char why[CS_TEXT_MAX];
    char *uri;
    char name[CS_TEXT_MAX]; /* the label for people; its serial if it has none */
    char word[CS_TEXT_MAX]; /* what a command calls it: the same, if that names it alone */
    size_t n_objects;
    struct cs_object **objects;
    size_t n_bytes;    /* of the objects */
    size_t n_left_out; /* objects that its host may not show any more */
    size_t n_identities;
    struct cs_identity *identities;
};

int cs_token_new(const struct cs_host_token *report, struct cs_token **tokenp);
void cs_token_free(struct cs_token *token);
CS_DEFINE_CLEANUP(struct cs_token *, cs_token_free);

/* Adds an object; one that is of no use is left out. CS_ERR_TOO_LARGE over the limits. */
int cs_token_add(struct cs_token *token, const struct cs_host_object *report);
/* After the last object: puts the identities together. */
int cs_token_complete(struct cs_token *token);
void cs_token_set_state(struct cs_token *token, const struct cs_host_token_state *report);
/* shared: another token has the same label. */
void cs_token_set_word(struct cs_token *token, bool shared);
/* Whether its word is not its label. */
bool cs_token_is_by_serial(const struct cs_token *token);

/* A login is needed before its private keys can be used. */
bool cs_token_is_locked(const struct cs_token *token);
/* When it was unlocked or locked, in seconds of Unix time; 0: neither yet. */
uint64_t cs_token_since(const struct cs_token *token);
/* Whether it is the same token, perhaps seen through another module. */
bool cs_token_equal(const struct cs_token *a, const struct cs_token *b);
/* An order of tokens, in which those that are equal are 0. */
int cs_token_compare(const struct cs_token *a, const struct cs_token *b);
void cs_token_describe(const struct cs_token *token, struct cs_msg_token *m);

/* The sentence for CS_ERR_LOCKED, everywhere, with a token's name and word. Returns that code. */
int cs_token_say_locked(const char *name, const char *word, struct cs_fault *fault);

#endif
