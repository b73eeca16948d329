/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that comes back gets its slot again; another one gets an empty slot, one that never had a
 * token first. Programs like NSS ask for the list once and then only whether a slot of it has a
 * token, so there are empty slots from the start, for tokens that come later.
 *
 * A token that went stays readable in the sessions that are open, and its slot is not called
 * removable, which makes NSS hold on to its certificates. A browser then shows that it could not
 * sign, and tries again. If the certificate were gone, Chromium would send none to that server, and
 * would go on sending none when the token is back, until it is started anew.
 */
#include "pkcs11/slot.h"
#include "pkcs11/module.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>

#define SLOTS_AT_FIRST 4

int cs_slots_init(struct cs_slots *slots)
{
    *slots = (struct cs_slots){.list = calloc(SLOTS_AT_FIRST, sizeof(*slots->list))};
    if (!slots->list)
        return CS_ERR_MEMORY;
    slots->n = SLOTS_AT_FIRST;
    return 0;
}

static void clear(struct cs_slot *slot)
{
    free((void *)slot->uri.data);
    cs_view_free(slot->view);
}

void cs_slots_deinit(struct cs_slots *slots)
{
    for (size_t i = 0; i < slots->n; i++)
        clear(&slots->list[i]);
    free(slots->list);
    *slots = (struct cs_slots){0};
}

static struct cs_slot *append(struct cs_slots *slots)
{
    struct cs_slot *list = reallocarray(slots->list, slots->n + 1, sizeof(*list));

    if (!list)
        return NULL;
    slots->list = list;
    list[slots->n] = (struct cs_slot){0};
    return &list[slots->n++];
}

static struct cs_slot *choose(struct cs_slots *slots, struct cs_bytes uri)
{
    struct cs_slot *fresh = NULL, *left = NULL;

    for (size_t i = slots->n; i-- > 0;) {
        struct cs_slot *slot = &slots->list[i];

        if (slot->uri.data && cs_bytes_equal(slot->uri, uri))
            return slot;
        if (!slot->uri.data)
            fresh = slot;
        else if (!slot->present)
            left = slot;
    }
    return fresh ? fresh : left ? left : append(slots);
}

static void put(struct cs_slot *slot, struct cs_view *view, const struct cs_view_token *token)
{
    cs_view_ref(view);
    cs_view_free(slot->view);
    slot->view = view;
    slot->token = token;
    slot->present = true;
}

/* Without memory the token is not shown, until the next picture. */
static bool insert(struct cs_slots *slots, struct cs_view *view, const struct cs_view_token *token)
{
    struct cs_slot *slot = choose(slots, token->m.uri);
    struct cs_bytes uri;

    if (!slot)
        return false;
    if (!slot->uri.data || !cs_bytes_equal(slot->uri, token->m.uri)) {
        uri = CS_BYTES(cs_bytes_dup(token->m.uri), token->m.uri.len);
        if (!uri.data)
            return false;
        free((void *)slot->uri.data);
        slot->uri = uri;
        slot->replaced = true;
    }
    put(slot, view, token);
    slot->changed = true;
    slot->logged_in = false;
    return true;
}

static bool has_empty(const struct cs_slots *slots)
{
    for (size_t i = 0; i < slots->n; i++)
        if (!slots->list[i].present)
            return true;
    return false;
}

static const struct cs_view_token *find_token(const struct cs_view *view, struct cs_bytes uri)
{
    for (size_t i = 0; view && uri.data && i < view->n_tokens; i++)
        if (cs_bytes_equal(view->tokens[i].m.uri, uri))
            return &view->tokens[i];
    return NULL;
}

bool cs_slots_update(struct cs_slots *slots, struct cs_view *view)
{
    bool changed = false;

    for (size_t i = 0; i < slots->n; i++) {
        struct cs_slot *slot = &slots->list[i];
        bool had = slot->present;
        const struct cs_view_token *token = find_token(view, slot->uri);

        if (token)
            put(slot, view, token);
        else
            slot->present = false;
        if (had == slot->present)
            continue;
        slot->changed = changed = true;
        slot->logged_in = false;
    }
    for (size_t t = 0; view && t < view->n_tokens; t++) {
        bool there = false;

        for (size_t i = 0; i < slots->n && !there; i++)
            there = slots->list[i].token == &view->tokens[t];
        if (!there && insert(slots, view, &view->tokens[t]))
            changed = true;
    }
    if (!has_empty(slots))
        append(slots);
    return changed;
}

