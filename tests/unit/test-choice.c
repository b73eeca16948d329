/* SPDX-License-Identifier: Apache-2.0 */
/* agent/choice: which identity suits a server, in which order, and why the others do not. */
#include "inventory/chain.h"
#include "inventory/choice.h"
#include "../fixture/subject.h"
#include "base/cleanup.h"

#include <countersign/error.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define DAY 86400
#define ECDSA_SHA256 "\x04\x03"
#define RSA_PSS_SHA256 "\x08\x04"

struct world {
    time_t now;
    struct cs_inventory inventory;
    struct cs_token *token; /* being filled; the inventory's from world_done on */
    EVP_PKEY *ca_key[3];
    X509 *ca[3]; /* 0: a root, 1: an intermediate below it, 2: another root */
};

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *issue(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int from,
    int to, const char *usage)
{
    X509 *certificate = X509_new();

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), from + 100);
    assert_true(set_subject(certificate, name));
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    X509_gmtime_adj(X509_getm_notBefore(certificate), (long)from * DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate), (long)to * DAY);
    X509_set_pubkey(certificate, key);
    if (usage)
        add_extension(
            certificate, strstr(usage, "Auth") ? NID_ext_key_usage : NID_key_usage, usage);
    else
        add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(certificate, issuer ? issuer_key : key, EVP_sha256()) > 0);
    return certificate;
}

static void add_object(struct cs_token *token, X509 *certificate, const char *label, const char *id)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    const struct cs_host_object report = {.slot = 1,
        .object_class = CS_HOST_CERTIFICATE,
        .label = cs_bytes_of(label),
        .cka_id = cs_bytes_of(id),
        .value = CS_BYTES(der, (size_t)len)};

    assert_int_equal(cs_token_add(token, &report), 0);
    OPENSSL_free(der);
}

/* A key of its own, with one certificate. */
static void add_identity(
    struct world *w, const char *label, int ca, int from, int to, const char *usage)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = issue(label, key, w->ca[ca], w->ca_key[ca], from, to, usage);

    add_object(w->token, certificate, label, label);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int setup(void **state)
{
    static struct world w;
    const struct cs_host_token report = {.slot = 1,
        .label = cs_bytes_of("corp"),
        .flags = CS_TOKEN_LOGIN_REQUIRED | CS_TOKEN_INITIALIZED};

    w = (struct world){.now = time(NULL)};
    cs_inventory_init(&w.inventory);
    for (int i = 0; i < 3; i++)
        w.ca_key[i] = EVP_EC_gen("P-256");
    w.ca[0] = issue("root", w.ca_key[0], NULL, NULL, -1, 100, NULL);
    w.ca[1] = issue("intermediate", w.ca_key[1], w.ca[0], w.ca_key[0], -1, 100, NULL);
    w.ca[2] = issue("other root", w.ca_key[2], NULL, NULL, -1, 100, NULL);
    assert_int_equal(cs_token_new(&report, &w.token), 0);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    cs_inventory_deinit(&w->inventory);
    for (int i = 0; i < 3; i++) {
        X509_free(w->ca[i]);
        EVP_PKEY_free(w->ca_key[i]);
    }
    return 0;
}

static void world_done(struct world *w)
{
    assert_int_equal(cs_token_complete(w->token), 0);
    assert_int_equal(cs_inventory_put(&w->inventory, w->token), 0);
}

/* The labels of the choices in order, with a blank behind each. */
static const char *chosen(struct world *w, const struct cs_criteria *criteria)
{
    static char labels[256];
    struct cs_choice choices[8];
    size_t n = cs_choice_list(&w->inventory, criteria, w->now, choices, 8);

    labels[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        struct cs_bytes label = choices[i].certificate->label;

        strncat(labels, (const char *)label.data, label.len);
        strcat(labels, " ");
    }
    return labels;
}

static const char *issued_by_any(struct world *w, const int *ca, uint32_t n)
{
    struct cs_buf issuers = CS_BUF_INIT(4096);
    struct cs_criteria criteria = {.n_issuers = n};
    const char *labels;

    for (uint32_t i = 0; i < n; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509_NAME(X509_get_subject_name(w->ca[ca[i]]), &der);

        cs_buf_put_bytes(&issuers, CS_BYTES(der, (size_t)len));
        OPENSSL_free(der);
    }
    criteria.issuers = cs_buf_bytes(&issuers);
    labels = chosen(w, &criteria);
    cs_buf_deinit(&issuers);
    return labels;
}

static const char *issued_by(struct world *w, int ca)
{
    return issued_by_any(w, &ca, 1);
}

