/* SPDX-License-Identifier: Apache-2.0 */
/* agent/identity, inventory, chain: what a token shows becomes identities, before a login and
 * after it. */
#include "inventory/chain.h"
#include "made-token.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

/* Keys and certificates that all tests use. */
static struct {
    EVP_PKEY *key[3], *ca_key, *root_key;
    X509 *leaf[3], *ca, *root;
    X509 *renewed, *expired; /* of key 0 */
} w;

struct world {
    struct cs_inventory inventory;
};

static X509 *issue(const char *subject, EVP_PKEY *key, int from, int to)
{
    return make_certificate(&(const struct made_certificate){.subject = subject,
        .key = key,
        .issuer = w.ca,
        .issuer_key = w.ca_key,
        .from = from,
        .to = to});
}

static int make_world(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        w.key[i] = make_key("P-256");
    w.ca_key = make_key("P-384");
    w.root_key = make_key("P-384");
    w.root = make_certificate(&(const struct made_certificate){
        .subject = "Root", .key = w.root_key, .ca = true, .from = -1, .to = 900});
    w.ca = make_certificate(&(const struct made_certificate){.subject = "CA",
        .key = w.ca_key,
        .issuer = w.root,
        .issuer_key = w.root_key,
        .ca = true,
        .from = -1,
        .to = 800});
    for (size_t i = 0; i < 3; i++)
        w.leaf[i] = issue("alice", w.key[i], -1, 30);
    w.renewed = issue("alice", w.key[0], -1, 400);
    w.expired = issue("alice", w.key[0], -400, -1);
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY_free(w.key[i]);
        X509_free(w.leaf[i]);
    }
    EVP_PKEY_free(w.ca_key);
    EVP_PKEY_free(w.root_key);
    X509_free(w.root);
    X509_free(w.ca);
    X509_free(w.renewed);
    X509_free(w.expired);
    return 0;
}

static int setup(void **state)
{
    static struct world world;

    cs_inventory_init(&world.inventory);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    cs_inventory_deinit(&world->inventory);
    return 0;
}

static void test_a_private_key_with_its_certificate_is_one_identity(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, UNLOCKED);
    const struct cs_identity *identity;

    add_private(token, "alice", "1", w.key[0]);
    add_public(token, "alice", "1", w.key[0]);
    add_certificate(token, "alice's certificate", "1", w.leaf[0]);
    add_certificate(token, "ca", "", w.ca);
    put_token(inventory, token);
    assert_int_equal(inventory->n_identities, 1);
    assert_int_equal(inventory->n_certificates, 1);
    identity = inventory->identities[0];
    assert_int_equal(identity->n_certificates, 1);
    assert_int_equal(identity->key->type, CS_KEY_EC);
    assert_int_equal(identity->key->bits, 256);
    assert_string_equal(identity->key->group, "prime256v1");
    assert_int_equal(identity->schemes[0], 0x0403);
    assert_int_equal(cs_identity_flags(identity), CS_IDENTITY_KEY_SEEN);
    assert_string_equal(identity->uri, "pkcs11:model=Test;manufacturer=Made;serial=corp;token=corp;"
                                       "id=%31;object=alice;type=private");
}

static void test_a_locked_token_offers_what_it_will_have(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, LOCKED);

    add_certificate(token, "alice", "1", w.leaf[0]);
    add_public(token, "bare", "2", w.key[1]);
    add_certificate(token, "no id", "", w.leaf[2]);
    add_certificate(token, "ca", "3", w.ca);
    put_token(inventory, token);
    assert_int_equal(inventory->n_identities, 2);
    assert_int_equal(cs_identity_flags(inventory->identities[0]), 0);
    assert_int_equal(inventory->n_certificates, 2);
}

static void test_the_id_stays_over_the_login(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, LOCKED);
    uint64_t generation = inventory->generation;
    uint8_t id[CS_ID_SIZE];

    add_certificate(token, "alice", "1", w.leaf[0]);
    add_certificate(token, "other", "2", w.leaf[1]);
    put_token(inventory, token);
    assert_true(inventory->generation > generation);
    assert_int_equal(inventory->n_identities, 2);
    memcpy(id, inventory->identities[0]->key->id, sizeof(id));

    token = make_token("corp", 1, UNLOCKED);
    add_private(token, "alice", "1", w.key[0]);
    add_certificate(token, "alice", "1", w.leaf[0]);
    add_certificate(token, "other", "2", w.leaf[1]);
    put_token(inventory, token);
    assert_int_equal(inventory->n_tokens, 1);
    assert_int_equal(inventory->n_identities, 1);
    assert_int_equal(inventory->n_certificates, 1);
    assert_memory_equal(id, inventory->identities[0]->key->id, sizeof(id));
}

