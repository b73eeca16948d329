/* SPDX-License-Identifier: Apache-2.0 */
/* agent/name, pattern and uri: what names stand for, and what is said about those that stand for
 * nothing. */
#include "made-token.h"
#include "base/hex.h"
#include "inventory/name.h"
#include "inventory/pattern.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct cs_inventory inventory;
static EVP_PKEY *keys[4], *ca_key;
static X509 *leaf, *old_leaf, *ca;

static X509 *issue(EVP_PKEY *key, int from, int to)
{
    return make_certificate(&(const struct made_certificate){
        .subject = "x", .key = key, .issuer = ca, .issuer_key = ca_key, .from = from, .to = to});
}

/* On "corp": alice with two certificates, a twin of hers by label, a key of odd bytes, and a CA. On
 * "home", locked: alice's key again. On "empty", locked: nothing to see. */
static int setup(void **state)
{
    struct cs_token *token;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        keys[i] = make_key("P-256");
    ca_key = make_key("P-256");
    ca = make_certificate(&(const struct made_certificate){
        .subject = "CA", .key = ca_key, .ca = true, .from = -1, .to = 90});
    leaf = issue(keys[0], -1, 30);
    old_leaf = issue(keys[0], -90, -30);
    cs_inventory_init(&inventory);

    token = make_token("corp", 1, UNLOCKED);
    add_private(token, "alice", "1", keys[0]);
    add_certificate(token, "alice's certificate", "1", leaf);
    add_certificate(token, "alice's old one", "1", old_leaf);
    add_private(token, "twin", "2", keys[1]);
    add_private(token, "twin", "3", keys[2]);
    add_private(token, "odd; \x01\xff=/", "\x01\xfe", keys[3]);
    add_certificate(token, "ca", "9", ca);
    put_token(&inventory, token);

    token = make_token("home", 2, LOCKED);
    add_public(token, "at home", "7", keys[0]);
    put_token(&inventory, token);

    put_token(&inventory, make_token("em pty", 3, LOCKED));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_inventory_deinit(&inventory);
    for (size_t i = 0; i < 4; i++)
        EVP_PKEY_free(keys[i]);
    EVP_PKEY_free(ca_key);
    X509_free(leaf);
    X509_free(old_leaf);
    X509_free(ca);
    return 0;
}

/* Which of the keys the name stands for; -1 for a certificate alone, or the error. */
static int key_of(const char *name, enum cs_expect expect)
{
    struct cs_name_match match;
    struct cs_fault fault = {0};
    int r = cs_name_resolve(&inventory, name, expect, time(NULL), &match, &fault);

    if (r < 0)
        return r;
    for (int i = 0; match.identity && i < 4; i++) {
        unsigned char *der = NULL;
        int len = i2d_PUBKEY(keys[i], &der);
        bool same = cs_bytes_equal(match.identity->key->spki, CS_BYTES(der, (size_t)len));

        OPENSSL_free(der);
        if (same)
            return i;
    }
    return -1;
}

static const char *sentence_of(const char *name, enum cs_expect expect)
{
    static struct cs_fault fault;
    struct cs_name_match match;

    fault = (struct cs_fault){0};
    assert_true(cs_name_resolve(&inventory, name, expect, time(NULL), &match, &fault) < 0);
    return fault.text;
}

static void test_each_identity_is_found_by_its_own_uri(void **state)
{
    (void)state;
    assert_int_equal(inventory.n_identities, 5);
    for (size_t i = 0; i < inventory.n_identities; i++) {
        struct cs_name_match match;

        assert_int_equal(cs_name_resolve(&inventory, inventory.identities[i]->uri, CS_EXPECT_KEY,
                             time(NULL), &match, NULL),
            0);
        assert_true(cs_key_equal(match.identity->key, inventory.identities[i]->key));
    }
}

