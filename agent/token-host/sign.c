/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures. A warm one finds its pair, takes an idle session and makes two calls, C_SignInit and
 * C_Sign. A cold one goes through the candidates for the key and believes the first whose
 * signature verifies. When a handle turns out to be dead, the token is read again and all is
 * tried once more, never twice.
 *
 * A key with CKA_ALWAYS_AUTHENTICATE needs its PIN between the two calls and nothing else in
 * between. The PIN is got first, on a thread of its own.
 */
#include "token-host/sign.h"
#include "base/log.h"
#include "token-host/health.h"
#include "token-host/keypad.h"
#include "token-host/mechanism.h"
#include "token-host/public-key.h"
#include "token-host/sign-pin.h"

#include <countersign/error.h>

#define SIGNATURE_MAX 2048 /* RSA keys up to 16384 bits */

struct signing {
    struct cs_job job;
    struct cs_host *host;
    uint32_t id;
    struct cs_buf body;
    struct cs_host_sign_request m; /* borrows from body */
    const struct cs_scheme *scheme;
    struct cs_token *token;
    struct cs_sign_pin pin; /* for a key that wants it every time */
    bool may_wait;          /* on a thread of its own */
    unsigned answered;      /* nobody waits any more; the reader does */
    struct cs_cancel cancel;
    unsigned n_unlocked; /* before the module was called */
    bool begun;          /* C_SignInit went well */
    CK_RV rv;            /* the module's last code; CKR_OK if a failure is not its doing */
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len;
};

/* Beside the errors: the work goes on, on a thread that may wait. */
#define MOVED 1

static void signing_free(struct signing *signing)
{
    if (!signing)
        return;
    if (signing->cancel.fd >= 0)
        cs_cancel_end(&signing->host->cancels, &signing->cancel);
    cs_sign_pin_deinit(&signing->pin);
    cs_token_unref(signing->token);
    cs_buf_deinit(&signing->body);
    free(signing);
}
CS_DEFINE_CLEANUP(struct signing *, signing_free);

/* Between SignInit and Sign. A null PIN: it is entered on the reader. */
static CK_RV authenticate(struct signing *signing, CK_SESSION_HANDLE session)
{
    struct cs_secret *pin = signing->pin.secret;
    CK_UTF8CHAR *data = pin ? (CK_UTF8CHAR *)cs_secret_data(pin) : NULL;

    return CS_MODULE_CALL(signing->token->module,
        C_Login(session, CKU_CONTEXT_SPECIFIC, data, pin ? cs_secret_len(pin) : 0));
}

static CK_RV sign_in_session(struct signing *signing, CK_SESSION_HANDLE session,
    const struct cs_key *key, struct cs_mechanism *mechanism)
{
    struct cs_module *module = signing->token->module;
    CK_ULONG len = sizeof(signing->signature);
    CK_RV rv, login = CKR_OK;

    rv = CS_MODULE_CALL(module, C_SignInit(session, &mechanism->ck, key->handle));
    signing->begun = rv == CKR_OK;
    if (rv != CKR_OK)
        return rv;
    if (key->always_authenticate)
        login = authenticate(signing, session);
    /* After a failed login too: C_Sign ends the operation, whatever it says. */
    rv = CS_MODULE_CALL(module, C_Sign(session, (CK_BYTE *)mechanism->input.data,
                                    mechanism->input.len, signing->signature, &len));
    signing->signature_len = len;
    return login != CKR_OK ? login : rv;
}

static void give_up_reader(void *arg, int code, const struct cs_failure *failure)
{
    struct signing *signing = arg;

    if (!__atomic_exchange_n(&signing->answered, 1, __ATOMIC_ACQ_REL))
        cs_link_failed(&signing->host->link, signing->id, code, failure);
}

