/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures go in pieces, so that the agent looks at the first objects while the module is still
 * asked for others. Used by token.c.
 */
#include "token-host/picture.h"

#include <countersign/error.h>

#define PIECE (32u * 1024u)
#define OBJECT_MAX (CS_OBJECT_VALUE_MAX + 2 * CS_OBJECT_NAME_MAX + 1024u)

static void send_piece(struct cs_picture *picture)
{
    cs_link_send(picture->link, &picture->buf);
    cs_buf_reset(&picture->buf);
}

int cs_picture_begin(
    struct cs_picture *picture, struct cs_link *link, const struct cs_host_token *token)
{
    size_t frame;

    picture->link = link;
    picture->token = token->slot;
    picture->buf = CS_BUF_INIT(PIECE + OBJECT_MAX);
    if (!cs_buf_extend(&picture->buf, PIECE + OBJECT_MAX))
        return CS_ERR_MEMORY;
    cs_buf_reset(&picture->buf);
    frame = cs_frame_begin(&picture->buf, CS_HOST_TOKEN_BEGIN, 0);
    cs_host_token_put(&picture->buf, token);
    cs_frame_end(&picture->buf, frame);
    picture->begun = true;
    return 0;
}

void cs_picture_add(struct cs_picture *picture, const struct cs_object *object)
{
    const struct cs_host_object m = {.slot = picture->token,
        .object_class = object->object_class,
        .key_type = object->key_type,
        .flags = object->flags,
        .label = object->label,
        .cka_id = object->cka_id,
        .value = object->value};
    size_t frame = cs_frame_begin(&picture->buf, CS_HOST_OBJECT, 0);

    cs_host_object_put(&picture->buf, &m);
    cs_frame_end(&picture->buf, frame);
    if (picture->buf.len > PIECE)
        send_piece(picture);
}

static void put_number(struct cs_picture *picture, uint16_t type)
{
    size_t frame = cs_frame_begin(&picture->buf, type, 0);

    cs_host_number_put(&picture->buf, picture->token);
    cs_frame_end(&picture->buf, frame);
}

static void put_state(struct cs_picture *picture, const struct cs_host_token_state *state)
{
    size_t frame = cs_frame_begin(&picture->buf, CS_HOST_TOKEN_STATE, 0);

    cs_host_token_state_put(&picture->buf, state);
    cs_frame_end(&picture->buf, frame);
}

static void finish(struct cs_picture *picture)
{
    send_piece(picture);
    cs_buf_deinit(&picture->buf);
    picture->begun = false;
}

void cs_picture_end(struct cs_picture *picture, const struct cs_host_token_state *state)
{
    if (state)
        put_state(picture, state);
    put_number(picture, CS_HOST_TOKEN_END);
    finish(picture);
}

void cs_picture_drop(struct cs_picture *picture)
{
    if (!picture->begun)
        return;
    put_number(picture, CS_HOST_TOKEN_GONE);
    finish(picture);
}
