/* SPDX-License-Identifier: Apache-2.0 */
/* Requests under way that wait for a person or a program, and a way to give them up. */
#ifndef CS_TOKEN_HOST_CANCEL_H
#define CS_TOKEN_HOST_CANCEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct cs_token;

struct cs_cancel {
    int fd; /* readable once the request is given up */
    uint32_t id;
    const struct cs_token *token;
    struct cs_cancel *next;
};

struct cs_cancels {
    pthread_mutex_t lock;
    struct cs_cancel *first;
};

void cs_cancels_init(struct cs_cancels *cancels);
/* CS_ERR_SYSTEM. token: whom the request is about. id 0 is of no request: cs_cancel_request does
 * not reach it. */
int cs_cancel_begin(struct cs_cancels *cancels, struct cs_cancel *cancel,
    const struct cs_token *token, uint32_t id);
void cs_cancel_end(struct cs_cancels *cancels, struct cs_cancel *cancel);
void cs_cancel_fire(struct cs_cancel *cancel);
bool cs_cancel_fired(const struct cs_cancel *cancel);
/* Whether there was such a request. */
bool cs_cancel_request(struct cs_cancels *cancels, uint32_t id);
/* All that are about the token. */
void cs_cancel_token(struct cs_cancels *cancels, const struct cs_token *token);
void cs_cancel_all(struct cs_cancels *cancels);

#endif
