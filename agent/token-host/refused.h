/* SPDX-License-Identifier: Apache-2.0 */
/* The PINs that a token has refused, so that none is sent twice. */
#ifndef CS_TOKEN_HOST_REFUSED_H
#define CS_TOKEN_HOST_REFUSED_H

#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

#define CS_REFUSED_MAX 8
#define CS_REFUSED_HASH 32

struct cs_refused {
    uint8_t salt[16];
    uint8_t hashes[CS_REFUSED_MAX][CS_REFUSED_HASH];
    unsigned n;    /* how many there are */
    unsigned next; /* the place of the next: the oldest goes */
};

/* Not thread-safe; the token's lock guards it. */
int cs_refused_add(struct cs_refused *refused, struct cs_secret *pin);
bool cs_refused_has(const struct cs_refused *refused, struct cs_secret *pin);
void cs_refused_clear(struct cs_refused *refused);

#endif
