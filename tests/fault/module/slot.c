/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slots that the module shows. With slot lines in the script they are those; without, they are
 * SoftHSM's own, under SoftHSM's numbers. A slot keeps its place in the table for good, so a
 * pointer to one stays good until C_Finalize.
 *
 * Applying a script compares what lies in each slot with what lay there before; that is how a token
 * is pulled, put back, changed for another, or wakes up with stale sessions.
 */
#include "slot.h"

#include "log.h"
#include "module.h"
#include "session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 128

static struct fault_slot slots[SLOTS_MAX];
static bool transparent;
static pthread_mutex_t event_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t trimmed(const unsigned char *text, size_t size)
{
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\0'))
        size--;
    return size;
}

static bool text_is(const struct fault_text *text, const unsigned char *padded, size_t size)
{
    size = trimmed(padded, size);
    return text->set && text->len == size && memcmp(text->data, padded, size) == 0;
}

static bool real_slots(CK_SLOT_ID *ids, CK_ULONG *n)
{
    *n = 0;
    if (REAL(C_GetSlotList)(CK_FALSE, NULL, n) != CKR_OK)
        return false;
    *n = SLOTS_MAX;
    return REAL(C_GetSlotList)(CK_FALSE, ids, n) == CKR_OK;
}

static bool lies_in(
    const struct fault_spec *spec, const CK_TOKEN_INFO *info, CK_ULONG n_initialised)
{
    if (!(info->flags & CKF_TOKEN_INITIALIZED))
        return spec->uninitialised;
    return (spec->index != 0 && spec->index == n_initialised) ||
           text_is(&spec->token, info->label, sizeof(info->label)) ||
           text_is(&spec->serial, info->serialNumber, sizeof(info->serialNumber));
}

/* SoftHSM's slot with the token that the line names. */
static bool real_of(const struct fault_spec *spec, CK_SLOT_ID *realp, CK_TOKEN_INFO *info)
{
    CK_SLOT_ID ids[SLOTS_MAX];
    CK_ULONG n, n_initialised = 0;

    if (!real_slots(ids, &n))
        return false;
    for (CK_ULONG i = 0; i < n; i++) {
        if (REAL(C_GetTokenInfo)(ids[i], info) != CKR_OK)
            continue;
        if (info->flags & CKF_TOKEN_INITIALIZED)
            n_initialised++;
        if (lies_in(spec, info, n_initialised)) {
            *realp = ids[i];
            return true;
        }
    }
    return false;
}

static bool refuse(char *error, size_t error_size, const struct fault_spec *spec, const char *why)
{
    snprintf(error, error_size, "slot %lu: %s", spec->id, why);
    return false;
}

/* What the line describes, before it is known what was there before. */
static bool prepare(
    const struct fault_spec *spec, struct fault_slot *slot, char *error, size_t error_size)
{
    CK_TOKEN_INFO info;

    *slot = (struct fault_slot){.spec = *spec, .used = true, .present = !spec->absent};
    if (!slot->present ||
        (!spec->token.set && !spec->serial.set && !spec->index && !spec->uninitialised))
        return true;
    if (!real_of(spec, &slot->real, &info))
        return refuse(error, error_size, spec, "SoftHSM has no such token");
    if (spec->tries || spec->so_tries) {
        slot->tries = fault_counter_tries(info.serialNumber);
        if (!slot->tries)
            return refuse(error, error_size, spec, "too many tokens have PIN counts");
    }
    return true;
}

static bool has_token(const struct fault_slot *slot)
{
    return slot->used && slot->present && !slot->spec.bad;
}

static bool prepare_all(
    const struct fault_script *script, struct fault_slot *fresh, char *error, size_t error_size)
{
    for (size_t i = 0; i < script->n_slots; i++) {
        if (!prepare(&script->slots[i], &fresh[i], error, error_size))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (has_token(&fresh[i]) && has_token(&fresh[j]) && fresh[i].real == fresh[j].real)
                return refuse(error, error_size, &fresh[i].spec, "its token lies in another slot");
        }
    }
    return true;
}