static void test_any_attributes_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(key_of("pkcs11:object=alice", CS_EXPECT_KEY), 0);
    assert_int_equal(key_of("pkcs11:object=%61lice;token=corp", CS_EXPECT_KEY), 0);
    assert_int_equal(key_of("pkcs11:id=%31;type=private;serial=corp;model=Test", CS_EXPECT_KEY), 0);
    assert_int_equal(key_of("pkcs11:id=%32;object=twin;type=public", CS_EXPECT_KEY), 1);
    assert_int_equal(key_of("pkcs11:object=odd%3B%20%01%FF%3D%2F", CS_EXPECT_KEY), 3);
    assert_int_equal(key_of("pkcs11:id=%01%fe", CS_EXPECT_KEY), 3);
    assert_int_equal(key_of("pkcs11:token=home", CS_EXPECT_KEY), 0);
    assert_int_equal(
        key_of("pkcs11:object=alice;manufacturer=Other", CS_EXPECT_KEY), CS_ERR_NOT_FOUND);
    assert_int_equal(key_of("pkcs11:object=alice;type=data", CS_EXPECT_ANY), CS_ERR_NOT_FOUND);
    assert_int_equal(key_of("pkcs11:object=alice;x-unknown=1", CS_EXPECT_KEY), CS_ERR_NOT_FOUND);
}

static void test_slots_libraries_and_pins_decide_nothing(void **state)
{
    (void)state;
    assert_int_equal(key_of("pkcs11:object=alice;slot-id=77;library-description=x"
                            "?module-path=/x.so&pin-value=1234&pin-source=file:/x",
                         CS_EXPECT_KEY),
        0);
}

static void test_a_key_goes_by_the_names_of_all_its_objects(void **state)
{
    (void)state;
    assert_int_equal(
        key_of("pkcs11:object=alice%27s%20certificate;type=private", CS_EXPECT_KEY), 0);
    assert_int_equal(key_of("alice's certificate", CS_EXPECT_KEY), 0);
    assert_int_equal(key_of("alice", CS_EXPECT_KEY), 0);
    assert_int_equal(key_of("at home", CS_EXPECT_KEY), 0);
}

static void test_a_name_may_mean_one_certificate_of_a_key(void **state)
{
    struct cs_name_match match;

    (void)state;
    assert_int_equal(cs_name_resolve(&inventory, "pkcs11:object=alice%27s%20old%20one;type=cert",
                         CS_EXPECT_CERTIFICATE, time(NULL), &match, NULL),
        0);
    assert_true(is_certificate(match.leaf, old_leaf));
    assert_int_equal(
        cs_name_resolve(&inventory, "alice", CS_EXPECT_ANY, time(NULL), &match, NULL), 0);
    assert_true(is_certificate(match.leaf, leaf));
}

static void test_certificates_without_a_key(void **state)
{
    (void)state;
    assert_int_equal(key_of("ca", CS_EXPECT_ANY), -1);
    assert_int_equal(key_of("pkcs11:object=ca;type=cert", CS_EXPECT_CERTIFICATE), -1);
    assert_int_equal(key_of("ca", CS_EXPECT_KEY), CS_ERR_NOT_FOUND);
    assert_int_equal(key_of("pkcs11:object=ca;type=private", CS_EXPECT_ANY), CS_ERR_NOT_FOUND);
    /* alice has a certificate, the twins have none */
    assert_int_equal(key_of("pkcs11:token=corp;type=cert", CS_EXPECT_CERTIFICATE), 0);
    assert_int_equal(key_of("PKCS11:token=corp;type=cert", CS_EXPECT_CERTIFICATE), 0);
    assert_int_equal(key_of("pkcs11:object=twin", CS_EXPECT_CERTIFICATE), CS_ERR_NOT_FOUND);
}

static void assert_hiding(const char *name, enum cs_expect expect, const char *token)
{
    struct cs_name_match match;

    assert_int_equal(
        cs_name_resolve(&inventory, name, expect, time(NULL), &match, NULL), CS_ERR_NOT_FOUND);
    if (token)
        assert_string_equal(match.hiding ? match.hiding->name : "none", token);
    else
        assert_null(match.hiding);
}