static void test_the_one_that_expires_last_comes_first(void **state)
{
    struct world *w = *state;

    add_identity(w, "older", 0, -9, 10, "clientAuth");
    add_identity(w, "newest", 0, -1, 30, "clientAuth");
    add_identity(w, "newer", 0, -5, 20, "clientAuth");
    world_done(w);
    assert_string_equal(chosen(w, &(struct cs_criteria){0}), "newest newer older ");
}

static void test_what_is_not_valid_or_not_for_clients_does_not_suit(void **state)
{
    struct world *w = *state;
    struct cs_fault fault;

    add_identity(w, "past", 0, -9, -1, "clientAuth");
    add_identity(w, "future", 0, 1, 9, "clientAuth");
    add_identity(w, "server", 0, -1, 9, "serverAuth");
    add_identity(w, "mail", 0, -1, 9, "keyEncipherment");
    add_identity(w, "vault", 0, -1, 9, "critical,keyAgreement");
    world_done(w);
    assert_string_equal(chosen(w, &(struct cs_criteria){0}), "");
    assert_int_equal(
        cs_choice_none(&w->inventory, &(struct cs_criteria){0}, w->now, &fault), CS_ERR_NOT_FOUND);
    assert_non_null(strstr(fault.text, "'past' has expired"));
    assert_non_null(strstr(fault.text, "'future' is not valid yet"));
    assert_non_null(strstr(fault.text, "'server' is not for TLS clients"));
    assert_non_null(strstr(fault.text, "'mail' is not for TLS clients"));
    assert_non_null(strstr(fault.text, "'vault' is not for TLS clients"));
}

static void test_the_issuer_may_be_any_of_the_chain(void **state)
{
    struct world *w = *state;

    add_object(w->token, w->ca[1], "intermediate", "");
    add_identity(w, "below", 1, -1, 9, "clientAuth");
    add_identity(w, "direct", 0, -1, 8, "clientAuth");
    add_identity(w, "other", 2, -1, 7, "clientAuth");
    world_done(w);
    assert_string_equal(issued_by(w, 0), "below direct ");
    assert_string_equal(issued_by(w, 1), "below ");
    assert_string_equal(issued_by(w, 2), "other ");
}

/* How many of the choices a person tells apart. */
static size_t n_distinct(struct world *w)
{
    struct cs_choice choices[8];
    size_t n = cs_choice_list(&w->inventory, &(struct cs_criteria){0}, w->now, choices, 8);
    size_t distinct = cs_choice_distinct(choices, n);

    for (size_t i = 1; i < distinct; i++)
        assert_true(choices[i - 1].certificate->not_after >= choices[i].certificate->not_after);
    return distinct;
}

static void test_a_chain_ends_where_it_would_go_in_a_circle(void **state)
{
    struct world *w = *state;
    const struct cs_object *chain[10];
    struct cs_choice choice;
    X509 *circle[2];

    circle[0] = issue("root", w->ca_key[0], w->ca[2], w->ca_key[2], -1, 200, NULL);
    circle[1] = issue("other root", w->ca_key[2], w->ca[0], w->ca_key[0], -1, 200, NULL);
    for (int i = 0; i < 2; i++) {
        add_object(w->token, circle[i], "cross", "");
        X509_free(circle[i]);
    }
    add_identity(w, "ec", 0, -1, 9, "clientAuth");
    world_done(w);
    assert_int_equal(
        cs_choice_list(&w->inventory, &(struct cs_criteria){0}, w->now, &choice, 1), 1);
    assert_int_equal(cs_chain_build(&w->inventory, choice.certificate, w->now, chain, 10), 3);
}

static void test_a_renewed_certificate_is_no_other(void **state)
{
    struct world *w = *state;

    add_identity(w, "alice", 0, -9, 10, "clientAuth");
    add_identity(w, "alice", 0, -1, 30, "clientAuth");
    world_done(w);
    assert_string_equal(chosen(w, &(struct cs_criteria){0}), "alice alice ");
    assert_int_equal(n_distinct(w), 1);
}

static void test_identities_of_several_issuers_are_told_apart(void **state)
{
    struct world *w = *state;

    add_identity(w, "a", 0, -1, 50, "clientAuth");
    add_identity(w, "b", 2, -1, 40, "clientAuth");
    add_identity(w, "c", 0, -1, 30, "clientAuth");
    add_identity(w, "d", 2, -1, 20, "clientAuth");
    add_identity(w, "e", 2, -1, 10, "clientAuth");
    world_done(w);
    assert_string_equal(issued_by(w, 0), "a c ");
    assert_string_equal(issued_by(w, 2), "b d e ");
    assert_string_equal(issued_by_any(w, (const int[]){1, 2}, 2), "b d e ");
    assert_string_equal(issued_by_any(w, (const int[]){2, 0}, 2), "a b c d e ");
}