long cs_slots_take_change(struct cs_slots *slots)
{
    for (size_t i = 0; i < slots->n; i++)
        if (slots->list[i].changed) {
            slots->list[i].changed = false;
            return (long)i;
        }
    return -1;
}

struct cs_slot *cs_slot_get(struct cs_module *module, CK_SLOT_ID id)
{
    return id < module->slots.n ? &module->slots.list[id] : NULL;
}

CK_RV cs_slot_with_token(struct cs_module *module, CK_SLOT_ID id, struct cs_slot **slotp)
{
    struct cs_slot *slot = cs_slot_get(module, id);

    if (!slot)
        return CKR_SLOT_ID_INVALID;
    if (!slot->present)
        return CKR_TOKEN_NOT_PRESENT;
    *slotp = slot;
    return CKR_OK;
}

void cs_fill(CK_UTF8CHAR *field, size_t size, struct cs_bytes text)
{
    memset(field, ' ', size);
    if (text.len)
        memcpy(field, text.data, text.len < size ? text.len : size);
}

CK_RV cs_get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter_fresh(&module);
    CK_ULONG n = 0, room;

    if (rv != CKR_OK)
        return rv;
    if (!count)
        return CKR_ARGUMENTS_BAD;
    room = list ? *count : 0;
    for (size_t i = 0; i < module->slots.n; i++) {
        if (present && !module->slots.list[i].present)
            continue;
        if (n < room)
            list[n] = i;
        n++;
    }
    *count = n;
    return list && n > room ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

CK_RV cs_get_slot_info(CK_SLOT_ID id, CK_SLOT_INFO *info)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter_fresh(&module);
    const struct cs_slot *slot;
    char description[64];

    if (rv != CKR_OK)
        return rv;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    slot = cs_slot_get(module, id);
    if (!slot)
        return CKR_SLOT_ID_INVALID;
    snprintf(description, sizeof(description), "Countersign slot %lu", id);
    *info = (CK_SLOT_INFO){.flags = slot->present ? CKF_TOKEN_PRESENT
                                    : slot->token ? 0
                                                  : CKF_REMOVABLE_DEVICE};
    cs_fill(info->slotDescription, sizeof(info->slotDescription), cs_bytes_of(description));
    cs_fill(info->manufacturerID, sizeof(info->manufacturerID), cs_bytes_of("Countersign"));
    return CKR_OK;
}

/* No CKF_LOGIN_REQUIRED: the agent asks for the PIN, when a key is used. */
CK_RV cs_get_token_info(CK_SLOT_ID id, CK_TOKEN_INFO *info)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter_fresh(&module);
    const struct cs_msg_token *token;
    struct cs_slot *slot;

    if (rv != CKR_OK)
        return rv;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    rv = cs_slot_with_token(module, id, &slot);
    if (rv != CKR_OK)
        return rv;
    token = &slot->token->m;
    *info = (CK_TOKEN_INFO){
        .flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_WRITE_PROTECTED,
        .ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulSessionCount = slot->n_sessions,
        .ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulRwSessionCount = slot->n_rw_sessions,
        .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
    };
    cs_fill(info->label, sizeof(info->label), slot->token->label);
    cs_fill(info->manufacturerID, sizeof(info->manufacturerID), token->manufacturer);
    cs_fill(info->model, sizeof(info->model), token->model);
    cs_fill(info->serialNumber, sizeof(info->serialNumber), token->serial);
    cs_fill(info->utcTime, sizeof(info->utcTime), cs_bytes_of(""));
    return CKR_OK;
}

CK_RV cs_wait_for_slot_event(CK_FLAGS flags, CK_SLOT_ID *id, void *reserved)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter_fresh(&module);
    long slot;

    if (rv != CKR_OK)
        return rv;
    if (!id || reserved)
        return CKR_ARGUMENTS_BAD;
    while ((slot = cs_slots_take_change(&module->slots)) < 0) {
        if (flags & CKF_DONT_BLOCK)
            return CKR_NO_EVENT;
        rv = cs_module_wait(module, module->link.own.fd < 0 ? CS_REDIAL : -1);
        if (rv != CKR_OK)
            return rv;
    }
    *id = (CK_SLOT_ID)slot;
    return CKR_OK;
}
