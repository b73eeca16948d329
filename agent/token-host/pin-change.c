/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The change of a PIN, on a thread of its own: the present one and the new one are got first, from
 * descriptors or from a person, and then go to the token in one call, in a session that may write.
 * No login comes of it and none ends. Called by request.c.
 */
#include "token-host/pin-change.h"
#include "base/log.h"
#include "token-host/entry.h"
#include "token-host/keypad.h"
#include "token-host/pin.h"

#include <countersign/error.h>

#define FD_TIMEOUT_MS 30000
#define PRESENT_PIN "the present PIN"

struct change {
    struct cs_job job;
    struct cs_host *host;
    uint32_t id;
    struct cs_token *token;
    struct cs_buf body;
    struct cs_host_login_request m; /* borrows from body */
    int fd, new_fd;                 /* -1: a person is asked */
    struct cs_cancel cancel;
    uint32_t min, max;             /* of a PIN's length, as the token says; 0 if it does not */
    struct cs_pin_request request; /* for the present one */
    struct cs_secret *pin, *new_pin;
    unsigned answered; /* nobody waits any more; the reader does */
};

static void change_free(struct change *change)
{
    if (!change)
        return;
    if (change->cancel.fd >= 0)
        cs_cancel_end(&change->host->cancels, &change->cancel);
    cs_closep(&change->fd);
    cs_closep(&change->new_fd);
    cs_secret_free(change->pin);
    cs_secret_free(change->new_pin);
    cs_token_unref(change->token);
    cs_buf_deinit(&change->body);
    free(change);
}
CS_DEFINE_CLEANUP(struct change *, change_free);

/* Null PINs: they are entered on the reader. */
static CK_RV call(struct change *change)
{
    struct cs_token *token = change->token;
    struct cs_secret *old = change->pin, *new = change->new_pin;
    CK_UTF8CHAR *old_data = old ? (CK_UTF8CHAR *)cs_secret_data(old) : NULL;
    CK_UTF8CHAR *new_data = new ? (CK_UTF8CHAR *)cs_secret_data(new) : NULL;
    CK_ULONG old_len = old ? cs_secret_len(old) : 0, new_len = new ? cs_secret_len(new) : 0;
    CK_SESSION_HANDLE session;
    CK_RV rv = cs_cancel_fired(&change->cancel) ? CKR_FUNCTION_CANCELED
                                                : cs_session_open(token, CKF_RW_SESSION, &session);

    if (rv == CKR_OK) {
        rv = CS_MODULE_CALL(token->module, C_SetPIN(session, old_data, old_len, new_data, new_len));
        CS_MODULE_CALL(token->module, C_CloseSession(session));
    }
    return rv;
}

/* What a token says of the new PIN. */
static bool is_about_new_pin(CK_RV rv)
{
    return rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID || rv == CKR_PIN_TOO_WEAK;
}

/* *rvp is what the token says of it, unless it is not to be asked any more: then less than 0. */
static int set_pin(struct change *change, CK_RV *rvp, struct cs_failure *failure)
{
    struct cs_token *token = change->token;
    const struct cs_entry entry = {.token = token,
        .pin = change->pin,
        .origin = PRESENT_PIN,
        .force = change->request.force,
        .resend = change->request.resend};
    int r;

    pthread_mutex_lock(&token->entering);
    if (change->pin)
        cs_token_stop_calls(token);
    else
        pthread_rwlock_rdlock(&token->calls);
    r = cs_entry_allow(&entry, failure);
    if (r == 0)
        *rvp = call(change);
    if (r == 0 && !is_about_new_pin(*rvp))
        cs_entry_note(&entry, *rvp);
    pthread_rwlock_unlock(&token->calls);
    pthread_mutex_unlock(&token->entering);
    return r;
}

static int fail_length(const struct change *change, struct cs_failure *failure)
{
    if (change->max == 0)
        return cs_fail(&failure->fault, CS_ERR_INVALID, "token '%s': the new PIN is empty",
            cs_token_name(change->token));
    return cs_fail(&failure->fault, CS_ERR_INVALID,
        "token '%s': the new PIN must have %u to %u characters", cs_token_name(change->token),
        change->min, change->max);
}

