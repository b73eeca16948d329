/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans the slots. A slot that fails is passed over with a line in the log, one whose token is not
 * initialised without; the others go on. Numbers of tokens only grow, so that the agent never takes
 * a new token for one that went. libp11's slots are not used, see module.c.
 */
#include "token-host/slot.h"
#include "token-host/health.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>

void cs_slots_init(struct cs_slots *slots, struct cs_link *link, struct cs_cancels *cancels)
{
    *slots = (struct cs_slots){.link = link, .cancels = cancels};
    pthread_mutex_init(&slots->scanning, NULL);
    pthread_mutex_init(&slots->lock, NULL);
}

struct cs_token *cs_slots_get(struct cs_slots *slots, uint32_t number)
{
    struct cs_token *found = NULL;

    pthread_mutex_lock(&slots->lock);
    for (struct cs_token *token = slots->tokens; token && !found; token = token->next)
        if (token->number == number)
            found = cs_token_ref(token);
    pthread_mutex_unlock(&slots->lock);
    return found;
}

bool cs_slots_are_stale(struct cs_slots *slots)
{
    bool stale = false;

    if (pthread_mutex_trylock(&slots->scanning) != 0)
        return false; /* that scan finds it */
    for (struct cs_token *token = slots->tokens; token && !stale; token = token->next)
        stale = cs_token_is_stale(token);
    pthread_mutex_unlock(&slots->scanning);
    return stale;
}

void cs_slots_each(
    struct cs_slots *slots, void (*function)(struct cs_token *token, void *arg), void *arg)
{
    pthread_mutex_lock(&slots->lock);
    for (struct cs_token *token = slots->tokens; token; token = token->next)
        function(token, arg);
    pthread_mutex_unlock(&slots->lock);
}

/* Only a scan changes the list, so a scan may read it without the lock. */
static struct cs_token *token_in(struct cs_slots *slots, CK_SLOT_ID slot)
{
    struct cs_token *token = slots->tokens;

    while (token && token->slot != slot)
        token = token->next;
    return token;
}

static void insert_token(struct cs_slots *slots, struct cs_token *token)
{
    pthread_mutex_lock(&slots->lock);
    token->next = slots->tokens;
    slots->tokens = token;
    pthread_mutex_unlock(&slots->lock);
}

static void unlink_token(struct cs_slots *slots, struct cs_token *token)
{
    struct cs_token **p = &slots->tokens;

    pthread_mutex_lock(&slots->lock);
    while (*p != token)
        p = &(*p)->next;
    *p = token->next;
    pthread_mutex_unlock(&slots->lock);
}

/* NULL if there is none. */
static struct cs_slots_refused *find_refused(struct cs_slots *slots, const struct cs_token *token)
{
    for (unsigned i = 0; i < slots->n_refused && i < CS_SLOTS_REFUSED_MAX; i++)
        if (cs_token_info_is(&token->info, &slots->refused[i].info))
            return &slots->refused[i];
    return NULL;
}

/* The token has counted it, wherever it is now. */
static void keep_refused(struct cs_slots *slots, struct cs_token *token)
{
    struct cs_slots_refused *place = find_refused(slots, token);

    pthread_mutex_lock(&token->lock);
    if (!place && token->refused.n > 0)
        place = &slots->refused[slots->n_refused++ % CS_SLOTS_REFUSED_MAX];
    if (place) {
        place->info = token->info;
        place->refused = token->refused;
    }
    pthread_mutex_unlock(&token->lock);
}

/* Of a new token, which is nobody else's yet. It may have gone, or be in another slot as well. */
static void recall_refused(struct cs_slots *slots, struct cs_token *token)
{
    const struct cs_slots_refused *place;

    for (struct cs_token *other = slots->tokens; other; other = other->next)
        if (cs_token_info_is(&other->info, &token->info))
            keep_refused(slots, other);
    place = find_refused(slots, token);
    if (place)
        token->refused = place->refused;
}

static void remove_token(struct cs_slots *slots, struct cs_token *token)
{
    unlink_token(slots, token);
    keep_refused(slots, token);
    __atomic_add_fetch(&slots->n_gone, 1, __ATOMIC_RELAXED);
    cs_info("token '%s' is gone", cs_token_name(token));
    cs_token_report_gone(token);
    cs_cancel_token(slots->cancels, token);
    cs_token_unref(token);
}

/* The first one of a scan is what the agent is told. */
static void pass_over(struct cs_slots *slots, CK_SLOT_ID slot, const char *why)
{
    char text[CS_SLOTS_TROUBLE_MAX];

    snprintf(text, sizeof(text), "slot %lu is passed over: %s", (unsigned long)slot, why);
    cs_warn("%s", text);
    if (!slots->trouble[0])
        memcpy(slots->trouble, text, sizeof(text));
}

static void report_trouble(struct cs_slots *slots)
{
    uint8_t room[2 * CS_SLOTS_TROUBLE_MAX];
    struct cs_buf buf = CS_BUF_IN(room);
    size_t frame = cs_frame_begin(&buf, CS_HOST_TROUBLE, 0);

    if (strcmp(slots->trouble, slots->told) == 0)
        return;
    memcpy(slots->told, slots->trouble, sizeof(slots->told));
    cs_host_trouble_put(&buf, &(const struct cs_host_trouble){cs_bytes_of(slots->told)});
    cs_frame_end(&buf, frame);
    cs_link_send(slots->link, &buf);
}