/* One unbroken job: no other thread calls for this token, if the key wants its PIN in between. */
static int sign_alone(struct signing *signing, CK_SESSION_HANDLE session, const struct cs_key *key,
    struct cs_mechanism *mechanism, CK_RV *rvp, struct cs_failure *failure)
{
    struct cs_token *token = signing->token;
    struct cs_keypad keypad = {.configuration = &signing->host->configuration,
        .token = token,
        .purpose = CS_PROMPT_FOR_SIGNATURE,
        .program = signing->pin.asker.program,
        .key = signing->pin.asker.key,
        .environment = &signing->pin.asker.environment,
        .cancel_fd = signing->cancel.fd,
        .given_up = give_up_reader,
        .arg = signing};
    int r;

    pthread_rwlock_wrlock(&token->calls);
    cs_module_enter(token->module);
    r = cs_sign_pin_allow(&signing->pin, token, failure);
    *rvp = r < 0 ? failure->rv : CKR_FUNCTION_CANCELED;
    if (r == 0 && !signing->pin.at_reader) {
        *rvp = sign_in_session(signing, session, key, mechanism);
        cs_sign_pin_note(&signing->pin, token, *rvp);
    } else if (r == 0 && !cs_cancel_fired(&signing->cancel)) {
        cs_keypad_begin(&keypad);
        *rvp = sign_in_session(signing, session, key, mechanism);
        cs_keypad_end(&keypad);
    }
    cs_module_leave(token->module);
    pthread_rwlock_unlock(&token->calls);
    return r;
}

static CK_RV sign_among_others(struct signing *signing, CK_SESSION_HANDLE session,
    const struct cs_key *key, struct cs_mechanism *mechanism)
{
    struct cs_token *token = signing->token;
    CK_RV rv;

    pthread_rwlock_rdlock(&token->calls);
    rv = sign_in_session(signing, session, key, mechanism);
    pthread_rwlock_unlock(&token->calls);
    return rv;
}

static int explain(struct signing *signing, CK_RV rv, struct cs_failure *failure)
{
    struct cs_token *token = signing->token;
    int r;

    signing->rv = rv;
    if (rv == CKR_USER_NOT_LOGGED_IN && !signing->begun) {
        cs_token_lose_login(token, signing->n_unlocked);
        r = cs_token_check_unlocked(token, failure);
        if (r < 0)
            return r;
    }
    if (!cs_ckr_is_refused(rv))
        return cs_ckr_fail(failure, rv, cs_token_name(token));
    return cs_sign_pin_refused(&signing->pin, token, rv, failure);
}

static int call_token(struct signing *signing, const struct cs_key *key, bool fresh,
    struct cs_mechanism *mechanism, CK_RV *rvp, struct cs_failure *failure)
{
    struct cs_sessions *sessions = &signing->token->sessions;
    CK_SESSION_HANDLE session;
    int r = 0;

    *rvp = cs_session_take(sessions, fresh, &session);
    if (*rvp != CKR_OK)
        return 0;
    if (key->always_authenticate)
        r = sign_alone(signing, session, key, mechanism, rvp, failure);
    else
        *rvp = sign_among_others(signing, session, key, mechanism);
    cs_session_give(sessions, session, *rvp);
    return r;
}

static int call_token_by(struct signing *signing, const struct cs_key *key, bool fresh, bool padded,
    CK_RV *rvp, struct cs_failure *failure)
{
    struct cs_mechanism mechanism;
    int r = (padded ? cs_mechanism_init_padded : cs_mechanism_init)(
        &mechanism, signing->scheme, key->bits, signing->m.data, failure);

    return r < 0 ? r : call_token(signing, key, fresh, &mechanism, rvp, failure);
}

/* Token or key do not know the mechanism, and may know the other of which PSS can be made. */
static bool knows_not(const struct signing *signing, CK_RV rv)
{
    return !signing->begun && (rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID);
}

