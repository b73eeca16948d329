/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a signature: find the identity, see that it may and can, log in if that is needed,
 * let the token's host sign, answer. The message is hashed at the start, because waiting for a
 * person must not hold a megabyte.
 *
 * What the bytes prove is found out in take(), where the message is still whole; that needs the
 * identity, so they are kept until that is known. The policy is asked in decide.c, with all facts
 * at hand, before a PIN is asked for and each time that something was waited for; a person's
 * consent is one more thing to wait for, as a login is.
 */
#include "request/request-state.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/log.h"
#include "inventory/certificate.h"
#include "text.h"

#include <countersign/error.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define ASK_AGAIN 1000 /* milliseconds, for a token that is there and says that it is not */
#define LEFT_MAX 16    /* a bad contact, or a host that plays */

static void advance(struct cs_request *request);

static void tell(const struct cs_request *request, const struct cs_identity *identity)
{
    const struct cs_scheme *scheme = cs_scheme_by_code(request->scheme);
    char label[CS_TEXT_MAX], text[CS_TEXT_MAX * 4];

    if (!identity || !scheme)
        return;
    cs_text_clean(identity->source->label, label, sizeof(label));
    snprintf(text, sizeof(text), "%s signed with '%s' in %s", cs_caller_name(request->caller),
        label, scheme->name);
    cs_event_tell(&request->service->watchers, &(const struct cs_event){.kind = CS_EVENT_SIGNED,
                                                   .subject = cs_bytes_of(identity->uri),
                                                   .identity = CS_BYTES(request->id, CS_ID_SIZE),
                                                   .token = identity->token,
                                                   .text = text,
                                                   .program = cs_caller_name(request->caller),
                                                   .scheme = scheme->name});
}

static const struct cs_identity *identity_of(const struct cs_request *request)
{
    const struct cs_inventory *inventory = &request->service->inventory;
    struct cs_bytes id = CS_BYTES(request->id, CS_ID_SIZE);
    const struct cs_identity *other =
        cs_inventory_identity_beside(inventory, id, request->gone_host, request->gone);

    return other ? other : cs_inventory_identity(inventory, id);
}

static int take_kept(
    struct cs_request *request, const struct cs_identity *identity, struct cs_fault *fault);

static void fail(struct cs_request *request, int code, const struct cs_fault *fault)
{
    if (!request->examined)
        take_kept(request, identity_of(request), NULL); /* the record has its hash, never itself */
    cs_request_record(request, identity_of(request), code, cs_fault_text(fault, code), NULL);
    cs_request_fail(request, code, fault);
}

static bool owns(const void *context, struct cs_bytes certificate)
{
    const struct cs_identity *identity = context;

    for (size_t i = 0; i < identity->n_certificates; i++)
        if (cs_bytes_equal(identity->certificates[i]->value, certificate))
            return true;
    return false;
}

static bool names(struct cs_bytes certificate, struct cs_bytes server)
{
    CS_AUTO(X509_freep) X509 *x509 = cs_certificate_parse(certificate);

    return x509 && X509_check_host(x509, (const char *)server.data, server.len, 0, NULL) == 1;
}

/* What the bytes can be established to be. */
static void examine(
    struct cs_request *request, const struct cs_identity *identity, struct cs_bytes input)
{
    const struct cs_proof_key key = {.spki = identity ? identity->key->spki : (struct cs_bytes){0},
        .scheme = request->scheme,
        .owns = owns,
        .context = identity,
        .names = names};
    struct cs_proof proof = {.kind = CS_PROOF_DIGEST};

    if (request->how == CS_INPUT_MESSAGE)
        proof = identity ? cs_proof_of_message(input, &key) : (struct cs_proof){0};
    request->proof = proof.kind;
    cs_text_clean(proof.server_name, request->host, sizeof(request->host));
    cs_request_trace(request, input, &proof);
}

static size_t kept_in_all(const struct cs_service *service)
{
    const struct cs_request *request;
    size_t n = 0;

    TAILQ_FOREACH(request, &service->requests, link)
    n += request->data.len;
    return n;
}

/* A whole message, as long as the request; there is not room for many that are large. */
static int keep(struct cs_request *request, struct cs_bytes message)
{
    if (message.len > CS_LIMIT_KEPT &&
        kept_in_all(request->service) + message.len > CS_LIMIT_KEPT_LARGE)
        return CS_ERR_BUSY;
    cs_buf_put(&request->data, message.data, message.len);
    return request->data.error;
}