static int explain(struct change *change, CK_RV rv, struct cs_failure *failure)
{
    struct cs_token *token = change->token;

    failure->rv = rv;
    if (rv == CKR_PIN_LEN_RANGE && change->max > 0)
        return fail_length(change, failure);
    if (is_about_new_pin(rv))
        return cs_fail(&failure->fault, CS_ERR_INVALID,
            "token '%s' does not take the new PIN: choose another one (%s)", cs_token_name(token),
            cs_ckr_name(rv));
    if (!cs_ckr_is_refused(rv))
        return cs_ckr_fail(failure, rv, cs_token_name(token));
    return cs_entry_refused(token, change->pin, rv, PRESENT_PIN, failure);
}

static void give_up_reader(void *arg, int code, const struct cs_failure *failure)
{
    struct change *change = arg;

    if (__atomic_exchange_n(&change->answered, 1, __ATOMIC_ACQ_REL))
        return;
    cs_cancel_fire(&change->cancel);
    cs_link_failed(&change->host->link, change->id, code, failure);
}

static int change_at_reader(struct change *change, struct cs_failure *failure)
{
    struct cs_keypad keypad = {.configuration = &change->host->configuration,
        .token = change->token,
        .purpose = CS_PROMPT_FOR_CHANGE,
        .program = change->m.program,
        .environment = &change->m.environment,
        .cancel_fd = change->cancel.fd,
        .given_up = give_up_reader,
        .arg = change};
    CK_RV rv = CKR_GENERAL_ERROR;
    int r;

    if (change->fd >= 0)
        return cs_fail(&failure->fault, CS_ERR_INVALID,
            "token '%s': its PIN is changed on the reader's keypad, not by a program",
            cs_token_name(change->token));
    cs_keypad_begin(&keypad);
    r = set_pin(change, &rv, failure);
    cs_keypad_end(&keypad);
    return r < 0 || rv == CKR_OK ? r : explain(change, rv, failure);
}

static int get_pin(struct change *change, struct cs_failure *failure)
{
    if (change->fd >= 0)
        return cs_pin_read(&change->request, change->fd, change->pin, failure);
    if (change->request.configuration->m.prompt_program.len > 0)
        return cs_pin_get(&change->request, change->pin, failure);
    return cs_fail(&failure->fault, CS_ERR_LOCKED,
        "nobody can be asked for the PIN of token '%s': run 'countersign pin change' with --pin-fd "
        "and --new-pin-fd",
        cs_token_name(change->token));
}

static int get_new_pin(struct change *change, struct cs_failure *failure)
{
    struct cs_pin_request request = change->request;
    int r;

    if (change->new_fd < 0)
        return cs_pin_get_new(&request, change->min, change->max, change->new_pin, failure);
    r = cs_secret_read(change->new_pin, change->new_fd, change->cancel.fd, FD_TIMEOUT_MS);
    if (r < 0 && r != CS_ERR_TOO_LARGE)
        return cs_fail(&failure->fault, r, "token '%s': no new PIN came through the descriptor: %s",
            cs_token_name(change->token), cs_error_text(r));
    if (r < 0 || !cs_entry_fits(cs_secret_len(change->new_pin), change->min, change->max))
        return fail_length(change, failure);
    /* One that the token took, and that nobody could enter again. */
    if (!cs_pin_is_line(change->new_pin))
        return cs_fail(&failure->fault, CS_ERR_INVALID,
            "token '%s': the new PIN is more than a line of text, and was not sent",
            cs_token_name(change->token));
    return 0;
}

/* A person who enters a wrong present PIN is told so and asked for it again. */
static int change_with_pins(struct change *change, struct cs_failure *failure)
{
    CK_RV rv = CKR_GENERAL_ERROR;
    int r = get_pin(change, failure);

    if (r == 0)
        r = get_new_pin(change, failure);
    while (r == 0) {
        r = set_pin(change, &rv, failure);
        if (r < 0 || rv == CKR_OK)
            return r;
        r = explain(change, rv, failure);
        if (r != CS_ERR_PIN_INCORRECT || !cs_pin_may_ask_again(&change->request, rv))
            return r;
        r = get_pin(change, failure);
    }
    return r;
}

static uint32_t length_of(CK_ULONG len)
{
    return len == CK_UNAVAILABLE_INFORMATION ? 0
           : len > CS_SECRET_MAX             ? CS_SECRET_MAX
                                             : (uint32_t)len;
}