/* What went well for one key is tried first with the next: mostly they are alike. */
static int call_token_for_pss(struct signing *signing, const struct cs_key *key, bool fresh,
    CK_RV *rvp, struct cs_failure *failure)
{
    bool *lacks = &signing->token->lacks_pss, padded = __atomic_load_n(lacks, __ATOMIC_RELAXED);
    int r = call_token_by(signing, key, fresh, padded, rvp, failure);

    if (r < 0 || !knows_not(signing, *rvp))
        return r;
    r = call_token_by(signing, key, fresh, !padded, rvp, failure);
    if (r == 0 && *rvp == CKR_OK)
        __atomic_store_n(lacks, !padded, __ATOMIC_RELAXED);
    return r;
}

/* One signature with one key. */
static int sign_with(
    struct signing *signing, const struct cs_key *key, bool fresh, struct cs_failure *failure)
{
    CK_RV rv = CKR_OK;
    int r = signing->scheme->padding == CS_PADDING_PSS
                ? call_token_for_pss(signing, key, fresh, &rv, failure)
                : call_token_by(signing, key, fresh, false, &rv, failure);

    if (r < 0) {
        signing->rv = rv;
        return r;
    }
    if (rv != CKR_OK)
        return explain(signing, rv, failure);
    signing->rv = CKR_OK;
    r = cs_mechanism_finish(
        signing->scheme, signing->signature, sizeof(signing->signature), &signing->signature_len);
    if (r < 0)
        return cs_fail(&failure->fault, r, "token '%s' gave a signature that is none",
            cs_token_name(signing->token));
    return 0;
}

static int check_scheme(
    const struct signing *signing, const struct cs_key *key, struct cs_failure *failure)
{
    if (cs_scheme_fits(signing->scheme, (enum cs_key_type)key->type, key->bits))
        return 0;
    return cs_fail(&failure->fault, CS_ERR_SCHEME,
        "a key of type %s with %u bits cannot sign in %s",
        cs_key_type_name((enum cs_key_type)key->type), (unsigned)key->bits, signing->scheme->name);
}

static void run_signing(struct cs_job *job);

/* Sees to the PIN of a key that wants it for every signature. */
static int prepare_key(
    struct signing *signing, const struct cs_key *key, struct cs_failure *failure)
{
    int r = check_scheme(signing, key, failure);

    if (r < 0 || !key->always_authenticate || signing->pin.ready)
        return r;
    if (!signing->may_wait) {
        r = cs_cancel_begin(&signing->host->cancels, &signing->cancel, signing->token, signing->id);
        if (r < 0)
            return r;
        signing->may_wait = true;
        r = cs_workers_run_long(&signing->host->workers, &signing->job);
        return r < 0 ? r : MOVED;
    }
    return cs_sign_pin_get(
        &signing->pin, signing->host, signing->token, &signing->m, signing->cancel.fd, failure);
}

static int verify(struct signing *signing, EVP_PKEY *public, struct cs_failure *failure)
{
    if (cs_public_key_verify(public, signing->scheme, signing->m.data,
            CS_BYTES(signing->signature, signing->signature_len)))
        return 0;
    return cs_fail(&failure->fault, CS_ERR_KEY_MISMATCH,
        "token '%s': the private key does not belong to the certificate or public key that goes by "
        "the same name",
        cs_token_name(signing->token));
}

static int remember(struct signing *signing, const struct cs_key *key)
{
    struct cs_token *token = signing->token;
    int r;

    pthread_mutex_lock(&token->lock);
    r = cs_pairs_add(&token->pairs, signing->m.spki, signing->m.cka_id, key);
    pthread_mutex_unlock(&token->lock);
    return r;
}

static bool ends_the_search(const struct signing *signing, int r)
{
    return r == 0 || r == MOVED || r == CS_ERR_LOCKED || r == CS_ERR_CANCELLED ||
           r == CS_ERR_TIMEOUT || r == CS_ERR_PIN_INCORRECT || r == CS_ERR_PIN_BLOCKED ||
           r == CS_ERR_PIN_FINAL_TRY || cs_ckr_is_stale(signing->rv);
}

/* Tries keys until one proves to be the right one. */
static int sign_with_first(struct signing *signing, const struct cs_key *keys, size_t n, bool fresh,
    struct cs_failure *failure)
{
    CS_AUTO(EVP_PKEY_freep) EVP_PKEY *public = cs_public_key_of_spki(signing->m.spki);
    int r = CS_ERR_INVALID;