/* What is to be signed: the digest, or the message where the scheme wants it itself. */
static int take_input(struct cs_request *request, struct cs_bytes input, struct cs_fault *fault)
{
    const struct cs_scheme *scheme = cs_scheme_by_code(request->scheme);
    size_t size = scheme ? cs_hash_size(scheme->hash) : 0;
    uint8_t *out;

    if (!scheme)
        return cs_fail(fault, CS_ERR_SCHEME, "no key here signs in the scheme %#06x",
            (unsigned)request->scheme);
    if (request->how == CS_INPUT_DIGEST && size == 0)
        return cs_fail(
            fault, CS_ERR_INVALID, "%s signs the message itself, not a digest", scheme->name);
    if (request->how == CS_INPUT_DIGEST && input.len != size)
        return cs_fail(fault, CS_ERR_INVALID, "a digest for %s has %zu bytes, not %zu",
            scheme->name, size, input.len);
    if (request->how == CS_INPUT_DIGEST || size == 0)
        return keep(request, input);
    out = cs_buf_extend(&request->data, size);
    if (!out)
        return request->data.error;
    return cs_digest_make(&request->service->digest, scheme->hash, input, out);
}

static int take(struct cs_request *request, const struct cs_identity *identity,
    struct cs_bytes input, struct cs_fault *fault)
{
    request->examined = true;
    examine(request, identity, input);
    return take_input(request, input, fault);
}

/* The same of bytes that were kept until the identity was known; NULL: it never was. */
static int take_kept(
    struct cs_request *request, const struct cs_identity *identity, struct cs_fault *fault)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf kept = request->data;

    request->data = CS_BUF_INIT(CS_FRAME_MAX);
    return take(request, identity, cs_buf_bytes(&kept), fault);
}

static int check_scheme(
    const struct cs_request *request, const struct cs_identity *identity, struct cs_fault *fault)
{
    const struct cs_scheme *wanted = cs_scheme_by_code(request->scheme);
    char can[512] = "";

    if (cs_identity_can(identity, request->scheme))
        return 0;
    for (size_t i = 0; i < identity->n_schemes; i++) {
        size_t at = strlen(can);

        snprintf(can + at, sizeof(can) - at, "%s%s", i ? ", " : "",
            cs_scheme_by_code(identity->schemes[i])->name);
    }
    return cs_fail(fault, CS_ERR_SCHEME, "this %s key of %u bits cannot sign in %s, only in: %s",
        cs_key_type_name(identity->key->type), identity->key->bits, wanted ? wanted->name : "that",
        can);
}

static const struct cs_fault *say_absent(const char *token, struct cs_fault *fault)
{
    cs_fail(fault, CS_ERR_TOKEN_ABSENT, "insert token '%s'", token);
    return fault;
}

/* identity: what is known of it, if its host does not run. */
static int say_missing(const struct cs_request *request, const struct cs_absent_identity *identity,
    struct cs_fault *fault)
{
    const char *failed = cs_supervisor_failed(&request->service->supervisor);
    char id[17];

    if (identity)
        return cs_fail(fault, CS_ERR_MODULE_FAILED,
            "token '%s' is not there while module '%s' does not run: 'countersign status' shows "
            "when it is back",
            identity->token->name, cs_host_name(identity->token->host));
    cs_hex_write(request->id, 8, id);
    if (failed)
        return cs_fail(fault, CS_ERR_NOT_FOUND,
            "no token here has the key %s, and module '%s' does not run: see 'countersign status'",
            id, failed);
    return cs_fail(fault, CS_ERR_NOT_FOUND,
        "no token here has the key %s: insert its token, or see 'countersign list'", id);
}

/* Of a key that is not there all hosts say first what they have. */
static void go_on(struct cs_request *request)
{
    if (identity_of(request))
        advance(request);
    else
        cs_request_when_settled(request, advance);
}

/* On a token that is back, or was put in its place: it has lost its login. */
static void try_anew(struct cs_request *request)
{
    request->logged_in = false;
    go_on(request);
}

static void on_returned(struct cs_absent_waiter *waiter, bool there)
{
    struct cs_request *request = waiter->user;
    struct cs_fault fault = {0};

    if (there || uv_now(request->service->loop) < request->patience) {
        try_anew(request);
        return;
    }
    fail(request, CS_ERR_TOKEN_ABSENT, say_absent(waiter->token, &fault));
}

/* Its token is not there: waits for it as long as the configuration wants, all in all. */
static void fail_or_wait(struct cs_request *request, const struct cs_absent_identity *identity)
{
    const struct cs_identity *present = identity_of(request);
    struct cs_service *service = request->service;
    uint64_t limit = service->config->session.wait_for_token, now = uv_now(service->loop);
    struct cs_fault fault = {0};

    if (request->patience == 0)
        request->patience = now + limit;
    if (request->patience <= now) {
        fail(request, CS_ERR_TOKEN_ABSENT, say_absent(identity->token->name, &fault));
        return;
    }
    /* No handshake is as long as that. */
    if (!request->examined && request->data.len > CS_LIMIT_KEPT)
        take_kept(request, NULL, NULL);
    memcpy(request->absent.id, request->id, CS_ID_SIZE);
    memcpy(request->absent.token, identity->token->name, sizeof(request->absent.token));
    request->absent.done = on_returned;
    request->absent.user = request;
    cs_info("%s (pid %d) waits for token '%s'", cs_caller_name(request->caller),
        (int)request->caller->pid, identity->token->name);
    limit = request->patience - now;
    /* Its host has not noticed, or it came back before we heard that it had gone. */
    if (present && limit > ASK_AGAIN)
        limit = ASK_AGAIN;
    cs_absent_wait(&service->absent, &request->absent, limit);
}

