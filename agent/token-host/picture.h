/* SPDX-License-Identifier: Apache-2.0 */
/* A picture of a token on its way to the agent. */
#ifndef CS_TOKEN_HOST_PICTURE_H
#define CS_TOKEN_HOST_PICTURE_H

#include "token-host/link.h"
#include "token-host/object.h"

struct cs_picture {
    struct cs_link *link;
    uint32_t token; /* its number */
    bool begun;
    struct cs_buf buf;
};

/* CS_ERR_MEMORY, and then nothing was said; nothing that comes after it can fail. */
int cs_picture_begin(
    struct cs_picture *picture, struct cs_link *link, const struct cs_host_token *token);
void cs_picture_add(struct cs_picture *picture, const struct cs_object *object);
/* state: if it may have changed since the beginning, else NULL. */
void cs_picture_end(struct cs_picture *picture, const struct cs_host_token_state *state);
/* Of a token that the agent has no other picture of: what was begun is void. */
void cs_picture_drop(struct cs_picture *picture);

#endif