    for (size_t i = 0; public && i < n; i++) {
        r = prepare_key(signing, &keys[i], failure);
        if (r == 0)
            r = sign_with(signing, &keys[i], fresh, failure);
        if (r == 0)
            r = verify(signing, public, failure);
        if (r == 0)
            return remember(signing, &keys[i]);
        if (ends_the_search(signing, r))
            break;
    }
    return r;
}

static int explain_no_key(struct signing *signing, int r, struct cs_failure *failure)
{
    const char *name = cs_token_name(signing->token);

    if (r == CS_ERR_INVALID)
        return cs_fail(&failure->fault, r, "the public key to sign for is not one");
    if (r == CS_ERR_KEY_MISMATCH)
        return cs_fail(&failure->fault, r,
            "token '%s': the private key with the id of this certificate belongs to another public "
            "key",
            name);
    return cs_fail(&failure->fault, CS_ERR_NOT_FOUND,
        "token '%s' has no private key for this certificate: 'countersign list' shows what it has",
        name);
}

static int sign_cold(struct signing *signing, bool fresh, struct cs_failure *failure)
{
    struct cs_token *token = signing->token;
    struct cs_key keys[CS_KEY_CANDIDATES_MAX];
    size_t n = 0;
    int r;

    pthread_mutex_lock(&token->lock);
    r = cs_key_candidates(&token->objects, signing->m.spki, signing->m.cka_id, keys, &n);
    pthread_mutex_unlock(&token->lock);
    if (r < 0 || n == 0)
        return explain_no_key(signing, r, failure);
    return sign_with_first(signing, keys, n, fresh, failure);
}

static int try_to_sign(struct signing *signing, bool fresh, struct cs_failure *failure)
{
    struct cs_token *token = signing->token;
    struct cs_key key;
    bool warm;
    int r;

    signing->rv = CKR_OK;
    signing->n_unlocked = cs_token_count_unlocked(token);
    r = cs_token_check_unlocked(token, failure);
    if (r < 0)
        return r;
    pthread_mutex_lock(&token->lock);
    warm = cs_pairs_find(&token->pairs, signing->m.spki, signing->m.cka_id, &key);
    pthread_mutex_unlock(&token->lock);
    if (!warm)
        return sign_cold(signing, fresh, failure);
    r = prepare_key(signing, &key, failure);
    return r != 0 ? r : sign_with(signing, &key, fresh, failure);
}

static int sign_once(struct signing *signing, bool fresh, struct cs_failure *failure)
{
    int r;

    do
        r = try_to_sign(signing, fresh, failure);
    while (r == CS_ERR_PIN_INCORRECT && cs_sign_pin_may_ask_again(&signing->pin));
    return r;
}

/* A key that is not there may have come since the token was read, and a login since the module was
 * called. */
static bool worth_another_try(const struct signing *signing, int r)
{
    return cs_ckr_is_stale(signing->rv) || r == CS_ERR_NOT_FOUND || r == CS_ERR_KEY_MISMATCH ||
           (signing->rv == CKR_USER_NOT_LOGGED_IN && !cs_token_wants_login(signing->token));
}

/* How often the token was locked; the time that is about to be may be counted already. */
static unsigned count_locked(const struct signing *signing, bool leaving)
{
    struct cs_token *token = signing->token;
    unsigned n;

    pthread_mutex_lock(&token->lock);
    n = token->n_locked + (leaving && token->leaving);
    pthread_mutex_unlock(&token->lock);
    return n;
}

/* A key that was not to be found while the token was locked, and perhaps unlocked again, is no key
 * that is not there. */
static int explain_missing(
    const struct signing *signing, unsigned locked_before, int r, struct cs_failure *failure)
{
    if ((r != CS_ERR_NOT_FOUND && r != CS_ERR_KEY_MISMATCH) ||
        count_locked(signing, true) == locked_before)
        return r;
    *failure = (struct cs_failure){0};
    return cs_fail(&failure->fault, CS_ERR_LOCKED, "token '%s' was locked meanwhile: run '%s'",
        cs_token_name(signing->token), cs_token_unlock(signing->token));
}

