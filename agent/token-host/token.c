/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One token. Invariant: the agent's picture of it is what `objects`, `info`, `logged_in` and
 * `held` say; whoever changes them reports before letting the lock go, so that reports are in
 * order. Lists of objects are replaced as a whole. After a logout the private keys stay in the
 * picture, for they are still there; only their handles are void.
 */
#include "token-host/token.h"
#include "base/log.h"
#include "prompt/words.h"

#include <countersign/error.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STOP_PATIENCE 2 /* seconds */
#define LOGIN_ENDED "the token ended the login"

static const struct cs_token_words *words_of(const struct cs_token *token)
{
    return __atomic_load_n(&token->by_serial, __ATOMIC_RELAXED) ? &token->words_by_serial
                                                                : &token->words;
}

const char *cs_token_name(const struct cs_token *token)
{
    return words_of(token)->name;
}

const char *cs_token_unlock(const struct cs_token *token)
{
    return words_of(token)->unlock;
}

void cs_token_set_by_serial(struct cs_token *token, bool by_serial)
{
    __atomic_store_n(&token->by_serial, by_serial, __ATOMIC_RELAXED);
}

int cs_token_new(struct cs_module *module, struct cs_link *link, uint32_t number, CK_SLOT_ID slot,
    const CK_TOKEN_INFO *info, struct cs_token **tokenp)
{
    struct cs_token *token = calloc(1, sizeof(*token));
    pthread_rwlockattr_t attr;

    if (!token)
        return CS_ERR_MEMORY;
    token->asking = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    if (token->asking < 0) {
        free(token);
        return CS_ERR_SYSTEM;
    }
    token->number = number;
    token->slot = slot;
    token->module = module;
    token->link = link;
    token->refs = 1;
    token->info = *info;
    token->asker = CS_BUF_INIT(64 * 1024);
    snprintf(token->why, sizeof(token->why), "not unlocked yet");
    cs_token_info_words(info, &token->words, &token->words_by_serial);
    cs_sessions_init(&token->sessions, token);
    pthread_rwlockattr_init(&attr);
    /* A stream of signatures must not keep a writer out for ever. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&token->calls, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&token->lock, NULL);
    pthread_mutex_init(&token->reading, NULL);
    pthread_mutex_init(&token->entering, NULL);
    *tokenp = token;
    return 0;
}

void cs_token_stop_calls(struct cs_token *token)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_PATIENCE;
    if (pthread_rwlock_clockwrlock(&token->calls, CLOCK_MONOTONIC, &until) != 0)
        pthread_rwlock_rdlock(&token->calls);
}

struct cs_token *cs_token_ref(struct cs_token *token)
{
    __atomic_add_fetch(&token->refs, 1, __ATOMIC_ACQ_REL);
    return token;
}

void cs_token_unref(struct cs_token *token)
{
    if (!token || __atomic_sub_fetch(&token->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    cs_sessions_deinit(&token->sessions);
    cs_objects_deinit(&token->objects);
    cs_pairs_clear(&token->pairs);
    cs_refused_clear(&token->refused);
    cs_buf_deinit(&token->asker);
    close(token->asking);
    pthread_rwlock_destroy(&token->calls);
    pthread_mutex_destroy(&token->lock);
    pthread_mutex_destroy(&token->reading);
    pthread_mutex_destroy(&token->entering);
    free(token);
}

static bool is_gone(const struct cs_token *token)
{
    return __atomic_load_n(&token->gone, __ATOMIC_RELAXED);
}

/* The rest down to cs_token_read is called with the lock held. */

static uint32_t wire_flags(const struct cs_token *token)
{
    static const struct {
        CK_FLAGS ck;
        uint32_t cs;
    } map[] = {
        {CKF_LOGIN_REQUIRED, CS_TOKEN_LOGIN_REQUIRED},
        {CKF_PROTECTED_AUTHENTICATION_PATH, CS_TOKEN_PROTECTED_PATH},
        {CKF_USER_PIN_COUNT_LOW, CS_TOKEN_PIN_COUNT_LOW},
        {CKF_USER_PIN_FINAL_TRY, CS_TOKEN_PIN_FINAL_TRY},
        {CKF_USER_PIN_LOCKED, CS_TOKEN_PIN_BLOCKED},
        {CKF_TOKEN_INITIALIZED, CS_TOKEN_INITIALIZED},
    };
    uint32_t flags = 0;

    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        if (token->info.flags & map[i].ck)
            flags |= map[i].cs;
    if (token->held)
        flags |= CS_TOKEN_HELD;
    else if (token->logged_in || !(token->info.flags & CKF_LOGIN_REQUIRED))
        flags |= CS_TOKEN_UNLOCKED;
    return flags;
}

static struct cs_bytes why_locked(const struct cs_token *token)
{
    return cs_bytes_of(wire_flags(token) & CS_TOKEN_UNLOCKED ? "" : token->why);
}

static struct cs_host_token_state state_of(const struct cs_token *token)
{
    return (struct cs_host_token_state){.slot = token->number,
        .flags = wire_flags(token),
        .since = token->since,
        .why = why_locked(token)};
}

static void report_state(const struct cs_token *token)
{
    const struct cs_host_token_state m = state_of(token);
    uint8_t room[4096];
    struct cs_buf buf = CS_BUF_IN(room);
    size_t frame = cs_frame_begin(&buf, CS_HOST_TOKEN_STATE, 0);

    if (!token->reported || is_gone(token))
        return;
    cs_host_token_state_put(&buf, &m);
    cs_frame_end(&buf, frame);
    cs_link_send(token->link, &buf);
}

static int begin_picture(const struct cs_token *token, struct cs_picture *picture)
{
    const CK_TOKEN_INFO *info = &token->info;
    const struct cs_host_token m = {.slot = token->number,
        .label = CS_TOKEN_INFO_TEXT(info->label),
        .manufacturer = CS_TOKEN_INFO_TEXT(info->manufacturerID),
        .model = CS_TOKEN_INFO_TEXT(info->model),
        .serial = CS_TOKEN_INFO_TEXT(info->serialNumber),
        .flags = wire_flags(token),
        .since = token->since,
        .why = why_locked(token)};

    return cs_picture_begin(picture, token->link, &m);
}

static void report_objects(struct cs_token *token)
{
    struct cs_picture picture;

    token->behind = begin_picture(token, &picture) < 0;
    if (token->behind)
        return;
    for (size_t i = 0; i < token->objects.n; i++)
        cs_picture_add(&picture, &token->objects.items[i]);
    cs_picture_end(&picture, NULL);
    token->reported = true;
}

static void report_picture(struct cs_token *token)
{
    const struct cs_host_token_state state = state_of(token);

    if (is_gone(token)) {
        cs_picture_drop(&token->first);
    } else if (token->first.begun) {
        cs_picture_end(&token->first, &state);
        token->reported = true;
        token->behind = false;
    } else {
        report_objects(token);
    }
}

static void set_why(struct cs_token *token, struct cs_bytes why)
{
    struct timespec now;

    if (why.len)
        cs_words_clean(token->why, sizeof(token->why), why);
    clock_gettime(CLOCK_REALTIME, &now);
    token->since = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void lose_login(struct cs_token *token)
{
    token->logged_in = false;
    token->n_locked++;
    token->leaving = false;
    cs_objects_forget_private(&token->objects);
    cs_pairs_clear(&token->pairs);
}

/* Takes a new list in; true if it looks different from outside. */
static bool take_objects(struct cs_token *token, struct cs_objects *objects)
{
    bool locked = (token->info.flags & CKF_LOGIN_REQUIRED) && !token->logged_in;
    bool changed;

    /* A locked token hides private keys; that is no reason to forget them. */
    if (locked && cs_objects_keep_private(objects, &token->objects) < 0)
        cs_warn("token '%s': out of memory for its objects", cs_token_name(token));
    /* One may be from before the token was locked: its signature ended after that. */
    cs_pairs_clear(&token->pairs);
    if (cs_objects_same_handles(objects, &token->objects))
        return false;
    changed = !cs_objects_equal(objects, &token->objects);
    cs_objects_deinit(&token->objects);
    token->objects = *objects;
    *objects = (struct cs_objects){0};
    return changed;
}

/* There is no picture before the first that it could be like, so the agent is told while it is
 * read. */
static void begin_first(struct cs_token *token)
{
    pthread_mutex_lock(&token->lock);
    if (!token->reported && token->objects.n == 0)
        begin_picture(token, &token->first); /* if not, it is told at the end */
    pthread_mutex_unlock(&token->lock);
}

static void found(void *user, const struct cs_object *object)
{
    struct cs_token *token = user;

    if (token->first.begun)
        cs_picture_add(&token->first, object);
}

/* One pass with one session. */
static CK_RV read_once(
    struct cs_token *token, bool fresh, struct cs_objects *objects, CK_SESSION_INFO *info)
{
    CK_SESSION_HANDLE session;
    CK_RV rv = cs_session_take(&token->sessions, fresh, &session);

    if (rv != CKR_OK)
        return rv;
    begin_first(token);
    pthread_rwlock_rdlock(&token->calls);
    rv = CS_MODULE_CALL(token->module, C_GetSessionInfo(session, info));
    if (rv == CKR_OK)
        rv = cs_objects_read(token->module, session, cs_token_name(token), found, token, objects);
    pthread_rwlock_unlock(&token->calls);
    if (rv != CKR_OK)
        cs_picture_drop(&token->first);
    cs_session_give(&token->sessions, session, rv);
    return rv;
}

static bool is_user_state(CK_STATE state)
{
    return state == CKS_RO_USER_FUNCTIONS || state == CKS_RW_USER_FUNCTIONS;
}

/* False if a login came meanwhile, of which the reading knows nothing. */
static bool take_reading(struct cs_token *token, unsigned n_unlocked, struct cs_objects *objects,
    const CK_SESSION_INFO *info)
{
    bool valid, lost, changed, replaced;

    pthread_mutex_lock(&token->lock);
    replaced = token->objects.n > 0;
    valid = token->n_unlocked == n_unlocked;
    lost = valid && token->logged_in && !is_user_state(info->state);
    if (lost) {
        lose_login(token);
        set_why(token, cs_bytes_of(LOGIN_ENDED));
    }
    changed = valid && take_objects(token, objects);
    if (changed || (valid && (!token->reported || token->behind)))
        report_picture(token);
    else if (lost)
        report_state(token);
    pthread_mutex_unlock(&token->lock);
    if (!valid)
        cs_picture_drop(&token->first);
    cs_objects_deinit(objects);
    /* What lay between the module's own is else kept for objects to come, and none may. */
    if (changed && replaced)
        malloc_trim(0);
    return valid;
}

int cs_token_read(struct cs_token *token, bool fresh, struct cs_failure *failure)
{
    struct cs_objects objects = {0};
    CK_SESSION_INFO info;
    unsigned n_unlocked;
    CK_RV rv;

    pthread_mutex_lock(&token->reading);
    do {
        n_unlocked = cs_token_count_unlocked(token);
        rv = read_once(token, fresh, &objects, &info);
        if (cs_ckr_is_stale(rv) && !fresh)
            rv = read_once(token, true, &objects, &info);
    } while (rv == CKR_OK && !take_reading(token, n_unlocked, &objects, &info));
    if (rv == CKR_OK && token->behind)
        rv = CKR_HOST_MEMORY;
    pthread_mutex_unlock(&token->reading);
    return rv == CKR_OK ? 0 : cs_ckr_fail(failure, rv, cs_token_name(token));
}

bool cs_token_is_stale(struct cs_token *token)
{
    CK_SESSION_HANDLE session;
    CK_SESSION_INFO info;
    bool logged_in;
    CK_RV rv;

    pthread_mutex_lock(&token->lock);
    logged_in = token->logged_in;
    pthread_mutex_unlock(&token->lock);
    if (pthread_rwlock_tryrdlock(&token->calls) != 0)
        return false;
    if (!cs_session_take_idle(&token->sessions, &session)) {
        pthread_rwlock_unlock(&token->calls);
        return false;
    }
    rv = CS_MODULE_CALL(token->module, C_GetSessionInfo(session, &info));
    pthread_rwlock_unlock(&token->calls);
    cs_session_give(&token->sessions, session, rv);
    return cs_ckr_is_stale(rv) || (rv == CKR_OK && logged_in && !is_user_state(info.state));
}

/* A PIN belongs to one token, not to a slot. */
CK_RV cs_token_see(const struct cs_token *token, CK_TOKEN_INFO *info)
{
    CK_RV rv = cs_token_info_get(token->module, token->slot, info);

    if (rv == CKR_OK && (!cs_token_info_is(&token->info, info) || is_gone(token)))
        return CKR_TOKEN_NOT_PRESENT;
    return rv;
}

CK_RV cs_token_refresh_info_here(struct cs_token *token, CK_FLAGS *flagsp)
{
    CK_TOKEN_INFO info;
    CK_RV rv = cs_token_see(token, &info);

    if (rv != CKR_OK)
        return rv;
    cs_token_take_flags(token, info.flags);
    *flagsp = info.flags;
    return CKR_OK;
}

CK_RV cs_token_refresh_info(struct cs_token *token, CK_FLAGS *flagsp)
{
    CK_RV rv;

    /* Another's signature may be at the step where it wants no call in between. */
    pthread_rwlock_rdlock(&token->calls);
    rv = cs_token_refresh_info_here(token, flagsp);
    pthread_rwlock_unlock(&token->calls);
    return rv;
}

void cs_token_take_flags(struct cs_token *token, CK_FLAGS flags)
{
    pthread_mutex_lock(&token->lock);
    if (token->info.flags != flags) {
        token->info.flags = flags;
        report_state(token);
    }
    pthread_mutex_unlock(&token->lock);
}

int cs_token_check_unlocked(struct cs_token *token, struct cs_failure *failure)
{
    bool locked;

    pthread_mutex_lock(&token->lock);
    locked = !(wire_flags(token) & CS_TOKEN_UNLOCKED);
    if (locked && token->since == 0)
        cs_fail(&failure->fault, CS_ERR_LOCKED, "token '%s' is locked: run '%s'",
            cs_token_name(token), cs_token_unlock(token));
    else if (locked)
        cs_fail(&failure->fault, CS_ERR_LOCKED, "token '%s' is locked (%s): run '%s'",
            cs_token_name(token), token->why, cs_token_unlock(token));
    pthread_mutex_unlock(&token->lock);
    return locked ? CS_ERR_LOCKED : 0;
}

bool cs_token_wants_login(struct cs_token *token)
{
    bool wants;

    pthread_mutex_lock(&token->lock);
    wants = (token->info.flags & CKF_LOGIN_REQUIRED) && !token->logged_in;
    pthread_mutex_unlock(&token->lock);
    return wants;
}

void cs_token_set_unlocked(struct cs_token *token)
{
    pthread_mutex_lock(&token->lock);
    token->logged_in = token->info.flags & CKF_LOGIN_REQUIRED;
    token->held = false;
    token->n_unlocked++;
    set_why(token, (struct cs_bytes){0});
    cs_refused_clear(&token->refused);
    report_state(token);
    pthread_mutex_unlock(&token->lock);
}

unsigned cs_token_count_unlocked(struct cs_token *token)
{
    unsigned n;

    pthread_mutex_lock(&token->lock);
    n = token->n_unlocked;
    pthread_mutex_unlock(&token->lock);
    return n;
}

void cs_token_lose_login(struct cs_token *token, unsigned n_unlocked)
{
    pthread_mutex_lock(&token->lock);
    if (token->n_unlocked == n_unlocked) {
        lose_login(token);
        set_why(token, cs_bytes_of(LOGIN_ENDED));
        report_state(token);
    }
    pthread_mutex_unlock(&token->lock);
}

void cs_token_set_locked(struct cs_token *token, bool hold, struct cs_bytes why)
{
    pthread_mutex_lock(&token->lock);
    lose_login(token);
    token->held |= hold;
    set_why(token, why);
    report_state(token);
    pthread_mutex_unlock(&token->lock);
}

void cs_token_hold(struct cs_token *token)
{
    pthread_mutex_lock(&token->lock);
    if (!token->held && !token->logged_in) {
        token->held = true;
        report_state(token);
    }
    pthread_mutex_unlock(&token->lock);
}

void cs_token_report_state(struct cs_token *token)
{
    pthread_mutex_lock(&token->lock);
    report_state(token);
    pthread_mutex_unlock(&token->lock);
}

void cs_token_report_gone(struct cs_token *token)
{
    uint8_t room[64];
    struct cs_buf buf = CS_BUF_IN(room);
    size_t frame = cs_frame_begin(&buf, CS_HOST_TOKEN_GONE, 0);

    cs_host_number_put(&buf, token->number);
    cs_frame_end(&buf, frame);
    pthread_mutex_lock(&token->lock);
    if (token->reported && !is_gone(token))
        cs_link_send(token->link, &buf);
    __atomic_store_n(&token->gone, true, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&token->lock);
}

int cs_token_explain_gone(const struct cs_token *token, int r, struct cs_failure *failure)
{
    if (r != CS_ERR_CANCELLED || !is_gone(token))
        return r;
    *failure = (struct cs_failure){0};
    return cs_ckr_fail(failure, CKR_DEVICE_REMOVED, cs_token_name(token));
}