static int change_pin(struct change *change, struct cs_failure *failure)
{
    bool force = change->m.how & CS_HOST_LOGIN_FORCE;
    struct cs_token *token = change->token;
    CK_FLAGS flags;
    CK_RV rv = cs_token_refresh_info(token, &flags);
    int r;

    if (rv != CKR_OK)
        return cs_ckr_fail(failure, rv, cs_token_name(token));
    r = cs_entry_check(token, flags, force, failure);
    if (r < 0)
        return r;
    pthread_mutex_lock(&token->lock);
    change->max = length_of(token->info.ulMaxPinLen);
    change->min = change->max ? length_of(token->info.ulMinPinLen) : 0;
    pthread_mutex_unlock(&token->lock);
    change->request = (struct cs_pin_request){.configuration = &change->host->configuration,
        .token = token,
        .asker = &change->m,
        .flags = flags,
        .force = force,
        .resend = force,
        .purpose = CS_PROMPT_FOR_CHANGE,
        .cancel_fd = change->cancel.fd};
    if (flags & CKF_PROTECTED_AUTHENTICATION_PATH)
        return change_at_reader(change, failure);
    r = cs_secret_new(&change->pin);
    if (r == 0)
        r = cs_secret_new(&change->new_pin);
    return r < 0 ? r : change_with_pins(change, failure);
}

static void run_change(struct cs_job *job)
{
    CS_AUTO(change_freep) struct change *change = (struct change *)job;
    struct cs_token *token = change->token;
    struct cs_failure failure = {0};
    CK_FLAGS flags;
    int r = cs_token_explain_gone(token, change_pin(change, &failure), &failure);

    if (r == 0) {
        /* What was refused before may be the new one; and the counters are set back. */
        pthread_mutex_lock(&token->lock);
        cs_refused_clear(&token->refused);
        pthread_mutex_unlock(&token->lock);
        cs_token_refresh_info(token, &flags);
        cs_notice("token '%s' has a new PIN", cs_token_name(token));
    } else {
        cs_info("%s", cs_fault_text(&failure.fault, r));
    }
    if (__atomic_exchange_n(&change->answered, 1, __ATOMIC_ACQ_REL))
        return;
    if (r == 0)
        cs_link_done(&change->host->link, change->id);
    else
        cs_link_failed(&change->host->link, change->id, r, &failure);
}

static int change_fill(struct change *change, struct cs_bytes body, struct cs_failure *failure)
{
    int r;

    cs_buf_put(&change->body, body.data, body.len);
    if (change->body.error)
        return change->body.error;
    r = cs_host_login_get(cs_buf_bytes(&change->body), &change->m);
    if (r < 0)
        return r;
    if ((change->m.how & CS_HOST_LOGIN_FD) && change->new_fd < 0)
        return cs_fail(&failure->fault, CS_ERR_INVALID, "no descriptors came with the request");
    change->token = cs_slots_get(&change->host->slots, change->m.slot);
    if (!change->token)
        return cs_fail(&failure->fault, CS_ERR_TOKEN_ABSENT, "the token is not there any more");
    cs_token_set_by_serial(change->token, change->m.by_serial);
    return cs_cancel_begin(&change->host->cancels, &change->cancel, change->token, change->id);
}

void cs_pin_change_start(struct cs_host *host, uint32_t id, struct cs_bytes body)
{
    CS_AUTO(cs_closep) int fd = -1;
    CS_AUTO(cs_closep) int new_fd = -1;
    CS_AUTO(change_freep) struct change *change = NULL;
    struct cs_host_login_request m;
    struct cs_failure failure = {0};
    int r = CS_ERR_MEMORY;

    /* Descriptors come in the order of the messages that bring them. */
    if (cs_host_login_get(body, &m) == 0 && (m.how & CS_HOST_LOGIN_FD)) {
        fd = cs_link_take_fd(&host->link);
        new_fd = cs_link_take_fd(&host->link);
    }
    change = calloc(1, sizeof(*change));
    if (change) {
        *change = (struct change){.job = {.run = run_change},
            .host = host,
            .id = id,
            .fd = cs_steal_fd(&fd),
            .new_fd = cs_steal_fd(&new_fd),
            .cancel = {.fd = -1},
            .body = CS_BUF_INIT(body.len)};
        r = change_fill(change, body, &failure);
    }
    if (r == 0)
        r = cs_workers_run_long(&host->workers, &change->job);
    if (r < 0)
        cs_link_failed(&host->link, id, r, &failure);
    else
        cs_steal(&change);
}