static void test_a_label_may_be_that_of_a_hidden_key(void **state)
{
    (void)state;
    assert_hiding("pkcs11:object=bob;token=home", CS_EXPECT_KEY, "home");
    assert_hiding("pkcs11:object=bob;token=home;type=private", CS_EXPECT_ANY, "home");
    assert_hiding("pkcs11:object=bob;token=home", CS_EXPECT_CERTIFICATE, "home");
    assert_hiding("pkcs11:object=bob;token=home;type=cert", CS_EXPECT_CERTIFICATE, NULL);
    assert_hiding("pkcs11:object=bob;token=corp", CS_EXPECT_KEY, NULL);
    assert_hiding("pkcs11:object=bob;id=%38;token=home", CS_EXPECT_KEY, NULL);
    assert_hiding("pkcs11:id=%38;token=home", CS_EXPECT_KEY, NULL);
    assert_hiding("pkcs11:id=%38;token=em%20pty", CS_EXPECT_KEY, "em pty");
    assert_hiding("pkcs11:object=bob;type=cert;token=em%20pty", CS_EXPECT_ANY, "em pty");
}

static void test_which_of_several_hides_it_is_not_guessed(void **state)
{
    (void)state;
    assert_hiding("pkcs11:object=bob", CS_EXPECT_KEY, NULL);
    assert_hiding("bob", CS_EXPECT_KEY, NULL);
    put_token(&inventory, make_token("em pty", 3, UNLOCKED));
    assert_hiding("pkcs11:object=bob", CS_EXPECT_KEY, "home");
    assert_hiding("bob", CS_EXPECT_KEY, "home");
}

static void test_an_id_tells_whose_label_is_hidden(void **state)
{
    (void)state;
    assert_int_equal(key_of("pkcs11:object=bob;id=%37", CS_EXPECT_KEY), 0);
    assert_int_equal(key_of("pkcs11:object=bob;id=%37;token=home;type=private", CS_EXPECT_ANY), 0);
    assert_int_equal(key_of("pkcs11:object=bob;id=%31", CS_EXPECT_KEY), CS_ERR_NOT_FOUND);
}

static void test_what_fits_is_not_looked_for_among_what_is_hidden(void **state)
{
    CS_AUTO(cs_pattern_freep) struct cs_pattern *pattern = NULL;

    (void)state;
    assert_hiding("pkcs11:object=at%20home", CS_EXPECT_CERTIFICATE, NULL);
    assert_hiding("pkcs11:object=twin;id=%32", CS_EXPECT_CERTIFICATE, NULL);
    assert_int_equal(cs_pattern_new("pkcs11:object=at%20home;token=home", &pattern, NULL), 0);
    assert_null(cs_pattern_hiding(pattern, &inventory));
}

static void test_a_token_that_another_module_has_unlocked_hides_nothing(void **state)
{
    struct cs_token *token = make_token("home", 4, UNLOCKED);

    (void)state;
    assert_hiding("pkcs11:object=bob;token=home", CS_EXPECT_KEY, "home");
    add_private(token, "at home", "7", keys[0]);
    put_token(&inventory, token);
    assert_hiding("pkcs11:object=bob;token=home", CS_EXPECT_KEY, NULL);
}

/* Its certificate has another CKA_ID than its public key, and one of them is the private key's. */
static void test_the_id_beside_a_hidden_label_is_that_of_any_object(void **state)
{
    struct cs_token *token = make_token("home", 2, LOCKED);

    (void)state;
    add_public(token, "at home", "7", keys[0]);
    add_certificate(token, "certificate", "8", leaf);
    add_public(token, "other", "9", keys[1]);
    put_token(&inventory, token);
    assert_int_equal(key_of("pkcs11:object=bob;id=%37;token=home", CS_EXPECT_KEY), 0);
    assert_int_equal(key_of("pkcs11:object=bob;id=%38;token=home", CS_EXPECT_KEY), 0);
    /* But this label is another key's. */
    assert_int_equal(
        key_of("pkcs11:object=other;id=%38;token=home", CS_EXPECT_KEY), CS_ERR_NOT_FOUND);
}

static void assert_may_fit(const char *name, bool fits, bool may_fit)
{
    CS_AUTO(cs_pattern_freep) struct cs_pattern *pattern = NULL;
    const struct cs_identity *home = NULL;

    for (size_t i = 0; i < inventory.n_identities; i++)
        if (!inventory.identities[i]->private_key)
            home = inventory.identities[i];
    assert_non_null(home);
    assert_int_equal(cs_pattern_new(name, &pattern, NULL), 0);
    assert_int_equal(cs_pattern_fits(pattern, home), fits);
    assert_int_equal(cs_pattern_may_fit(pattern, home), may_fit);
}

