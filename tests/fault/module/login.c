/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins. SoftHSM judges every PIN but one: it has no answer to C_Login(CKU_CONTEXT_SPECIFIC) for a
 * key that it does not know to want one. So the salted hash of the PIN that last logged in is kept
 * here, and compared. PINs go to the log as their length and two bytes of such a hash: enough to
 * see that the same one came again.
 */
#include "login.h"

#include "keypad.h"
#include "module.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#define HASH_LEN 32
#define TOKENS_MAX 128

static struct known {
    CK_SLOT_ID real;
    bool set;
    unsigned char hash[HASH_LEN];
} known[TOKENS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void hash_pin(const unsigned char *pin, CK_ULONG len, unsigned char hash[HASH_LEN])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    memset(hash, 0, HASH_LEN);
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(context, fault_counter_salt(), FAULT_SALT_LEN) == 1 &&
        EVP_DigestUpdate(context, pin, len) == 1)
        EVP_DigestFinal_ex(context, hash, NULL);
    EVP_MD_CTX_free(context);
}

static void note_pin(
    struct fault_call *call, const char *name, const unsigned char *pin, CK_ULONG len)
{
    unsigned char hash[HASH_LEN];

    if (!pin) {
        fault_call_note(call, " %s=null", name);
        return;
    }
    hash_pin(pin, len, hash);
    fault_call_note(call, " %s=%lu:%02x%02x", name, len, hash[0], hash[1]);
}

/* The place of what is known of the token's PIN. Called with the lock held. */
static struct known *known_of(CK_SLOT_ID real)
{
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        if (!known[i].set || known[i].real == real)
            return &known[i];
    }
    return NULL;
}

static void remember_pin(CK_SLOT_ID real, const unsigned char *pin, CK_ULONG len)
{
    struct known *place;

    pthread_mutex_lock(&lock);
    place = known_of(real);
    if (place) {
        place->real = real;
        place->set = true;
        hash_pin(pin, len, place->hash);
    }
    pthread_mutex_unlock(&lock);
}

static CK_RV compare_pin(CK_SLOT_ID real, const unsigned char *pin, CK_ULONG len)
{
    CK_RV rv = CKR_USER_NOT_LOGGED_IN;
    unsigned char hash[HASH_LEN];
    const struct known *place;

    hash_pin(pin, len, hash);
    pthread_mutex_lock(&lock);
    place = known_of(real);
    if (place && place->set)
        rv = memcmp(place->hash, hash, HASH_LEN) == 0 ? CKR_OK : CKR_PIN_INCORRECT;
    pthread_mutex_unlock(&lock);
    return rv;
}

void fault_login_forget(void)
{
    memset(known, 0, sizeof(known));
}

/* The count of wrong PINs, or NULL where they are not counted. */
static _Atomic uint32_t *wrong_of(const struct fault_slot *slot, bool so, CK_ULONG *triesp)
{
    *triesp = so ? slot->spec.so_tries : slot->spec.tries;
    if (!slot->tries || !*triesp)
        return NULL;
    return so ? &slot->tries->wrong_so : &slot->tries->wrong_user;
}

static bool is_locked(const struct fault_slot *slot, bool so)
{
    CK_ULONG tries;
    _Atomic uint32_t *wrong = wrong_of(slot, so, &tries);

    return wrong && *wrong >= tries;
}

static void count_pin(const struct fault_slot *slot, bool so, CK_RV rv)
{
    CK_ULONG tries;
    _Atomic uint32_t *wrong = wrong_of(slot, so, &tries);

    if (wrong && rv == CKR_OK)
        atomic_store(wrong, 0);
    else if (wrong && rv == CKR_PIN_INCORRECT)
        atomic_fetch_add(wrong, 1);
}

/* A PIN for one use of a key that asks for it. */
static CK_RV allow_job(struct fault_call *call, const unsigned char *pin, CK_ULONG len)
{
    struct fault_session *session = call->session;
    CK_RV rv;

    if (session->job == FAULT_JOB_FREE)
        return REAL(C_Login)(session->handle, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)pin, len);
    if (session->job != FAULT_JOB_ASKS)
        return CKR_OPERATION_NOT_INITIALIZED;
    rv = compare_pin(call->slot->real, pin, len);
    if (rv == CKR_OK)
        session->job = FAULT_JOB_ALLOWED;
    return rv;
}