/* True if the token that was asked is not there now, though it may be back by another number, or
 * another module show it. What it said on its way out of itself, its login or its keys does not
 * count then. */
static bool has_left(const struct cs_request *request, int code)
{
    const struct cs_identity *present = identity_of(request);
    const struct cs_absent_identity *absent =
        cs_absent_find(&request->service->absent, request->id);
    const struct cs_token *token = present ? present->token : NULL;

    if (code != CS_ERR_TOKEN_ABSENT && code != CS_ERR_LOCKED && code != CS_ERR_NOT_FOUND &&
        code != CS_ERR_KEY_MISMATCH && (code != CS_ERR_MODULE_FAILED || !present))
        return false;
    if (!token && absent)
        token = cs_absent_token(absent, &request->service->inventory);
    return absent &&
           (!token || token->host != request->asked_host || token->slot != request->asked);
}

/* False if the answer is of a token that is still there. */
static bool try_another(struct cs_request *request, int code)
{
    if (!has_left(request, code) || request->n_left++ >= LEFT_MAX)
        return false;
    try_anew(request);
    return true;
}

/* Its host has not noticed yet. Of two that are gone the first may be back. */
static bool try_beside(struct cs_request *request, int code)
{
    if (code != CS_ERR_TOKEN_ABSENT || request->gone_host ||
        !cs_inventory_identity_beside(&request->service->inventory,
            CS_BYTES(request->id, CS_ID_SIZE), request->asked_host, request->asked))
        return false;
    request->gone_host = request->asked_host;
    request->gone = request->asked;
    try_anew(request);
    return true;
}

static void note_asked(struct cs_request *request, const struct cs_token *token)
{
    request->asked_host = token->host;
    request->asked = token->slot;
}

static void fail_by_token(struct cs_request *request, int code, const char *text)
{
    const struct cs_absent_identity *identity =
        cs_absent_find(&request->service->absent, request->id);
    struct cs_fault fault = {0};

    if (try_another(request, code) || try_beside(request, code))
        return;
    if (code == CS_ERR_TOKEN_ABSENT && identity) {
        fail_or_wait(request, identity);
        return;
    }
    cs_fail(&fault, code, "%s", text);
    fail(request, code, &fault);
}

static void on_logged_in(struct cs_login_waiter *waiter, int code, const char *text)
{
    struct cs_request *request = waiter->user;

    if (code == 0)
        go_on(request);
    else
        fail_by_token(request, code, text);
}

static void log_in(
    struct cs_request *request, const struct cs_token *token, struct cs_bytes key_label)
{
    int r;

    note_asked(request, token);
    cs_text_clean(key_label, request->login.key, sizeof(request->login.key));
    r = cs_request_log_in(request, token, on_logged_in);
    if (r < 0)
        fail(request, r, NULL);
}

/* A token may hide its keys while it is locked, and one that is there may have lost a key. */
static void fail_without_identity(struct cs_request *request)
{
    const struct cs_absent_identity *identity =
        cs_absent_find(&request->service->absent, request->id);
    const struct cs_token *token =
        identity ? cs_absent_token(identity, &request->service->inventory) : NULL;
    struct cs_fault fault = {0};

    if (token && cs_token_is_locked(token)) {
        if (!request->logged_in) {
            log_in(request, token, (struct cs_bytes){0});
            return;
        }
        cs_token_say_locked(token->name, token->word, &fault);
        fail(request, CS_ERR_LOCKED, &fault);
        return;
    }
    if (!token && identity && cs_host_get_state(identity->token->host) == CS_HOST_STATE_RUNNING) {
        fail_or_wait(request, identity);
        return;
    }
    if (!token && cs_request_await_hosts(request, advance))
        return;
    fail(request, say_missing(request, token ? NULL : identity, &fault), &fault);
}

/* Nobody waits for the record; but one that has to be made is made before. */
static void hand_out(
    struct cs_request *request, const struct cs_identity *identity, struct cs_bytes signature)
{
    const struct cs_reply reply = {.text = "", .signature = signature};
    bool strict = request->service->audit.strict;
    struct cs_fault fault = {0};
    int r = strict ? cs_request_record(request, identity, 0, NULL, &fault) : 0;

