/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module may lose what is behind it: the TPM's or the reader's daemon that was started anew, the
 * network of an HSM, the other end of a p11-kit socket. Many then fail for ever, though a new
 * process would do. So after a failure that says nothing of the call itself the token is asked for
 * something that needs neither a key nor a person. If it was never of use here, a new process would
 * be none either: then all goes on. So it does for another that is logged in and still answers.
 */
#include "token-host/health.h"
#include "base/log.h"
#include "token-host/slot.h"

#include <countersign/error.h>
#include <unistd.h>

#define OTHERS_MAX 16 /* that are asked */

/* Nothing is finalised: the module may hang in it, and vendors' exit handlers are no loss. */
void cs_health_give_up(struct cs_link *link, int r, const struct cs_failure *failure)
{
    cs_error("%s", cs_fault_text(&failure->fault, r));
    cs_link_failed(link, 0, r, failure);
    _exit(1);
}

/* A random number is had from the token itself, where it has a source of them. */
static CK_RV ask_for_anything(struct cs_token *token)
{
    CK_SESSION_HANDLE session;
    CK_BYTE random[8];
    bool has_source;
    CK_RV rv;

    pthread_mutex_lock(&token->lock);
    has_source = (token->info.flags & CKF_RNG) != 0;
    pthread_mutex_unlock(&token->lock);
    pthread_rwlock_rdlock(&token->calls);
    rv = cs_session_open(token, 0, &session);
    if (rv == CKR_OK) {
        if (has_source)
            rv = CS_MODULE_CALL(token->module, C_GenerateRandom(session, random, sizeof(random)));
        CS_MODULE_CALL(token->module, C_CloseSession(session));
    }
    pthread_rwlock_unlock(&token->calls);
    return rv;
}

struct others {
    const struct cs_token *but;
    size_t n;
    struct cs_token *tokens[OTHERS_MAX];
};

static void add_other(struct cs_token *token, void *arg)
{
    struct others *others = arg;

    pthread_mutex_lock(&token->lock);
    if (token != others->but && token->logged_in && others->n < OTHERS_MAX)
        others->tokens[others->n++] = cs_token_ref(token);
    pthread_mutex_unlock(&token->lock);
}

bool cs_health_is_needed(struct cs_slots *slots, const struct cs_token *but)
{
    struct others others = {.but = but};
    bool needed = false;

    cs_slots_each(slots, add_other, &others);
    for (size_t i = 0; i < others.n; i++) {
        needed = needed || ask_for_anything(others.tokens[i]) == CKR_OK;
        cs_token_unref(others.tokens[i]);
    }
    return needed;
}

/* After a failure it is asked while it works, once: one that does not even answer then, as a card
 * may that claims a source of random numbers, is given up for that no second time. */
static void note_success(struct cs_token *token)
{
    if (__atomic_load_n(&token->worked, __ATOMIC_RELAXED) ||
        __atomic_exchange_n(&token->worked, true, __ATOMIC_RELAXED) || !token->slots->after_failure)
        return;
    if (cs_ckr_is_breakdown(ask_for_anything(token)))
        __atomic_store_n(&token->no_answer, true, __ATOMIC_RELAXED);
}

void cs_health_note(struct cs_token *token, CK_RV rv)
{
    struct cs_failure failure = {0};

    if (rv == CKR_OK) {
        note_success(token);
        return;
    }
    if (!cs_ckr_is_breakdown(rv) || !__atomic_load_n(&token->worked, __ATOMIC_RELAXED) ||
        __atomic_load_n(&token->no_answer, __ATOMIC_RELAXED))
        return;
    rv = ask_for_anything(token);
    if (!cs_ckr_is_breakdown(rv) || cs_health_is_needed(token->slots, token))
        return;
    failure.rv = rv;
    cs_fail(&failure.fault, CS_ERR_MODULE_FAILED, "it has lost token '%s' (%s)",
        cs_token_name(token), cs_ckr_name(rv));
    cs_health_give_up(token->link, CS_ERR_MODULE_FAILED, &failure);
}