static void test_another_subject_or_issuer_is_another(void **state)
{
    struct world *w = *state;

    add_identity(w, "alice", 0, -9, 10, "clientAuth");
    add_identity(w, "alice", 2, -1, 30, "clientAuth");
    add_identity(w, "alice", 0, -1, 20, "clientAuth");
    add_identity(w, "bob", 0, -1, 15, "clientAuth");
    add_identity(w, "past", 0, -9, -1, "clientAuth");
    world_done(w);
    assert_int_equal(n_distinct(w), 3);
}

static void test_the_same_key_is_no_other(void **state)
{
    struct world *w = *state;
    struct cs_identity identity[2] = {0};
    struct cs_key key = {.id = {1}};
    struct cs_object certificate[2] = {
        {.subject = cs_bytes_of("one")}, {.subject = cs_bytes_of("other")}};
    struct cs_choice choices[2];

    world_done(w); /* which takes the token */
    for (int i = 0; i < 2; i++) {
        identity[i].key = &key;
        choices[i] = (struct cs_choice){&identity[i], &certificate[i]};
    }
    assert_int_equal(cs_choice_distinct(choices, 2), 1);
    assert_ptr_equal(choices[0].identity, &identity[0]);
    assert_int_equal(cs_choice_distinct(choices, 0), 0);
}

static void test_the_key_must_sign_in_a_scheme_of_the_server(void **state)
{
    struct world *w = *state;

    add_identity(w, "ec", 0, -1, 9, "clientAuth");
    world_done(w);
    assert_string_equal(
        chosen(w, &(struct cs_criteria){.schemes = cs_bytes_of(RSA_PSS_SHA256 ECDSA_SHA256)}),
        "ec ");
    assert_string_equal(
        chosen(w, &(struct cs_criteria){.schemes = cs_bytes_of(RSA_PSS_SHA256)}), "");
}

static void test_issuers_that_are_no_names_match_nothing(void **state)
{
    struct world *w = *state;
    const char junk[] = "\0\0\0\4junk\0\0\0\0";

    add_identity(w, "ec", 0, -1, 9, "clientAuth");
    world_done(w);
    assert_string_equal(chosen(w, &(struct cs_criteria){.n_issuers = 2,
                                      .issuers = CS_BYTES(junk, sizeof(junk) - 1)}),
        "");
}

static void test_more_choices_than_room_keeps_the_best(void **state)
{
    struct world *w = *state;
    struct cs_choice choices[2];

    add_identity(w, "c", 0, -1, 9, "clientAuth");
    add_identity(w, "a", 0, -1, 11, "clientAuth");
    add_identity(w, "b", 0, -1, 10, "clientAuth");
    world_done(w);
    assert_int_equal(
        cs_choice_list(&w->inventory, &(struct cs_criteria){0}, w->now, choices, 2), 2);
    assert_true(cs_bytes_equal(choices[0].certificate->label, cs_bytes_of("a")));
    assert_true(cs_bytes_equal(choices[1].certificate->label, cs_bytes_of("b")));
}

/* "HOST=IDENTITY" each, a line of a file "f" each. */
static struct cs_preferences prefer(const char *const *texts, bool administrator)
{
    struct cs_preferences preferences = {0};

    for (int i = 0; texts[i]; i++) {
        const char *equals = strchr(texts[i], '=');
        CS_AUTO(cs_freep) char *host = strndup(texts[i], (size_t)(equals - texts[i]));
        const struct cs_setting at = {
            .file = "f", .line = i + 1, .name = "identity", .value = equals + 1};

        assert_int_equal(cs_preferences_take(&preferences, host, &at, administrator, NULL), 0);
    }
    return preferences;
}

/* Which of them is for the host, by its line; 0: none. */
static int preferred(const struct cs_preferences *preferences, const char *host)
{
    const struct cs_preference *found = cs_preferences_find(preferences, cs_bytes_of(host));

    return found ? atoi(strchr(found->where, ':') + 1) : 0;
}

