/* SPDX-License-Identifier: Apache-2.0 */
/* A token: who it is, whether it is unlocked, what is on it, and what the agent was told of it. */
#ifndef CS_TOKEN_HOST_TOKEN_H
#define CS_TOKEN_HOST_TOKEN_H

#include "token-host/key.h"
#include "token-host/link.h"
#include "token-host/object.h"
#include "token-host/picture.h"
#include "token-host/refused.h"
#include "token-host/session.h"
#include "token-host/token-info.h"

#define CS_TOKEN_WHY_MAX 160

struct cs_login;
struct cs_slots;

struct cs_token {
    /* Never change. */
    uint32_t number;
    CK_SLOT_ID slot;
    struct cs_token_words words, words_by_serial;
    struct cs_module *module;
    struct cs_link *link;

    /* Have locks of their own. */
    unsigned refs;
    bool by_serial; /* which of the words hold */
    bool gone;      /* the agent was told so; set with lock held */
    bool worked;    /* it has signed, or taken a PIN: health.c's */
    bool no_answer; /* it never answers what health.c asks */
    bool lacks_pss; /* it has last signed what was padded here */
    struct cs_sessions sessions;
    /* Held for reading around calls for this token, for writing around those that no other call
     * may interrupt. */
    pthread_rwlock_t calls;
    pthread_mutex_t reading;  /* one reads the objects at a time */
    struct cs_picture first;  /* of the token, while it is read; guarded by reading */
    pthread_mutex_t entering; /* one logs in at a time */
    int asking;               /* a semaphore that can be polled: one asks for a PIN at a time */

    /* Guarded by lock. */
    pthread_mutex_t lock;
    CK_TOKEN_INFO info;
    bool logged_in;
    unsigned n_locked, n_unlocked; /* how often so far */
    unsigned
        n_told;   /* n_unlocked, when somebody who waits for that was last told that it is open */
    bool leaving; /* it is being locked */
    bool held;    /* CS_TOKEN_HELD */
    bool reported;
    bool behind;    /* the agent's picture is, for want of memory */
    uint64_t since; /* as the agent is told */
    char why[CS_TOKEN_WHY_MAX];
    struct cs_objects objects;
    struct cs_pairs pairs;
    struct cs_refused refused;
    struct cs_login *logins; /* login.c's */
    struct cs_buf asker;     /* the last LOGIN message's body: who to ask for a PIN, if need be */

    struct cs_slots *slots; /* slot.c's list */
    struct cs_token *next;
    bool seen;
};

int cs_token_new(struct cs_module *module, struct cs_link *link, uint32_t number, CK_SLOT_ID slot,
    const CK_TOKEN_INFO *info, struct cs_token **tokenp);
struct cs_token *cs_token_ref(struct cs_token *token);
void cs_token_unref(struct cs_token *token);
CS_DEFINE_CLEANUP(struct cs_token *, cs_token_unref);

/* For sentences: what people call it, and the command that unlocks it. */
const char *cs_token_name(const struct cs_token *token);
const char *cs_token_unlock(const struct cs_token *token);
/* Whether its label does not tell it from others, as the agent knows, who sees all modules. */
void cs_token_set_by_serial(struct cs_token *token, bool by_serial);

/* Takes `calls` for a change of the login: SoftHSM for one fails calls that run beside it, or does
 * not show them an object. Calls that go on for too long, as while a touch is waited for, do not
 * hold it up. Ends with pthread_rwlock_unlock. */
void cs_token_stop_calls(struct cs_token *token);

/* Reads the objects, sees whether the login still holds, and tells the agent what changed.
 * fresh: not through sessions that may be dead. */
int cs_token_read(struct cs_token *token, bool fresh, struct cs_failure *failure);
/* Whether its sessions have died or its login has ended, by one call: it is to be read again, or is
 * another token. False while nobody can tell, because others call. */
bool cs_token_is_stale(struct cs_token *token);
/* What lies in its slot. CKR_TOKEN_NOT_PRESENT if that is another token, or is known as another. */
CK_RV cs_token_see(const struct cs_token *token, CK_TOKEN_INFO *info);
/* Asks the module for the token's flags and keeps them. As cs_token_see. */
CK_RV cs_token_refresh_info(struct cs_token *token, CK_FLAGS *flagsp);
/* The same for who holds `calls`, or where nothing is signed because the token is locked. */
CK_RV cs_token_refresh_info_here(struct cs_token *token, CK_FLAGS *flagsp);
/* The same with what the module has told already, of this very token. */
void cs_token_take_flags(struct cs_token *token, CK_FLAGS flags);

/* 0 if signatures may be tried: unlocked or never locked. CS_ERR_LOCKED with its sentence. */
int cs_token_check_unlocked(struct cs_token *token, struct cs_failure *failure);
/* Whether the module would want a login now. */
bool cs_token_wants_login(struct cs_token *token);

/* Changes of state; the agent is told. */
void cs_token_set_unlocked(struct cs_token *token);
/* A call said that nobody is logged in. It means no login that came since n_unlocked was counted,
 * before that call. */
unsigned cs_token_count_unlocked(struct cs_token *token);
void cs_token_lose_login(struct cs_token *token, unsigned n_unlocked);
void cs_token_set_locked(struct cs_token *token, bool hold, struct cs_bytes why);
/* It was locked on purpose before it was known here. Not one that is open by now. */
void cs_token_hold(struct cs_token *token);
void cs_token_report_state(struct cs_token *token);
void cs_token_report_gone(struct cs_token *token);
/* r; but what was given up because the token has gone is CS_ERR_TOKEN_ABSENT. */
int cs_token_explain_gone(const struct cs_token *token, int r, struct cs_failure *failure);

#endif