/* The token went, or changed, or forgot everything. */
static void lose(struct fault_slot *slot)
{
    slot->epoch++;
    fault_session_kill(slot, slot->spec.gone);
}

/* Brings a slot from what it was to what the script says now. */
static void change(struct fault_slot *slot, const struct fault_slot *fresh)
{
    bool had = has_token(slot);
    bool has = has_token(fresh);
    bool moved = had != has || (had && slot->real != fresh->real);
    bool event = slot->event || moved || slot->present != fresh->present;
    unsigned epoch;

    slot->spec.gone = fresh->spec.bad ? fresh->spec.bad : fresh->spec.gone;
    if (had && (moved || slot->spec.resume != fresh->spec.resume))
        lose(slot);
    else if (had && slot->spec.logged_out != fresh->spec.logged_out)
        fault_session_log_out(slot);
    if (moved)
        fault_log("%s slot=%lu", has ? "@back" : "@gone", slot->spec.id);
    epoch = slot->epoch;
    *slot = *fresh;
    slot->epoch = epoch;
    slot->event = event;
}

static struct fault_slot *find(CK_SLOT_ID id)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        if (slots[i].used && slots[i].spec.id == id)
            return &slots[i];
    }
    return NULL;
}

/* The place of a slot, which it has for good once it was there. */
static struct fault_slot *place_of(CK_SLOT_ID id)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        if (!slots[i].placed || slots[i].spec.id == id)
            return &slots[i];
    }
    return NULL;
}

static void put(const struct fault_slot *fresh, bool at_start)
{
    struct fault_slot *slot = place_of(fresh->spec.id);

    if (!slot)
        return;
    if (at_start)
        *slot = *fresh;
    else
        change(slot, fresh);
    slot->placed = true;
}

/* SoftHSM's own slots; new ones appear there when a token was initialised. */
static void add_real(void)
{
    CK_SLOT_ID ids[SLOTS_MAX];
    CK_ULONG n;

    if (!real_slots(ids, &n))
        return;
    for (CK_ULONG i = 0; i < n; i++) {
        struct fault_slot fresh = {.used = true,
            .present = true,
            .real = ids[i],
            .spec = {.id = ids[i], .gone = CKR_SESSION_HANDLE_INVALID}};

        if (!find(ids[i]))
            put(&fresh, true);
    }
}

static void remove_missing(const struct fault_slot *fresh, size_t n_fresh)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct fault_slot empty = {.spec = slots[i].spec};
        bool kept = false;

        for (size_t j = 0; j < n_fresh; j++)
            kept = kept || fresh[j].spec.id == slots[i].spec.id;
        if (slots[i].used && !kept) {
            change(&slots[i], &empty);
            slots[i].placed = true;
        }
    }
}

bool fault_slot_apply(const struct fault_script *script, char *error, size_t error_size)
{
    static struct fault_slot fresh[FAULT_SLOTS_MAX];
    bool at_start = !slots[0].placed;

    if (!prepare_all(script, fresh, error, error_size))
        return false;
    transparent = script->n_slots == 0;
    if (transparent) {
        add_real();
        return true;
    }
    /* Those that go first: their tokens may lie in other slots now. */
    remove_missing(fresh, script->n_slots);
    for (size_t i = 0; i < script->n_slots; i++)
        put(&fresh[i], at_start);
    return true;
}

void fault_slot_refresh(void)
{
    if (transparent)
        add_real();
}

void fault_slot_forget(void)
{
    memset(slots, 0, sizeof(slots));
}

struct fault_slot *fault_slot_find(CK_SLOT_ID id)
{
    return find(id);
}

CK_RV fault_slot_check(const struct fault_slot *slot)
{
    if (!slot)
        return CKR_SLOT_ID_INVALID;
    if (slot->spec.bad)
        return slot->spec.bad;
    return slot->present ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}