static void test_the_nearest_name_of_a_host_counts(void **state)
{
    static const char *const texts[] = {"api.corp.example=a", "*=none", "*.example=b",
        "*.corp.example=c", "API.corp.example=d", "*.corp.exampl?=e", NULL};
    struct cs_preferences preferences = prefer(texts, false);

    world_done(*state); /* which takes the token */
    assert_int_equal(preferred(&preferences, "api.corp.example"), 5);
    assert_int_equal(preferred(&preferences, "Other.corp.Example"), 6);
    assert_int_equal(preferred(&preferences, "www.example"), 3);
    assert_int_equal(preferred(&preferences, "corp.test"), 2);
    assert_int_equal(preferred(&preferences, ""), 2);
    cs_preferences_deinit(&preferences);
    assert_int_equal(preferred(&preferences, "api.corp.example"), 0);
}

static void test_what_the_user_said_is_kept(void **state)
{
    static const char *const old_texts[] = {"a=gone", "b=gone", NULL};
    static const char *const users[] = {"b=x", "c=y", NULL};
    static const char *const new_texts[] = {"d=x", "e=x", "b=x", NULL};
    struct cs_preferences older = prefer(old_texts, true), user = prefer(users, false);
    struct cs_preferences preferences = prefer(new_texts, true);

    world_done(*state); /* which takes the token */
    cs_preferences_keep_user(&older, &user);
    cs_preferences_keep_user(&preferences, &older);
    assert_int_equal(preferred(&preferences, "a"), 0);
    assert_int_equal(preferred(&preferences, "b"), 1);
    assert_int_equal(preferred(&preferences, "c"), 2);
    assert_int_equal(preferred(&preferences, "e"), 2);
    cs_preferences_deinit(&preferences);
    cs_preferences_deinit(&older);
    cs_preferences_deinit(&user);
}

static void test_a_preference_goes_before_issuers_and_dates(void **state)
{
    static const char *const texts[] = {
        "one=older", "none=none", "token=pkcs11:token=corp", "dead=past", NULL};
    struct world *w = *state;
    struct cs_preferences preferences = prefer(texts, false);
    struct cs_criteria criteria = {.preference = &preferences.items[0]};
    struct cs_choice choices[4];
    struct cs_fault fault = {0};
    char text[512];

    add_identity(w, "older", 0, -9, 10, "clientAuth");
    add_identity(w, "newest", 0, -1, 30, "clientAuth");
    add_identity(w, "past", 0, -9, -1, "clientAuth");
    world_done(w);
    assert_string_equal(chosen(w, &criteria), "older ");
    criteria.n_issuers = 1;
    criteria.issuers = CS_BYTES("\0\0\0\2\x30\0", 6); /* nobody's name */
    assert_string_equal(chosen(w, &criteria), "older ");
    assert_int_equal(cs_choice_list(&w->inventory, &criteria, w->now, choices, 4), 1);
    cs_choice_explain(choices, 1, &criteria, text, sizeof(text));
    assert_string_equal(text, "'older' for a server: f:1 prefers it");
    criteria.preference = &preferences.items[2]; /* a token alone does not say which */
    assert_string_equal(chosen(w, &criteria), "");
    criteria.n_issuers = 0;
    assert_string_equal(chosen(w, &criteria), "newest older ");
    criteria.preference = &preferences.items[1];
    assert_string_equal(chosen(w, &criteria), "");
    cs_choice_none(&w->inventory, &criteria, w->now, &fault);
    assert_string_equal(fault.text, "f:2: no identity is to be shown to this server");
    criteria.preference = &preferences.items[3];
    assert_string_equal(chosen(w, &criteria), "");
    cs_choice_none(&w->inventory, &criteria, w->now, &fault);
    assert_non_null(strstr(fault.text, "'past' has expired"));
    assert_non_null(strstr(fault.text, "'newest' is not the one for this server"));
    assert_non_null(strstr(fault.text, "; see f:4"));
    cs_preferences_deinit(&preferences);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_one_that_expires_last_comes_first),
        TEST(test_what_is_not_valid_or_not_for_clients_does_not_suit),
        TEST(test_the_issuer_may_be_any_of_the_chain),
        TEST(test_a_chain_ends_where_it_would_go_in_a_circle),
        TEST(test_a_renewed_certificate_is_no_other),
        TEST(test_identities_of_several_issuers_are_told_apart),
        TEST(test_another_subject_or_issuer_is_another),
        TEST(test_the_same_key_is_no_other),
        TEST(test_the_key_must_sign_in_a_scheme_of_the_server),
        TEST(test_issuers_that_are_no_names_match_nothing),
        TEST(test_more_choices_than_room_keeps_the_best),
        TEST(test_the_nearest_name_of_a_host_counts),
        TEST(test_what_the_user_said_is_kept),
        TEST(test_a_preference_goes_before_issuers_and_dates),
    };

    return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