static CK_RV judge(struct fault_call *call, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
    bool so = user == CKU_SO;
    CK_RV rv;

    if (is_locked(call->slot, so))
        return CKR_PIN_LOCKED;
    if (user == CKU_CONTEXT_SPECIFIC)
        rv = allow_job(call, pin, pin_len);
    else
        rv = REAL(C_Login)(call->session->handle, user, pin, pin_len);
    count_pin(call->slot, so, rv);
    if (rv == CKR_OK && user == CKU_USER)
        remember_pin(call->slot->real, pin, pin_len);
    return rv;
}

static const char *user_name(CK_USER_TYPE user)
{
    static const char *const names[] = {"SO", "USER", "CONTEXT_SPECIFIC"};

    return user < 3 ? names[user] : "unknown";
}

CK_RV fault_login(struct fault_call *call, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
    struct fault_pin typed;
    CK_RV rv;

    fault_call_note(call, " user=%s", user_name(user));
    note_pin(call, "pin", pin, pin_len);
    /* A login while a job waits for its own is a foreign call. */
    if (user != CKU_CONTEXT_SPECIFIC && call->session->job != FAULT_JOB_FREE)
        call->session->job = FAULT_JOB_BROKEN;
    if (!call->slot->spec.keypad)
        return pin ? judge(call, user, pin, pin_len) : CKR_ARGUMENTS_BAD;
    if (pin)
        return CKR_ARGUMENTS_BAD;
    if (is_locked(call->slot, user == CKU_SO))
        return CKR_PIN_LOCKED;
    rv = fault_keypad_read(call, &typed, NULL);
    if (rv == CKR_OK) {
        note_pin(call, "typed", typed.data, typed.len);
        rv = judge(call, user, typed.data, typed.len);
    }
    explicit_bzero(&typed, sizeof(typed));
    return rv;
}

static CK_RV change_pin(struct fault_call *call, CK_UTF8CHAR *old_pin, CK_ULONG old_len,
    CK_UTF8CHAR *new_pin, CK_ULONG new_len)
{
    CK_SESSION_INFO info = {0};
    bool so;
    CK_RV rv;

    REAL(C_GetSessionInfo)(call->session->handle, &info);
    so = info.state == CKS_RW_SO_FUNCTIONS;
    note_pin(call, "old", old_pin, old_len);
    note_pin(call, "new", new_pin, new_len);
    if (is_locked(call->slot, so))
        return CKR_PIN_LOCKED;
    rv = REAL(C_SetPIN)(call->session->handle, old_pin, old_len, new_pin, new_len);
    count_pin(call->slot, so, rv);
    if (rv == CKR_OK && !so)
        remember_pin(call->slot->real, new_pin, new_len);
    return rv;
}

CK_RV fault_login_set_pin(struct fault_call *call, CK_UTF8CHAR *old_pin, CK_ULONG old_len,
    CK_UTF8CHAR *new_pin, CK_ULONG new_len)
{
    struct fault_pin typed_old, typed_new;
    CK_RV rv;

    if (!call->slot->spec.keypad)
        return change_pin(call, old_pin, old_len, new_pin, new_len);
    if (old_pin || new_pin)
        return CKR_ARGUMENTS_BAD;
    rv = fault_keypad_read(call, &typed_old, &typed_new);
    if (rv == CKR_OK)
        rv = change_pin(call, typed_old.data, typed_old.len, typed_new.data, typed_new.len);
    explicit_bzero(&typed_old, sizeof(typed_old));
    explicit_bzero(&typed_new, sizeof(typed_new));
    return rv;
}

/* The SO gives the user a new PIN: the way out of a locked one. */
CK_RV fault_login_init_pin(struct fault_call *call, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
    CK_RV rv;

    note_pin(call, "new", pin, pin_len);
    rv = REAL(C_InitPIN)(call->session->handle, pin, pin_len);
    if (rv == CKR_OK)
        count_pin(call->slot, false, CKR_OK);
    return rv;
}

CK_RV fault_login_init_token(
    struct fault_call *call, CK_UTF8CHAR *pin, CK_ULONG pin_len, CK_UTF8CHAR *label)
{
    CK_RV rv;

    note_pin(call, "pin", pin, pin_len);
    if (is_locked(call->slot, true))
        return CKR_PIN_LOCKED;
    rv = REAL(C_InitToken)(call->slot->real, pin, pin_len, label);
    count_pin(call->slot, true, rv);
    if (rv == CKR_OK)
        count_pin(call->slot, false, CKR_OK);
    return rv;
}