/* In the list before it is read: as soon as it is reported the agent may ask for it. */
static void add_token(struct cs_slots *slots, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
    struct cs_failure failure = {0};
    struct cs_token *token;
    int r;

    r = cs_token_new(slots->module, slots->link, ++slots->last_number, slot, info, &token);
    if (r == 0 && slots->first_why)
        snprintf(token->why, sizeof(token->why), "%s", slots->first_why);
    if (r == 0) {
        token->slots = slots;
        recall_refused(slots, token);
        token->seen = true;
        insert_token(slots, token);
        r = cs_token_read(token, false, &failure);
        if (r == 0)
            return;
        unlink_token(slots, token);
        cs_token_unref(token);
    }
    pass_over(slots, slot, cs_fault_text(&failure.fault, r));
}

static void look_again(struct cs_token *token, const CK_TOKEN_INFO *info)
{
    struct cs_failure failure = {0};
    int r;

    token->seen = true;
    cs_token_take_flags(token, info->flags);
    r = cs_token_read(token, false, &failure);
    if (r < 0)
        cs_warn("%s", cs_fault_text(&failure.fault, r));
}

static CK_RV get_info(
    const struct cs_slots *slots, CK_SLOT_ID slot, struct cs_token *known, CK_TOKEN_INFO *info)
{
    CK_RV rv;

    if (known)
        pthread_rwlock_rdlock(&known->calls);
    rv = cs_token_info_get(slots->module, slot, info);
    if (known)
        pthread_rwlock_unlock(&known->calls);
    return rv;
}

static void look_at(struct cs_slots *slots, CK_SLOT_ID slot)
{
    struct cs_token *known = token_in(slots, slot);
    CK_TOKEN_INFO info = {0};
    CK_RV rv = get_info(slots, slot, known, &info);
    char why[256];

    if (cs_ckr_code(rv) == CS_ERR_TOKEN_ABSENT) {
        cs_debug("slot %lu: no token (%s)", (unsigned long)slot, cs_ckr_name(rv));
        return;
    }
    if (rv != CKR_OK) {
        snprintf(why, sizeof(why), "%s (%s)", cs_ckr_text(rv), cs_ckr_name(rv));
        pass_over(slots, slot, why);
        return;
    }
    if (!(info.flags & CKF_TOKEN_INITIALIZED)) {
        cs_debug("slot %lu: its token is not initialised", (unsigned long)slot);
        return;
    }
    if (known && cs_token_info_is(&known->info, &info))
        look_again(known, &info);
    else
        add_token(slots, slot, &info);
}

static CK_RV list(
    const struct cs_slots *slots, CK_BBOOL token_present, CK_SLOT_ID *ids, CK_ULONG *np)
{
    CK_RV rv;

    /* The question for the number is what makes a module look for new slots. */
    rv = CS_MODULE_CALL(slots->module, C_GetSlotList(token_present, NULL, np));
    if (rv != CKR_OK)
        return rv;
    *np = CS_SLOTS_MAX;
    rv = CS_MODULE_CALL(slots->module, C_GetSlotList(token_present, ids, np));
    return rv == CKR_OK && *np > CS_SLOTS_MAX ? CKR_BUFFER_TOO_SMALL : rv;
}

static int explain_unlisted(CK_RV rv, struct cs_failure *failure)
{
    failure->rv = rv;
    return cs_fail(&failure->fault, CS_ERR_MODULE_FAILED, "the module cannot list its slots (%s)",
        cs_ckr_name(rv));
}

CK_RV cs_slots_list(struct cs_slots *slots, CK_BBOOL token_present, CK_SLOT_ID *ids, CK_ULONG *np)
{
    CK_RV rv = list(slots, token_present, ids, np);
    struct cs_failure failure = {0};

    if (rv == CKR_OK)
        __atomic_store_n(&slots->listed, true, __ATOMIC_RELAXED);
    if (!cs_ckr_is_breakdown(rv))
        __atomic_store_n(&slots->n_unlisted, 0, __ATOMIC_RELAXED);
    else if (__atomic_add_fetch(&slots->n_unlisted, 1, __ATOMIC_RELAXED) > 1 &&
             __atomic_load_n(&slots->listed, __ATOMIC_RELAXED) && !cs_health_is_needed(slots, NULL))
        cs_health_give_up(slots->link, explain_unlisted(rv, &failure), &failure);
    return rv;
}

int cs_slots_scan(struct cs_slots *slots, struct cs_failure *failure)
{
    CK_SLOT_ID ids[CS_SLOTS_MAX];
    CK_ULONG n = 0;
    CK_RV rv;

    pthread_mutex_lock(&slots->scanning);
    rv = cs_slots_list(slots, CK_TRUE, ids, &n);
    slots->trouble[0] = '\0';
    if (rv != CKR_OK) {
        snprintf(slots->trouble, sizeof(slots->trouble), "%s",
            cs_fault_text(&failure->fault, explain_unlisted(rv, failure)));
    } else {
        for (struct cs_token *token = slots->tokens; token; token = token->next)
            token->seen = false;
        for (CK_ULONG i = 0; i < n; i++)
            look_at(slots, ids[i]);
        for (struct cs_token *token = slots->tokens, *next; token; token = next) {
            next = token->next;
            if (!token->seen)
                remove_token(slots, token);
        }
    }
    report_trouble(slots);
    slots->first_why = NULL;
    pthread_mutex_unlock(&slots->scanning);
    return rv == CKR_OK ? 0 : CS_ERR_MODULE_FAILED;
}