    if (r < 0) {
        cs_request_fail(request, r, &fault);
        return;
    }
    request->service->signatures++;
    request->reply(request->user, &reply);
    if (!strict)
        cs_request_record(request, identity, 0, NULL, &fault);
    if (!TAILQ_EMPTY(&request->service->watchers))
        tell(request, identity);
    cs_request_free(request);
}

/* Its token is unlocked; to unlock it is no help. */
static bool wants_pin_each_time(const struct cs_identity *identity)
{
    return !cs_token_is_locked(identity->token) &&
           (cs_identity_flags(identity) & CS_IDENTITY_ALWAYS_AUTHENTICATE);
}

static void on_answer(void *user, const struct cs_answer *answer)
{
    struct cs_request *request = user;
    const struct cs_identity *identity = identity_of(request);
    struct cs_fault fault = {0};

    request->job = NULL;
    if (answer->code == 0) {
        hand_out(request, identity, answer->signature);
        return;
    }
    if (try_another(request, answer->code))
        return;
    if (answer->code == CS_ERR_LOCKED && !request->logged_in && identity) {
        log_in(request, identity->token, identity->source->label);
    } else if (answer->code == CS_ERR_LOCKED && identity && !wants_pin_each_time(identity)) {
        cs_token_say_locked(identity->token->name, identity->token->word, &fault);
        fail(request, answer->code, &fault);
    } else {
        fail_by_token(request, answer->code, answer->text);
    }
}

static int ask_host(struct cs_request *request, const struct cs_identity *identity)
{
    struct cs_host_sign_request m = {
        .slot = identity->token->slot,
        .spki = identity->key->spki,
        .cka_id = cs_identity_key_id(identity),
        .scheme = request->scheme,
        .data = cs_buf_bytes(&request->data),
        .by_serial = cs_token_is_by_serial(identity->token),
    };
    struct cs_host_question question = {.type = CS_HOST_SIGN, .sign = &m, .fd = -1};

    /* Such a key asks for its PIN each time. */
    if (cs_identity_flags(identity) & CS_IDENTITY_ALWAYS_AUTHENTICATE) {
        m.program = cs_bytes_of(cs_caller_name(request->caller));
        m.key = identity->source->label;
        cs_caller_get_environment(request->caller, &m.environment);
        question.at_reader = identity->token->flags & CS_TOKEN_PROTECTED_PATH;
        question.person_time =
            1000u * CS_HOST_ASK_MAX * (uint64_t)request->service->config->prompt_timeout;
    }
    note_asked(request, identity->token);
    return cs_host_ask(identity->token->host, &question, on_answer, request, &request->job);
}

/* From the start, and again after a login: the picture may have changed meanwhile. */
static void advance(struct cs_request *request)
{
    const struct cs_identity *identity = identity_of(request);
    struct cs_fault fault = {0};
    int r;

    if (!identity) {
        fail_without_identity(request);
        return;
    }
    r = request->examined ? 0 : take_kept(request, identity, &fault);
    if (r == 0)
        r = check_scheme(request, identity, &fault);
    if (r == 0)
        r = cs_request_decide(request, identity, &fault);
    if (r == CS_DECIDE_LATER)
        return;
    if (r < 0) {
        fail(request, r, &fault);
        return;
    }
    /* A private key that shows while the token is locked may be free to use. One that is hidden on
     * a token that is unlocked is about to show, and only then is known what the rules say of it.
     */
    if (r == CS_DECIDE_UNLOCKED || (!identity->private_key && !request->logged_in)) {
        log_in(request, identity->token, identity->source->label);
        return;
    }
    r = ask_host(request, identity);
    if (r < 0)
        fail(request, r, NULL);
}

static void on_consent(struct cs_consent_waiter *waiter, int code, const char *text)
{
    struct cs_request *request = waiter->user;
    struct cs_fault fault = {0};

    if (code == 0) {
        request->consented = text;
        go_on(request);
        return;
    }
    if (code == CS_ERR_TOKEN_ABSENT) {
        try_anew(request);
        return;
    }
    code = cs_request_refuse(request, identity_of(request), text, &fault);
    fail(request, code, &fault);
}

void cs_request_sign(struct cs_request *request, const struct cs_msg_sign *m)
{
    const struct cs_identity *identity;
    struct cs_fault fault = {0};
    int r;

    memcpy(request->id, m->id.data, CS_ID_SIZE);
    request->scheme = m->scheme;
    request->how = m->input;
    request->consent.done = on_consent;
    request->consent.user = request;
    identity = identity_of(request);
    if (identity)
        r = take(request, identity, m->data, &fault);
    else
        r = keep(request, m->data);
    if (r < 0)
        fail(request, r, &fault);
    else
        go_on(request);
}