/* As on smart cards, where each object has a label of its own. */
static void test_the_name_stays_over_the_login(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    char uri[2][256];

    for (size_t i = 0; i < 2; i++) {
        struct cs_token *token = make_token("card", 1, i ? UNLOCKED : LOCKED);

        add_certificate(token, "certificate", "1", w.leaf[0]);
        add_certificate(token, "certificate alone", "2", w.leaf[1]);
        add_public(token, "public key", "1", w.key[0]);
        if (i > 0)
            add_private(token, "private key", "1", w.key[0]);
        if (i > 0)
            add_private(token, "another private key", "2", w.key[1]);
        put_token(inventory, token);
        assert_int_equal(inventory->n_identities, 2);
        for (size_t j = 0; j < 2; j++) {
            if (i > 0)
                assert_string_equal(uri[j], inventory->identities[j]->uri);
            snprintf(uri[j], sizeof(uri[j]), "%s", inventory->identities[j]->uri);
        }
    }
    assert_non_null(strstr(uri[0], "public%20key"));
    assert_non_null(strstr(uri[1], "certificate%20alone"));
}

static void test_a_key_alone_goes_by_its_own_name(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, UNLOCKED);

    add_private(token, "private key", "1", w.key[0]);
    add_certificate(token, "", "1", w.leaf[0]);
    put_token(inventory, token);
    assert_true(
        cs_bytes_equal(inventory->identities[0]->source->label, cs_bytes_of("private key")));
}

static void test_an_inferred_key_stays_between_login_and_report(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, LOCKED);
    const struct cs_host_token_state unlocked = {.slot = 1, .flags = UNLOCKED};
    uint64_t generation;

    add_certificate(token, "alice", "1", w.leaf[0]);
    put_token(inventory, token);
    generation = inventory->generation;
    cs_token_set_state(token, &unlocked);
    cs_inventory_touch(inventory);
    assert_true(inventory->generation > generation);
    assert_int_equal(inventory->n_identities, 1);
    assert_false(cs_token_is_locked(inventory->identities[0]->token));
}

static void test_a_key_that_does_not_tell_is_paired_by_its_id(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, UNLOCKED);

    add_silent(token, "by certificate", "1", CS_KEY_EC);
    add_certificate(token, "alice", "1", w.leaf[0]);
    add_silent(token, "by public key", "2", CS_KEY_EC);
    add_public(token, "bob", "2", w.key[1]);
    add_silent(token, "of another kind", "1", CS_KEY_RSA);
    add_silent(token, "with no id", "", CS_KEY_EC);
    put_token(inventory, token);
    assert_int_equal(inventory->n_identities, 2);
    assert_true(cs_bytes_equal(
        inventory->identities[0]->private_key->label, cs_bytes_of("by certificate")));
    assert_int_equal(inventory->identities[0]->n_certificates, 1);
    assert_int_equal(inventory->identities[1]->n_certificates, 0);
}

static void test_a_certificate_of_another_key_is_not_taken_for_its_id(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, UNLOCKED);

    add_private(token, "alice", "1", w.key[0]);
    add_certificate(token, "alice", "1", w.leaf[1]);
    put_token(inventory, token);
    assert_int_equal(inventory->n_identities, 1);
    assert_int_equal(inventory->identities[0]->n_certificates, 0);
    assert_int_equal(inventory->n_certificates, 1);
}

static void test_certificates_come_best_first(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, UNLOCKED);
    struct cs_buf space = CS_BUF_INIT(CS_PAGE_MAX);
    struct cs_msg_identity m;
    struct cs_reader reader;
    unsigned char *best = NULL;
    int len = i2d_X509(w.renewed, &best);
    time_t now = time(NULL);

    add_private(token, "alice", "1", w.key[0]);
    add_certificate(token, "expired", "1", w.expired);
    add_certificate(token, "valid", "1", w.leaf[0]);
    add_certificate(token, "renewed", "1", w.renewed);
    put_token(inventory, token);
    assert_true(is_certificate(cs_identity_best(inventory->identities[0], now), w.renewed));
    assert_true(
        is_certificate(cs_identity_best(inventory->identities[0], now - 200L * DAY), w.expired));
    cs_identity_describe(inventory->identities[0], now, &space, &m);
    assert_int_equal(m.n_certificates, 3);
    reader = cs_reader_of(m.certificates);
    assert_true(cs_bytes_equal(cs_get_bytes(&reader), CS_BYTES(best, (size_t)len)));
    cs_buf_deinit(&space);
    OPENSSL_free(best);
}