static int sign(struct signing *signing, struct cs_failure *failure)
{
    unsigned locked_before = count_locked(signing, false);
    struct cs_failure reading = {0};
    int r = sign_once(signing, false, failure), r2;

    if (r >= 0 || !worth_another_try(signing, r))
        return r;
    cs_debug("%s: reading the token again", cs_fault_text(&failure->fault, r));
    r2 = cs_token_read(signing->token, true, &reading);
    if (r2 < 0) {
        signing->rv = reading.rv;
        *failure = reading;
        return r2;
    }
    r = sign_once(signing, true, failure);
    return explain_missing(signing, locked_before, r, failure);
}

static void run_signing(struct cs_job *job)
{
    CS_AUTO(signing_freep) struct signing *signing = (struct signing *)job;
    struct cs_failure failure = {0};
    int r = sign(signing, &failure);

    if (r == MOVED) {
        cs_steal(&signing);
        return;
    }
    if (r == 0 || signing->rv != CKR_OK)
        cs_health_note(signing->token, r == 0 ? CKR_OK : signing->rv);
    r = cs_token_explain_gone(signing->token, r, &failure);
    if (__atomic_exchange_n(&signing->answered, 1, __ATOMIC_ACQ_REL))
        return;
    if (r < 0) {
        cs_info("no signature: %s", cs_fault_text(&failure.fault, r));
        cs_link_failed(&signing->host->link, signing->id, r, &failure);
        /* The agent learns that the token went, and whether it came back as another. */
        if (r == CS_ERR_TOKEN_ABSENT && signing->rv != CKR_OK)
            cs_slots_scan(&signing->host->slots, &failure);
        return;
    }
    cs_link_signed(
        &signing->host->link, signing->id, CS_BYTES(signing->signature, signing->signature_len));
}

static int signing_fill(struct signing *signing, struct cs_bytes body, struct cs_failure *failure)
{
    int r;

    cs_buf_put(&signing->body, body.data, body.len);
    if (signing->body.error)
        return signing->body.error;
    r = cs_host_sign_get(cs_buf_bytes(&signing->body), &signing->m);
    if (r < 0)
        return r;
    signing->scheme = cs_scheme_by_code(signing->m.scheme);
    if (!signing->scheme)
        return cs_fail(&failure->fault, CS_ERR_SCHEME, "signature scheme 0x%04x is not known",
            (unsigned)signing->m.scheme);
    signing->token = cs_slots_get(&signing->host->slots, signing->m.slot);
    if (!signing->token)
        return cs_fail(&failure->fault, CS_ERR_TOKEN_ABSENT, "the token is not there any more");
    cs_token_set_by_serial(signing->token, signing->m.by_serial);
    return 0;
}

void cs_sign_start(struct cs_host *host, uint32_t id, struct cs_bytes body)
{
    CS_AUTO(signing_freep) struct signing *signing = malloc(sizeof(*signing));
    struct cs_failure failure = {0};
    int r = CS_ERR_MEMORY;

    if (signing) {
        *signing = (struct signing){.job = {.run = run_signing, .id = id},
            .host = host,
            .id = id,
            .cancel = {.fd = -1},
            .body = CS_BUF_INIT(body.len)};
        r = signing_fill(signing, body, &failure);
    }
    if (r < 0)
        cs_link_failed(&host->link, id, r, &failure);
    else
        cs_workers_add(&host->workers, &cs_steal(&signing)->job);
}

bool cs_sign_withdraw(struct cs_host *host, uint32_t id)
{
    CS_AUTO(signing_freep)
    struct signing *signing = (struct signing *)cs_workers_withdraw(&host->workers, id);

    if (signing)
        cs_link_failed(&host->link, id, CS_ERR_CANCELLED, NULL);
    return signing;
}