CK_RV fault_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    CK_ULONG n = 0;

    if (!count)
        return CKR_ARGUMENTS_BAD;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        if (!slots[i].used || (present && !slots[i].present))
            continue;
        if (list && n < *count)
            list[n] = slots[i].spec.id;
        n++;
    }
    if (list && n > *count) {
        *count = n;
        return CKR_BUFFER_TOO_SMALL;
    }
    *count = n;
    return CKR_OK;
}

static void pad(unsigned char *field, size_t size, const void *text, size_t len)
{
    memset(field, ' ', size);
    memcpy(field, text, len < size ? len : size);
}

CK_RV fault_slot_info(const struct fault_slot *slot, CK_SLOT_INFO *info)
{
    char description[64];

    if (!slot)
        return CKR_SLOT_ID_INVALID;
    if (slot->spec.bad)
        return slot->spec.bad;
    if (transparent)
        return REAL(C_GetSlotInfo)(slot->real, info);
    if (!info)
        return CKR_ARGUMENTS_BAD;
    memset(info, 0, sizeof(*info));
    snprintf(description, sizeof(description), "Countersign fault slot %lu", slot->spec.id);
    pad(info->slotDescription, sizeof(info->slotDescription), description, strlen(description));
    pad(info->manufacturerID, sizeof(info->manufacturerID), "Countersign", 11);
    info->flags = CKF_HW_SLOT;
    if (slot->present)
        info->flags |= CKF_TOKEN_PRESENT;
    if (!slot->spec.fixed)
        info->flags |= CKF_REMOVABLE_DEVICE;
    return CKR_OK;
}

static void show_text(unsigned char *field, size_t size, const struct fault_text *text)
{
    if (text->set)
        pad(field, size, text->data, text->len);
}

/* low is COUNT_LOW; FINAL_TRY and LOCKED are the next two bits, for user and SO alike. */
static void show_tries(CK_FLAGS *flags, CK_ULONG tries, CK_ULONG used, CK_FLAGS low)
{
    CK_ULONG left = used < tries ? tries - used : 0;

    *flags &= ~(low | low << 1 | low << 2);
    if (left == 0)
        *flags |= low << 2;
    else
        *flags |= (used > 0 ? low : 0) | (left == 1 ? low << 1 : 0);
}

CK_RV fault_slot_token_info(const struct fault_slot *slot, CK_TOKEN_INFO *info)
{
    const struct fault_spec *spec = &slot->spec;
    CK_RV rv;

    rv = REAL(C_GetTokenInfo)(slot->real, info);
    if (rv != CKR_OK)
        return rv;
    show_text(info->label, sizeof(info->label), &spec->label);
    show_text(info->manufacturerID, sizeof(info->manufacturerID), &spec->manufacturer);
    show_text(info->model, sizeof(info->model), &spec->model);
    show_text(info->serialNumber, sizeof(info->serialNumber), &spec->serial_number);
    if (spec->tries)
        show_tries(&info->flags, spec->tries, slot->tries->wrong_user, CKF_USER_PIN_COUNT_LOW);
    if (spec->so_tries)
        show_tries(&info->flags, spec->so_tries, slot->tries->wrong_so, CKF_SO_PIN_COUNT_LOW);
    if (spec->keypad)
        info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    if (spec->open.set)
        info->flags &= ~CKF_LOGIN_REQUIRED;
    info->flags = (info->flags | spec->set_flags) & ~spec->clear_flags;
    return CKR_OK;
}

bool fault_slot_event(CK_SLOT_ID *idp)
{
    bool found = false;

    pthread_mutex_lock(&event_lock);
    for (size_t i = 0; i < SLOTS_MAX && !found; i++) {
        found = slots[i].event;
        if (found) {
            slots[i].event = false;
            *idp = slots[i].spec.id;
        }
    }
    pthread_mutex_unlock(&event_lock);
    return found;
}