/* The certificate restricts the key: to PSS it signs, whatever the token says of it. */
static void test_an_rsa_key_is_what_its_certificates_say(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, UNLOCKED);
    EVP_PKEY *pss = make_key("RSA-PSS");
    X509 *certificate = issue("alice", pss, -1, 30);

    add_silent(token, "alice", "1", CS_KEY_RSA);
    add_certificate(token, "alice", "1", certificate);
    put_token(inventory, token);
    assert_int_equal(inventory->n_identities, 1);
    assert_int_equal(inventory->identities[0]->key->type, CS_KEY_RSA_PSS);
    assert_true(cs_identity_can(inventory->identities[0], 0x0809));
    assert_false(cs_identity_can(inventory->identities[0], 0x0401));
    X509_free(certificate);
    EVP_PKEY_free(pss);
}

static void test_garbage_is_left_out(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, UNLOCKED);
    struct cs_host_object report = {.slot = 1,
        .object_class = CS_HOST_CERTIFICATE,
        .label = cs_bytes_of("x"),
        .value = cs_bytes_of("no certificate")};

    assert_int_equal(cs_token_add(token, &report), 0);
    report.object_class = CS_HOST_PUBLIC_KEY;
    report.key_type = CS_KEY_EC;
    assert_int_equal(cs_token_add(token, &report), 0);
    add_private(token, "alice", "1", w.key[0]);
    put_token(inventory, token);
    assert_int_equal(inventory->n_identities, 1);
    assert_int_equal(inventory->n_certificates, 0);
}

static void test_a_token_behind_two_modules_shows_its_keys_once(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;

    for (uint32_t slot = 1; slot <= 2; slot++) {
        struct cs_token *token = make_token("corp", slot, slot == 2 ? UNLOCKED : LOCKED);

        add_certificate(token, "alice", "1", w.leaf[0]);
        if (slot == 2)
            add_private(token, "alice", "1", w.key[0]);
        add_certificate(token, "ca", "", w.ca);
        put_token(inventory, token);
    }
    assert_int_equal(inventory->n_tokens, 2);
    assert_int_equal(inventory->n_identities, 1);
    assert_int_equal(inventory->n_certificates, 1);
    /* To sign, the one that needs no PIN. */
    assert_int_equal(
        cs_inventory_identity(inventory, CS_BYTES(inventory->identities[0]->key->id, CS_ID_SIZE))
            ->token->slot,
        2);
    cs_inventory_remove(inventory, NULL, 2);
    assert_int_equal(inventory->n_tokens, 1);
    assert_int_equal(inventory->n_identities, 1);
}

static void test_the_chain_comes_from_any_token_and_ends_before_the_root(void **state)
{
    struct cs_inventory *inventory = &((struct world *)*state)->inventory;
    struct cs_token *token = make_token("corp", 1, UNLOCKED);
    struct cs_token *other = make_token("authorities", 2, UNLOCKED);
    struct cs_buf chain = CS_BUF_INIT(CS_PAGE_MAX);
    struct cs_reader reader;
    uint32_t n;

    add_private(token, "alice", "1", w.key[0]);
    add_certificate(token, "alice", "1", w.leaf[0]);
    put_token(inventory, token);
    add_certificate(other, "root", "", w.root);
    add_certificate(other, "ca", "", w.ca);
    add_certificate(other, "other leaf", "", w.leaf[1]);
    put_token(inventory, other);
    n = cs_chain_put(
        inventory, cs_identity_best(inventory->identities[0], time(NULL)), time(NULL), &chain);
    assert_int_equal(n, 2);
    reader = cs_reader_of(cs_buf_bytes(&chain));
    cs_get_bytes(&reader);
    cs_get_bytes(&reader);
    assert_int_equal(cs_reader_end(&reader), 0);
    cs_buf_deinit(&chain);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_private_key_with_its_certificate_is_one_identity),
        TEST(test_a_locked_token_offers_what_it_will_have),
        TEST(test_the_id_stays_over_the_login),
        TEST(test_the_name_stays_over_the_login),
        TEST(test_a_key_alone_goes_by_its_own_name),
        TEST(test_an_inferred_key_stays_between_login_and_report),
        TEST(test_a_key_that_does_not_tell_is_paired_by_its_id),
        TEST(test_a_certificate_of_another_key_is_not_taken_for_its_id),
        TEST(test_certificates_come_best_first),
        TEST(test_an_rsa_key_is_what_its_certificates_say),
        TEST(test_garbage_is_left_out),
        TEST(test_a_token_behind_two_modules_shows_its_keys_once),
        TEST(test_the_chain_comes_from_any_token_and_ends_before_the_root),
    };

    return cmocka_run_group_tests_name("identity", tests, make_world, end_world);
}