static void test_a_pattern_may_fit_a_hidden_key(void **state)
{
    (void)state;
    assert_may_fit("bob", false, true);
    assert_may_fit("pkcs11:object=bob;token=home", false, true);
    assert_may_fit("pkcs11:object=bob;id=%37", false, true);
    assert_may_fit("pkcs11:object=bob;id=%38", false, false);
    assert_may_fit("pkcs11:object=bob;token=corp", false, false);
    assert_may_fit("pkcs11:object=bob;type=cert", false, false);
    assert_may_fit("at home", true, false);
    assert_may_fit("pkcs11:token=home", true, false);
    assert_may_fit("pkcs11:token=corp", false, false);
    assert_may_fit("0123456789abcdef", false, false);
}

static void test_what_shows_on_a_token_is_not_looked_for_among_what_is_hidden(void **state)
{
    struct cs_token *token = make_token("home", 2, LOCKED);

    (void)state;
    add_public(token, "bob", "8", keys[1]);
    add_public(token, "at home", "7", keys[0]);
    put_token(&inventory, token);
    assert_may_fit("bob", false, false);
    assert_may_fit("eve", false, true);
}

static void test_ids_in_hex(void **state)
{
    char id[2 * CS_ID_SIZE + 1];

    (void)state;
    for (size_t i = 0; i < inventory.n_identities; i++) {
        int expected = key_of(inventory.identities[i]->uri, CS_EXPECT_KEY);

        cs_hex_write(inventory.identities[i]->key->id, CS_ID_SIZE, id);
        assert_int_equal(key_of(id, CS_EXPECT_KEY), expected);
        id[8] = '\0';
        assert_int_equal(key_of(id, CS_EXPECT_KEY), expected);
        id[7] = '\0';
        assert_int_equal(key_of(id, CS_EXPECT_KEY), CS_ERR_NOT_FOUND);
    }
}

static void test_several_are_listed(void **state)
{
    (void)state;
    assert_int_equal(key_of("twin", CS_EXPECT_KEY), CS_ERR_AMBIGUOUS);
    assert_non_null(strstr(sentence_of("twin", CS_EXPECT_KEY), "id=%32"));
    assert_non_null(strstr(sentence_of("twin", CS_EXPECT_KEY), "id=%33"));
    assert_null(strstr(sentence_of("twin", CS_EXPECT_KEY), "alice"));
    assert_int_equal(key_of("pkcs11:", CS_EXPECT_KEY), CS_ERR_AMBIGUOUS);
}

static void test_nothing_is_answered_with_what_there_is(void **state)
{
    (void)state;
    assert_non_null(strstr(sentence_of("pkcs11:object=bob", CS_EXPECT_KEY), "object=alice"));
    assert_non_null(strstr(
        sentence_of("pkcs11:object=bob;token=home", CS_EXPECT_KEY), "countersign unlock home"));
    assert_non_null(
        strstr(sentence_of("pkcs11:token=em%20pty", CS_EXPECT_KEY), "countersign unlock 'em pty'"));
}

static void test_what_is_no_uri(void **state)
{
    (void)state;
    assert_int_equal(key_of("pkcs11:object=%zz", CS_EXPECT_KEY), CS_ERR_INVALID);
    assert_int_equal(key_of("pkcs11:object", CS_EXPECT_KEY), CS_ERR_INVALID);
    assert_non_null(strstr(sentence_of("pkcs11:object=%zz", CS_EXPECT_KEY), "RFC 7512"));
}

static void test_a_long_list_ends(void **state)
{
    struct cs_token *token = make_token("corp", 1, UNLOCKED);
    unsigned listed = 0, left_out = 0;
    const char *said;

    (void)state;
    for (int i = 0; i < 20; i++) {
        EVP_PKEY *key = make_key("P-256");

        add_private(token, "many", "x", key);
        EVP_PKEY_free(key);
    }
    put_token(&inventory, token);
    said = sentence_of("many", CS_EXPECT_KEY);
    for (const char *at = said; (at = strstr(at, "type=private (")); at++)
        listed++;
    assert_true(listed > 1);
    assert_non_null(strstr(said, " and "));
    assert_int_equal(sscanf(strstr(said, " and "), " and %u more; name one", &left_out), 1);
    assert_int_equal(listed + left_out, 20);
}

