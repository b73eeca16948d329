/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of the module, and the tokens in them. */
#ifndef CS_TOKEN_HOST_SLOT_H
#define CS_TOKEN_HOST_SLOT_H

#include "token-host/cancel.h"
#include "token-host/token.h"

/* What a token that went had refused. */
struct cs_slots_refused {
    CK_TOKEN_INFO info; /* of the token */
    struct cs_refused refused;
};

#define CS_SLOTS_REFUSED_MAX 16
#define CS_SLOTS_TROUBLE_MAX 512

struct cs_slots {
    struct cs_module *module;
    struct cs_link *link;
    struct cs_cancels *cancels;
    pthread_mutex_t scanning; /* one scan at a time */
    pthread_mutex_t lock;     /* guards the list */
    struct cs_token *tokens;
    uint32_t last_number;
    unsigned n_gone;     /* tokens that went, so far; atomic */
    bool listed;         /* they could be once; atomic */
    unsigned n_unlisted; /* times on end that they could not be since; atomic */
    struct cs_slots_refused refused[CS_SLOTS_REFUSED_MAX]; /* a ring; guarded by scanning */
    unsigned n_refused;                                    /* so far */
    char trouble[CS_SLOTS_TROUBLE_MAX], told[CS_SLOTS_TROUBLE_MAX]; /* of this scan; to the agent */
    bool after_failure;    /* the process before was given up, or failed */
    const char *first_why; /* why tokens are locked that the first scan finds; NULL: as usual */
};

#define CS_SLOTS_MAX 1024u

void cs_slots_init(struct cs_slots *slots, struct cs_link *link, struct cs_cancels *cancels);
/* Looks at every slot and tells the agent what is new, changed or gone. */
int cs_slots_scan(struct cs_slots *slots, struct cs_failure *failure);

/* The module's slots, or those with a token. ids: room for CS_SLOTS_MAX. Does not return when the
 * module could and cannot again and again, unless a token would lose its login. */
CK_RV cs_slots_list(struct cs_slots *slots, CK_BBOOL token_present, CK_SLOT_ID *ids, CK_ULONG *np);

/* Whether a scan would find what nobody has noticed: a token that was away for a moment. One call
 * for each token. */
bool cs_slots_are_stale(struct cs_slots *slots);

/* A reference to the token of this number, or NULL. */
struct cs_token *cs_slots_get(struct cs_slots *slots, uint32_t number);
/* Calls function for every token. */
void cs_slots_each(
    struct cs_slots *slots, void (*function)(struct cs_token *token, void *arg), void *arg);

#endif
