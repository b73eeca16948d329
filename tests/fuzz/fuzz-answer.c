/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client/lib: a program whose agent is another's. Whatever the agent says, each call returns, with
 * what it promises or with a sentence, and nothing is left. The input is what the agent says, from
 * its WELCOME on; what was asked is what its second frame is the answer to.
 */
#include "fuzz.h"

#include "base/wire.h"
#include "fake-connect.h"

#include <countersign/countersign.h>
#include <countersign/error.h>
#include <string.h>

#define EVENTS 8

static struct countersign_client *client; /* NULL before the first input */
static struct countersign_fault fault;
static volatile unsigned seen; /* that what is read is not optimised away */

static void look_at(const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        seen += ((const uint8_t *)data)[i];
}

static void look_at_string(const char *string)
{
    FUZZ_CHECK(string);
    seen += (unsigned)strlen(string);
}

static void look_at_identity(const struct countersign_identity *identity)
{
    size_t len;

    look_at(countersign_identity_id(identity), CS_ID_SIZE);
    look_at_string(countersign_identity_uri(identity));
    look_at_string(countersign_identity_token_uri(identity));
    look_at_string(countersign_identity_group(identity));
    FUZZ_CHECK(countersign_identity_label(identity, &len)[len] == '\0');
    look_at(countersign_identity_cka_id(identity, &len), len);
    look_at(countersign_identity_spki(identity, &len), len);
    for (size_t i = 0; i < countersign_identity_n_schemes(identity); i++)
        seen += countersign_identity_scheme(identity, i);
    for (size_t i = 0; i < countersign_identity_n_certificates(identity); i++) {
        const uint8_t *der = countersign_identity_certificate(identity, i, &len);

        look_at(der, len);
    }
    for (size_t i = 0; i < countersign_identity_n_chain(identity); i++) {
        const uint8_t *der = countersign_identity_chain(identity, i, &len);

        look_at(der, len);
    }
}

static void look_at_token(const struct countersign_token *token)
{
    look_at_string(countersign_token_uri(token));
    look_at_string(countersign_token_label(token));
    look_at_string(countersign_token_manufacturer(token));
    look_at_string(countersign_token_model(token));
    look_at_string(countersign_token_serial(token));
    look_at_string(countersign_token_module(token));
    look_at_string(countersign_token_why(token));
}

static void look_at_certificate(const struct countersign_certificate *certificate)
{
    size_t len;

    look_at_string(countersign_certificate_uri(certificate));
    look_at_string(countersign_certificate_token_uri(certificate));
    FUZZ_CHECK(countersign_certificate_label(certificate, &len)[len] == '\0');
    look_at(countersign_certificate_cka_id(certificate, &len), len);
    look_at(countersign_certificate_der(certificate, &len), len);
}

static void look_at_consent(const struct countersign_consent *consent)
{
    look_at_string(consent->program);
    look_at_string(consent->label);
    look_at_string(consent->token);
    look_at_string(consent->what);
    look_at_string(consent->server);
}

/* An entry is of one kind. */
static void look_at_list(const struct countersign_list *list)
{
    for (size_t i = 0; i < countersign_list_n(list); i++) {
        const struct countersign_token *token = countersign_list_token(list, i);
        const struct countersign_identity *identity = countersign_list_identity(list, i);
        const struct countersign_certificate *certificate = countersign_list_certificate(list, i);
        const struct countersign_consent *consent = countersign_list_consent(list, i);
        const struct countersign_use *use = countersign_list_use(list, i);
        const char *label = countersign_list_label(list, i);

        FUZZ_CHECK(!!token + !!identity + !!certificate + !!consent + !!use + !!label == 1);
        if (token)
            look_at_token(token);
        if (identity)
            look_at_identity(identity);
        if (certificate)
            look_at_certificate(certificate);
        if (consent)
            look_at_consent(consent);
        if (use || label)
            look_at_string(use ? use->program : label);
    }
}

static int list(int (*call)(
    struct countersign_client *, struct countersign_list **, struct countersign_fault *))
{
    struct countersign_list *all = NULL;
    int r = call(client, &all, &fault);

    FUZZ_CHECK((r == 0) == (all != NULL));
    if (r == 0)
        look_at_list(all);
    countersign_list_free(all);
    return r;
}

static int change_token(uint16_t type)
{
    struct countersign_list *labels = NULL;
    int r;

    if (type == CS_MSG_UNLOCK)
        r = countersign_unlock(client, "corp", 0, -1, &labels, &fault);
    else if (type == CS_MSG_LOCK)
        r = countersign_lock(client, NULL, &labels, &fault);
    else
        r = countersign_change_pin(client, "corp", 0, -1, -1, &labels, &fault);
    if (labels)
        look_at_list(labels);
    countersign_list_free(labels);
    return r;
}

static int find_identity(uint16_t type)
{
    const struct countersign_criteria criteria = {.host = "api.example"};
    struct countersign_identity *identity = NULL;
    int r;

    if (type == CS_MSG_RESOLVE)
        r = countersign_resolve(client, "alice", 0, &identity, &fault);
    else if (type == CS_MSG_FIND)
        r = countersign_find(client, &criteria, &identity, &fault);
    else
        r = countersign_choose(client, &criteria, &identity, &fault);
    FUZZ_CHECK((r == 0) == (identity != NULL));
    if (r == 0)
        look_at_identity(identity);
    if (r == 0 && type != CS_MSG_RESOLVE)
        look_at_string(countersign_identity_why(identity));
    countersign_identity_free(identity);
    return r;
}

