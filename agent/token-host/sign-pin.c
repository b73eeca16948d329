/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys with CKA_ALWAYS_AUTHENTICATE. The PIN is got before the job at the token begins, for that
 * must not be broken by waiting for a person; and it is gone with the signature. Called by sign.c.
 */
#include "token-host/sign-pin.h"
#include "prompt/prompt.h"
#include "token-host/entry.h"

#include <countersign/error.h>

void cs_sign_pin_deinit(struct cs_sign_pin *pin)
{
    cs_secret_free(pin->secret);
    cs_buf_deinit(&pin->body);
}

/* Whom to ask: who wants the signature; if that was not told, who asked for the login. */
static int get_asker(
    struct cs_sign_pin *pin, struct cs_token *token, const struct cs_host_sign_request *m)
{
    pin->asker = (struct cs_host_login_request){
        .program = m->program, .key = m->key, .environment = m->environment};
    if (m->program.len > 0)
        return 0;
    pin->body = CS_BUF_INIT(64 * 1024);
    pthread_mutex_lock(&token->lock);
    cs_buf_put(&pin->body, token->asker.data, token->asker.len);
    pthread_mutex_unlock(&token->lock);
    return pin->body.error ? pin->body.error
                           : cs_host_login_get(cs_buf_bytes(&pin->body), &pin->asker);
}

/* The token is unlocked, so insisting takes two steps. */
static int explain(const struct cs_token *token, int r, struct cs_failure *failure)
{
    if (r != CS_ERR_PIN_FINAL_TRY)
        return r;
    return cs_fail(&failure->fault, r,
        "token '%s': one more wrong PIN blocks it, and this key asks for it: if you are sure, run "
        "'countersign lock' and then '%s --force'",
        cs_token_name(token), cs_token_unlock(token));
}

static int begin(struct cs_sign_pin *pin, const struct cs_host *host, struct cs_token *token,
    const struct cs_host_sign_request *m, int cancel_fd, struct cs_failure *failure)
{
    CK_FLAGS flags;
    bool known;
    CK_RV rv;
    int r;

    rv = cs_token_refresh_info(token, &flags);
    if (rv != CKR_OK)
        return cs_ckr_fail(failure, rv, cs_token_name(token));
    r = explain(token, cs_entry_check(token, flags, false, failure), failure);
    if (r < 0)
        return r;
    known = get_asker(pin, token, m) == 0;
    pin->request = (struct cs_pin_request){.configuration = &host->configuration,
        .token = token,
        .asker = known ? &pin->asker : NULL,
        .flags = flags,
        .purpose = CS_PROMPT_FOR_SIGNATURE,
        .automatic = true,
        .cancel_fd = cancel_fd};
    pin->at_reader = flags & CKF_PROTECTED_AUTHENTICATION_PATH;
    pin->begun = true;
    return 0;
}

int cs_sign_pin_get(struct cs_sign_pin *pin, const struct cs_host *host, struct cs_token *token,
    const struct cs_host_sign_request *m, int cancel_fd, struct cs_failure *failure)
{
    CS_AUTO(cs_secret_freep) struct cs_secret *secret = NULL;
    int r = pin->begun ? 0 : begin(pin, host, token, m, cancel_fd, failure);

    if (r == 0 && !pin->at_reader)
        r = cs_secret_new(&secret);
    if (r == 0 && !pin->at_reader)
        r = cs_pin_get(&pin->request, secret, failure);
    if (r < 0)
        return r;
    pin->secret = cs_steal(&secret);
    pin->ready = true;
    return 0;
}

static struct cs_entry entry_of(const struct cs_sign_pin *pin, struct cs_token *token)
{
    return (struct cs_entry){.token = token, .pin = pin->secret, .origin = pin->request.origin};
}

int cs_sign_pin_allow(
    const struct cs_sign_pin *pin, struct cs_token *token, struct cs_failure *failure)
{
    const struct cs_entry entry = entry_of(pin, token);

    return explain(token, cs_entry_allow(&entry, failure), failure);
}

void cs_sign_pin_note(const struct cs_sign_pin *pin, struct cs_token *token, CK_RV rv)
{
    const struct cs_entry entry = entry_of(pin, token);

    cs_entry_note(&entry, rv);
}

int cs_sign_pin_refused(
    struct cs_sign_pin *pin, struct cs_token *token, CK_RV rv, struct cs_failure *failure)
{
    pin->refused = rv;
    return cs_entry_refused(
        token, pin->secret, rv, pin->secret ? pin->request.origin : "the PIN", failure);
}

bool cs_sign_pin_may_ask_again(struct cs_sign_pin *pin)
{
    if (!pin->secret || pin->refused == CKR_OK ||
        !cs_pin_may_ask_again(&pin->request, pin->refused))
        return false;
    pin->refused = CKR_OK;
    cs_secret_free(cs_steal(&pin->secret));
    pin->ready = false;
    return true;
}