static void test_a_pin_in_a_uri_is_not_repeated(void **state)
{
    const struct cs_token *token;
    struct cs_fault fault = {0};

    (void)state;
    assert_null(strstr(sentence_of("pkcs11:object=x?pin-value=4321", CS_EXPECT_KEY), "4321"));
    assert_null(strstr(sentence_of("PKCS11:object=x?pin-value=4321", CS_EXPECT_KEY), "4321"));
    assert_null(strstr(sentence_of("pkcs11:object=twin?pin-value=4321", CS_EXPECT_KEY), "4321"));
    assert_null(strstr(sentence_of("pkcs11:object=x;pin-value=4321", CS_EXPECT_KEY), "4321"));
    assert_int_equal(
        cs_name_find_token(&inventory, "pkcs11:token=x?pin-value=4321", &token, &fault),
        CS_ERR_NOT_FOUND);
    assert_null(strstr(fault.text, "4321"));
    assert_int_equal(
        cs_name_find_token(&inventory, "pkcs11:token=x;pin-value=4321", &token, &fault),
        CS_ERR_NOT_FOUND);
    assert_null(strstr(fault.text, "4321"));
    assert_int_equal(
        cs_name_find_token(&inventory, "pkcs11:?pin-value=4321", &token, &fault), CS_ERR_AMBIGUOUS);
    assert_null(strstr(fault.text, "4321"));
}

static void assert_command(const char *name, const char *word)
{
    struct cs_fault fault = {0};
    char end[128];

    snprintf(end, sizeof(end),
        strchr(word, '\'') ? ": run countersign unlock %s" : ": run 'countersign unlock %s'", word);
    assert_int_equal(cs_token_say_locked("a token", name, &fault), CS_ERR_LOCKED);
    assert_true(strlen(fault.text) > strlen(end));
    assert_string_equal(fault.text + strlen(fault.text) - strlen(end), end);
}

static void test_a_label_runs_nothing_in_a_shell(void **state)
{
    (void)state;
    assert_command("corp", "corp");
    assert_command("my card", "'my card'");
    assert_command("$(date)", "'$(date)'");
    assert_command("it's $(date)", "'it'\\''s $(date)'");
    assert_command("'`date`\"", "''\\''`date`\"'");
    assert_command("-x", "-- -x");
    assert_command("", "''");
}

static void put_empty_token(const char *label, const char *serial, uint32_t slot)
{
    const struct cs_host_token report = {
        .slot = slot, .label = cs_bytes_of(label), .serial = cs_bytes_of(serial), .flags = LOCKED};
    struct cs_token *token = NULL;

    assert_int_equal(cs_token_new(&report, &token), 0);
    put_token(&inventory, token);
}

static void assert_word(uint32_t slot, const char *word)
{
    assert_string_equal(cs_inventory_token(&inventory, NULL, slot)->word, word);
}

/* What a command calls a token must name it and no other. */
static void test_a_label_of_two_tokens_calls_neither(void **state)
{
    const struct cs_token *token = NULL;
    struct cs_fault fault = {0};

    (void)state;
    put_empty_token("home", "0001", 4);
    put_empty_token("pkcs11:token=home", "0002", 5);
    assert_word(1, "corp");
    assert_word(2, "home"); /* its serial */
    assert_word(4, "0001");
    assert_word(5, "0002");
    assert_int_equal(
        cs_name_find_token(&inventory, "pkcs11:token=home", &token, &fault), CS_ERR_AMBIGUOUS);
    assert_non_null(strstr(fault.text, "name one by its serial"));
    for (uint32_t slot = 4; slot <= 5; slot++) {
        const char *word = cs_inventory_token(&inventory, NULL, slot)->word;

        assert_int_equal(cs_name_find_token(&inventory, word, &token, &fault), 0);
        assert_int_equal(token->slot, slot);
    }
    cs_inventory_remove(&inventory, NULL, 2);
    assert_word(4, "home");
}