static int sign(void)
{
    static const uint8_t id[CS_ID_SIZE], digest[32];
    size_t len = 72; /* of just this size, so that an octet too far is seen */
    uint8_t *signature = malloc(len);
    int r;

    FUZZ_CHECK(signature);
    r = countersign_sign(
        client, id, 0x0403, CS_INPUT_DIGEST, digest, sizeof(digest), signature, &len, &fault);
    FUZZ_CHECK(r < 0 || len <= 72);
    if (r == 0)
        look_at(signature, len);
    free(signature);
    return r;
}

static int get_status(void)
{
    struct countersign_status *status = NULL;
    int r = countersign_status_get(client, &status, &fault);

    if (r < 0)
        return r;
    look_at_string(countersign_status_version(status));
    look_at_string(countersign_status_socket(status));
    for (size_t i = 0; i < countersign_status_n_modules(status); i++) {
        const struct countersign_module *module = countersign_status_module(status, i);

        look_at_string(countersign_module_name(module));
        look_at_string(countersign_module_path(module));
        look_at_string(countersign_module_state(module));
        look_at_string(countersign_module_error(module));
    }
    countersign_status_free(status);
    return 0;
}

static int get_policy(void)
{
    struct countersign_policy *policy = NULL;
    int r = countersign_policy_get(client, &policy, &fault);

    if (r < 0)
        return r;
    look_at_string(countersign_policy_error(policy));
    for (size_t i = 0; i < countersign_policy_n_rules(policy); i++) {
        const struct countersign_rule *rule = countersign_policy_rule(policy, i);

        look_at_string(rule->name);
        look_at_string(rule->where);
        look_at_string(rule->identity);
        look_at_string(rule->program);
        look_at_string(rule->hosts);
        look_at_string(rule->sign);
        look_at_string(rule->consent);
        look_at_string(rule->rate);
    }
    countersign_policy_free(policy);
    return 0;
}

static int check_policy(void)
{
    const struct countersign_policy_question question = {
        .identity = "alice", .program = "/usr/bin/curl", .proof = "tls", .host = "api.example"};
    struct countersign_decision decision;
    int r = countersign_policy_check(client, &question, &decision, &fault);

    if (r < 0)
        return r;
    look_at_string(decision.rule);
    look_at_string(decision.where);
    look_at_string(decision.text);
    return 0;
}

static int get_record(void)
{
    struct countersign_record record;
    int r = countersign_record_get(client, &record, &fault);

    if (r < 0)
        return r;
    look_at_string(record.path);
    look_at_string(record.trouble);
    return 0;
}

static int watch(void)
{
    struct countersign_watch *watching = NULL;
    struct countersign_event event;
    int r = countersign_watch_new(client, &watching, &fault);

    for (int i = 0; i < EVENTS && r == 0; i++) {
        r = countersign_watch_next(watching, &event, &fault);
        if (r < 0)
            break;
        look_at_string(event.subject);
        look_at_string(event.text);
    }
    countersign_watch_free(watching);
    return r;
}

static int ask(uint16_t type)
{
    switch (type) {
    case CS_MSG_TOKENS:
        return list(countersign_list_tokens);
    case CS_MSG_IDENTITIES:
        return list(countersign_list_identities);
    case CS_MSG_CERTIFICATES:
        return list(countersign_list_certificates);
    case CS_MSG_CONSENTS:
        return list(countersign_list_consents);
    case CS_MSG_USES:
        return list(countersign_list_uses);
    case CS_MSG_UNLOCK:
    case CS_MSG_LOCK:
    case CS_MSG_PIN_CHANGE:
        return change_token(type);
    case CS_MSG_RESOLVE:
    case CS_MSG_FIND:
    case CS_MSG_CHOOSE:
        return find_identity(type);
    case CS_MSG_SIGN:
        return sign();
    case CS_MSG_STATUS:
        return get_status();
    case CS_MSG_POLICY:
        return get_policy();
    case CS_MSG_POLICY_CHECK:
        return check_policy();
    case CS_MSG_RECORD:
        return get_record();
    case CS_MSG_CONSENT_REVOKE:
        return countersign_consent_revoke(client, 1, NULL, &fault);
    case CS_MSG_WATCH:
        return watch();
    default:
        return countersign_refresh(client, &fault);
    }
}

/* Of the second frame; 0 if there is none. */
static uint16_t find_type(struct cs_bytes octets)
{
    struct cs_frame frame = {0};
    size_t size = 0;

    if (cs_frame_parse(octets, &frame, &size) != 1 ||
        cs_frame_parse(CS_BYTES(octets.data + size, octets.len - size), &frame, &size) != 1)
        return 0;
    return (uint16_t)(frame.type & ~CS_MSG_REPLY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int open_before, r;

    if (!client) {
        setenv("COUNTERSIGN_SOCKET", "/made.sock", 1);
        FUZZ_CHECK(countersign_client_new(&client, "curl") == 0);
    }
    open_before = fuzz_count_descriptors();
    fault = (struct countersign_fault){0};
    fake_connect_say(CS_BYTES(data, size));
    r = ask(find_type(CS_BYTES(data, size)));
    FUZZ_CHECK(r <= 0 && r >= CS_ERR_CLOSED);
    FUZZ_CHECK((r < 0) == (fault.code < 0) && (r < 0) == (fault.text[0] != '\0'));
    fake_connect_close();
    countersign_client_free(client);
    FUZZ_CHECK(countersign_client_new(&client, "curl") == 0);
    FUZZ_CHECK(fuzz_count_descriptors() == open_before);
    return 0;
}
