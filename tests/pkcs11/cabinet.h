/* SPDX-License-Identifier: Apache-2.0 */
/* An agent with tokens to show: a keyring whose keys lie on tokens that can be put in and pulled.
 */
#ifndef CS_TESTS_CABINET_H
#define CS_TESTS_CABINET_H

#include "../provider/keyring.h"

#define CABINET_TOKENS 8
#define CABINET_WATCHERS FAKE_CONNECTIONS_MAX

/* Every token has all the keys. */
struct cabinet_token {
    bool present;
    const char *label;
};

struct cabinet {
    struct keyring keyring;
    fake_handler sign; /* the keyring's own */
    /* under keyring.agent.mutex */
    struct cabinet_token tokens[CABINET_TOKENS];
    uint64_t generation;
    int watchers[CABINET_WATCHERS];
    uint32_t watch_ids[CABINET_WATCHERS];
    size_t n_watchers;
    uint32_t copies;      /* identities for each key: the same key under other labels and ids */
    const char *label;    /* of every identity, NULL: the key's name */
    const char *cka_id;   /* of every identity, NULL: one of its own */
    size_t page;          /* entries in a page, 0: all */
    const uint8_t *plain; /* a certificate that belongs to no key */
    size_t plain_len;
    atomic_bool deaf;     /* answers nothing, as if it were stopped */
    atomic_bool refusing; /* there is a mistake in its configuration */
};

/* With one token, "corp". */
void cabinet_start(struct cabinet *cabinet);
void cabinet_stop(struct cabinet *cabinet);

/* Changes what there is and tells the watchers. label NULL: pulls the token. */
void cabinet_put(struct cabinet *cabinet, size_t at, const char *label);
/* Tells the watchers of something that changed nothing. */
void cabinet_mention(struct cabinet *cabinet);

#endif
