/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: numbers that stay, in which tokens come and go. */
#ifndef CS_PKCS11_SLOT_H
#define CS_PKCS11_SLOT_H

#include "pkcs11/cryptoki.h"
#include "pkcs11/view.h"

struct cs_slot {
    struct cs_bytes uri; /* owned; of its token, or of the last one; NULL: there was none yet */
    const struct cs_view_token *token; /* there now or before; NULL: there was none yet */
    struct cs_view *view;              /* the token's, counted */
    bool present;
    bool replaced;  /* by another token: the sessions are to end */
    bool changed;   /* and C_WaitForSlotEvent has not told */
    bool logged_in; /* as far as the program goes; the agent minds PINs */
    CK_ULONG n_sessions, n_rw_sessions;
};

struct cs_slots {
    struct cs_slot *list;
    size_t n;
};

struct cs_module;

int cs_slots_init(struct cs_slots *slots);
void cs_slots_deinit(struct cs_slots *slots);
/* Puts the tokens of a view (NULL: none) into slots; true when a slot's token came or went. */
bool cs_slots_update(struct cs_slots *slots, struct cs_view *view);
/* A slot that changed, and forgets that; -1: none has. */
long cs_slots_take_change(struct cs_slots *slots);

/* The slot, or NULL. */
struct cs_slot *cs_slot_get(struct cs_module *module, CK_SLOT_ID id);
/* The slot with its token, or why not. */
CK_RV cs_slot_with_token(struct cs_module *module, CK_SLOT_ID id, struct cs_slot **slotp);

CK_RV cs_get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count);
CK_RV cs_get_slot_info(CK_SLOT_ID id, CK_SLOT_INFO *info);
CK_RV cs_get_token_info(CK_SLOT_ID id, CK_TOKEN_INFO *info);
CK_RV cs_wait_for_slot_event(CK_FLAGS flags, CK_SLOT_ID *id, void *reserved);

/* Fixed-width fields, padded with blanks. */
void cs_fill(CK_UTF8CHAR *field, size_t size, struct cs_bytes text);

#endif
