/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's tokens, keys and certificates as PKCS #11 shows them; never changed once finished. */
#ifndef CS_PKCS11_VIEW_H
#define CS_PKCS11_VIEW_H

#include "base/cleanup.h"
#include "base/message.h"
#include "pkcs11/object.h"

enum cs_view_list {
    CS_VIEW_TOKENS,
    CS_VIEW_IDENTITIES,
    CS_VIEW_CERTIFICATES,
    CS_VIEW_LISTS,
};

struct cs_view_token {
    struct cs_msg_token m;
    struct cs_bytes label; /* unique, at most 32 bytes of UTF-8, never empty, no colon */
    struct cs_object *objects;
    size_t n_objects;
};

/* A list on its way. */
struct cs_view_progress {
    bool begun;
    uint32_t total, n;
};

struct cs_view {
    unsigned n_more_refs; /* of slots */
    uint64_t generation;
    struct cs_view_progress progress[CS_VIEW_LISTS];
    struct cs_view_token *tokens;
    struct cs_msg_identity *identities;
    struct cs_msg_certificate *certificates;
    struct cs_object *objects, **by_handle;
    size_t n_tokens, n_objects;
    struct cs_memory *memory; /* of what the rest borrows from */
};

struct cs_view *cs_view_new(void);
struct cs_view *cs_view_ref(struct cs_view *view);
void cs_view_free(struct cs_view *view);
CS_DEFINE_CLEANUP(struct cs_view *, cs_view_free);

/* A page of a list, as it came. CS_ERR_BUSY when it belongs to another picture. */
int cs_view_add_page(struct cs_view *view, enum cs_view_list list, struct cs_bytes body);
/* Whether another page is needed, and where it begins. */
bool cs_view_wants(const struct cs_view *view, enum cs_view_list list, uint32_t *firstp);
bool cs_view_is_whole(const struct cs_view *view);
/* Makes the objects. */
int cs_view_finish(struct cs_view *view);

const struct cs_object *cs_view_object(
    const struct cs_view *view, const struct cs_view_token *token, CK_OBJECT_HANDLE handle);

#endif