static void test_tokens(void **state)
{
    const struct cs_token *token = NULL;
    struct cs_fault fault = {0};

    (void)state;
    assert_int_equal(cs_name_find_token(&inventory, "home", &token, NULL), 0);
    assert_int_equal(token->slot, 2);
    assert_int_equal(cs_name_find_token(&inventory, "pkcs11:token=em%20pty", &token, NULL), 0);
    assert_int_equal(token->slot, 3);
    assert_int_equal(
        cs_name_find_token(&inventory, "pkcs11:model=Test", &token, &fault), CS_ERR_AMBIGUOUS);
    assert_int_equal(cs_name_find_token(&inventory, "none", &token, &fault), CS_ERR_NOT_FOUND);
    assert_non_null(strstr(fault.text, "token=corp"));
    assert_int_equal(cs_name_find_locked(&inventory, &token, &fault), CS_ERR_AMBIGUOUS);
    cs_inventory_remove(&inventory, NULL, 3);
    assert_int_equal(cs_name_find_locked(&inventory, &token, &fault), 0);
    assert_int_equal(token->slot, 2);
    cs_inventory_remove(&inventory, NULL, 2);
    assert_int_equal(cs_name_find_locked(&inventory, &token, &fault), 0);
    assert_null(token);
    cs_inventory_remove(&inventory, NULL, 1);
    assert_int_equal(cs_name_find_locked(&inventory, &token, &fault), CS_ERR_NOT_FOUND);
    assert_string_equal(fault.text, "there is no token: insert one");
}

/* Behind what there is, and when nothing is. */
static void assert_reason(const char *reason)
{
    const struct cs_token *token = NULL;
    struct cs_fault fault = {0};
    const char *end;

    assert_int_equal(cs_name_find_token(&inventory, "none", &token, &fault), CS_ERR_NOT_FOUND);
    assert_non_null(strstr(fault.text, "there are: pkcs11:"));
    end = strstr(fault.text, reason);
    assert_non_null(end);
    assert_memory_equal(end - 2, "; ", 2);
    for (uint32_t slot = 1; slot <= 3; slot++)
        cs_inventory_remove(&inventory, NULL, slot);
    assert_int_equal(cs_name_find_locked(&inventory, &token, &fault), CS_ERR_NOT_FOUND);
    assert_string_equal(fault.text, reason);
}

static void test_a_module_that_does_not_run_is_named(void **state)
{
    (void)state;
    inventory.failed = "broken";
    assert_reason("module 'broken' does not run: see 'countersign status'");
}

static void test_a_module_in_trouble_is_named(void **state)
{
    (void)state;
    inventory.troubled = "odd";
    assert_reason("module 'odd' cannot use a token that is there: see 'countersign status'");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_each_identity_is_found_by_its_own_uri),
        TEST(test_any_attributes_in_any_order),
        TEST(test_slots_libraries_and_pins_decide_nothing),
        TEST(test_a_key_goes_by_the_names_of_all_its_objects),
        TEST(test_a_name_may_mean_one_certificate_of_a_key),
        TEST(test_certificates_without_a_key),
        TEST(test_a_label_may_be_that_of_a_hidden_key),
        TEST(test_which_of_several_hides_it_is_not_guessed),
        TEST(test_an_id_tells_whose_label_is_hidden),
        TEST(test_what_fits_is_not_looked_for_among_what_is_hidden),
        TEST(test_a_token_that_another_module_has_unlocked_hides_nothing),
        TEST(test_the_id_beside_a_hidden_label_is_that_of_any_object),
        TEST(test_a_pattern_may_fit_a_hidden_key),
        TEST(test_what_shows_on_a_token_is_not_looked_for_among_what_is_hidden),
        TEST(test_ids_in_hex),
        TEST(test_several_are_listed),
        TEST(test_nothing_is_answered_with_what_there_is),
        TEST(test_what_is_no_uri),
        TEST(test_a_long_list_ends),
        TEST(test_a_pin_in_a_uri_is_not_repeated),
        TEST(test_a_label_runs_nothing_in_a_shell),
        TEST(test_a_label_of_two_tokens_calls_neither),
        TEST(test_tokens),
        TEST(test_a_module_that_does_not_run_is_named),
        TEST(test_a_module_in_trouble_is_named),
    };

    return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
