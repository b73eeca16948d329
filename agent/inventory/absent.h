/* SPDX-License-Identifier: Apache-2.0 */
/* Identities that were here and are not now, and who waits for their tokens to return. */
#ifndef CS_AGENT_ABSENT_H
#define CS_AGENT_ABSENT_H

#include "inventory/inventory.h"

#include <sys/queue.h>
#include <uv.h>

struct cs_absent_token {
    unsigned refs;
    const struct cs_host *host;
    char name[CS_TEXT_MAX];
    char uri[];
};

struct cs_absent_identity {
    uint8_t id[CS_ID_SIZE];
    struct cs_absent_token *token;
};

struct cs_absent_waiter {
    TAILQ_ENTRY(cs_absent_waiter) link;
    bool waits;
    uint8_t id[CS_ID_SIZE];
    char token[CS_TEXT_MAX]; /* the name of what is to be inserted */
    uint64_t until;          /* on the loop's clock */
    /* The identity is there again, or it took too long. */
    void (*done)(struct cs_absent_waiter *waiter, bool there);
    void *user;
};

struct cs_absent {
    uv_timer_t timer;
    uint64_t generation; /* of the inventory, when it was last looked at */
    size_t n, next;
    struct cs_absent_identity *list;
    TAILQ_HEAD(cs_absent_waiters, cs_absent_waiter) waiters;
    uint64_t changes; /* counts who comes and goes among the waiters */
};

void cs_absent_init(struct cs_absent *absent, uv_loop_t *loop);
/* Nobody waits any more. Twice does no harm. */
void cs_absent_stop(struct cs_absent *absent);
void cs_absent_deinit(struct cs_absent *absent);

/* Once a turn of the loop: remembers what is there, and lets waiters go on. */
void cs_absent_look(struct cs_absent *absent, const struct cs_inventory *inventory);

/* What is known of an identity that is, or was, here; NULL if it never was. */
const struct cs_absent_identity *cs_absent_find(const struct cs_absent *absent, const uint8_t *id);

/* The token that had it, if that is there now: it hides the key, or has it no more. */
const struct cs_token *cs_absent_token(
    const struct cs_absent_identity *identity, const struct cs_inventory *inventory);

/* Waits for the waiter's id; done comes later, from the loop. */
void cs_absent_wait(struct cs_absent *absent, struct cs_absent_waiter *waiter, uint64_t limit);
void cs_absent_leave(struct cs_absent *absent, struct cs_absent_waiter *waiter);

#endif
