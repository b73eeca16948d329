/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates by PEM reference and by URI: ours come from the agent, others never do. */
#include "guest.h"

#include "base/pem.h"

#include <countersign/error.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void check_key(struct guest *f, EVP_PKEY *key, const struct keyring_entry *entry)
{
    EVP_PKEY *copy;

    assert_non_null(key);
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "countersign");
    assert_int_equal(EVP_PKEY_get_id(entry->key), EVP_PKEY_get_base_id(entry->key));
    assert_true(EVP_PKEY_is_a(key, EVP_PKEY_get0_type_name(entry->key)));
    assert_int_equal(EVP_PKEY_get_bits(key), EVP_PKEY_get_bits(entry->key));
    assert_int_equal(EVP_PKEY_get_security_bits(key), EVP_PKEY_get_security_bits(entry->key));
    assert_int_equal(EVP_PKEY_get_size(key), EVP_PKEY_get_size(entry->key));
    assert_int_equal(X509_check_private_key(entry->certificate, key), 1);
    assert_int_equal(EVP_PKEY_eq(key, entry->key), 1);
    copy = EVP_PKEY_dup(key);
    assert_int_equal(EVP_PKEY_eq(key, copy), 1);
    EVP_PKEY_free(copy);
    copy = guest_load_reference(f, entry->name);
    assert_int_equal(EVP_PKEY_eq(key, copy), 1);
    EVP_PKEY_free(copy);
    copy = guest_load_reference(f, "ec521");
    assert_int_equal(EVP_PKEY_eq(key, copy) == 1, strcmp(entry->name, "ec521") == 0);
    ERR_clear_error(); /* another type of key is one */
    EVP_PKEY_free(copy);
    assert_true(guest_signs(f, key, entry));
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_every_key_signs_by_reference(void **state)
{
    struct guest *f = *state;

    for (size_t i = 0; i < keyring.n_entries; i++) {
        EVP_PKEY *key = guest_load_reference(f, keyring.entries[i].name);

        check_key(f, key, &keyring.entries[i]);
        assert_int_equal(keyring.last_input, CS_INPUT_MESSAGE);
        EVP_PKEY_free(key);
    }
}

static void test_every_key_signs_by_uri(void **state)
{
    struct guest *f = *state;

    for (size_t i = 0; i < keyring.n_entries; i++) {
        char uri[64];
        EVP_PKEY *key;

        snprintf(uri, sizeof(uri), "pkcs11:object=%s;type=private", keyring.entries[i].name);
        key = guest_load_uri(f, uri);
        check_key(f, key, &keyring.entries[i]);
        EVP_PKEY_free(key);
    }
}

static void test_a_reference_with_a_uri_alone_still_loads(void **state)
{
    struct guest *f = *state;

    for (size_t i = 0; i < keyring.n_entries; i++) {
        EVP_PKEY *key = guest_load_uri_reference(f, keyring.entries[i].name);

        check_key(f, key, &keyring.entries[i]);
        EVP_PKEY_free(key);
    }
}

static void test_a_uri_costs_one_question(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_uri_reference(f, "ec");

    assert_int_equal(keyring.n_resolved, 1);
    EVP_PKEY_free(key);
    key = guest_load_uri(f, "pkcs11:object=ec");
    assert_int_equal(keyring.n_resolved, 2);
    assert_int_equal(X509_check_private_key(keyring_find(&keyring, "ec")->certificate, key), 1);
    assert_int_equal(keyring.n_signed, 0);
    EVP_PKEY_free(key);
}

static void test_a_whole_reference_asks_no_agent(void **state)
{
    struct guest *f = *state;

    fake_agent_stop(&keyring.agent);
    for (size_t i = 0; i < keyring.n_entries; i++) {
        const struct keyring_entry *entry = &keyring.entries[i];
        EVP_PKEY *key = guest_load_reference(f, entry->name);

        assert_non_null(key);
        assert_int_equal(X509_check_private_key(entry->certificate, key), 1);
        assert_int_equal(EVP_PKEY_eq(key, entry->key), 1);
        assert_int_equal(ERR_peek_error(), 0);
        assert_false(guest_signs(f, key, entry));
        assert_true(guest_first_error_says("no Countersign agent answers"));
        EVP_PKEY_free(key);
    }
    fake_agent_restart(&keyring.agent);
}

/* The reference of a key that the agent does not know, called like one that it may know. */
static EVP_PKEY *load_stranger(struct guest *f, const char *name)
{
    struct keyring_entry stranger = *keyring_find(&keyring, "ec");
    struct cs_buf pem = CS_BUF_INIT(4096);
    EVP_PKEY *key;

    stranger.name = name;
    memset(stranger.id, 0x5a, sizeof(stranger.id));
    keyring_put_reference(&pem, &stranger);
    key = guest_read_pem(f, &pem);
    cs_buf_deinit(&pem);
    assert_non_null(key);
    return key;
}

static void test_what_an_unknown_key_was_called_is_told(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = load_stranger(f, "nobody");

    assert_false(guest_signs(f, key, keyring_find(&keyring, "ec")));
    assert_true(guest_first_error_says("no such key: look again; it was called object=nobody"));
    EVP_PKEY_free(key);
    key = load_stranger(f, "ec");
    assert_false(guest_signs(f, key, keyring_find(&keyring, "ec")));
    assert_true(guest_first_error_says("object=ec is another one: write the file again"));
    EVP_PKEY_free(key);
}

static void test_the_block_of_others_is_read_too(void **state)
{
    /* openssl asn1parse of it: SEQUENCE, VISIBLESTRING "PKCS#11 Provider URI v1.0", UTF8STRING */
    static const char text[] = "-----BEGIN PKCS#11 PROVIDER URI-----\n"
                               "MC0aGVBLQ1MjMTEgUHJvdmlkZXIgVVJJIHYxLjAMEHBrY3MxMTpvYmplY3Q9ZWM=\n"
                               "-----END PKCS#11 PROVIDER URI-----\n";
    struct cs_buf pem = CS_BUF_INIT(4096);
    struct guest *f = *state;
    EVP_PKEY *key;

    cs_buf_put(&pem, text, sizeof(text) - 1);
    key = guest_read_pem(f, &pem);
    check_key(f, key, keyring_find(&keyring, "ec"));
    EVP_PKEY_free(key);
    cs_buf_deinit(&pem);
}

static void put_certificate(struct cs_buf *pem, const struct keyring_entry *entry)
{
    cs_pem_put(pem, "CERTIFICATE", CS_BYTES(entry->der, entry->der_len));
}

static void test_certificate_and_reference_share_a_file(void **state)
{
    const struct keyring_entry *entry = keyring_find(&keyring, "ec");
    struct guest *f = *state;

    for (int order = 0; order < 2; order++) {
        struct cs_buf pem = CS_BUF_INIT(8192);
        EVP_PKEY *key;
        X509 *certificate;
        BIO *bio;

        cs_buf_put(&pem, "a comment\n", 10);
        if (order == 0)
            put_certificate(&pem, entry);
        keyring_put_reference(&pem, entry);
        if (order == 1)
            put_certificate(&pem, entry);
        key = guest_read_pem(f, &pem);
        check_key(f, key, entry);
        EVP_PKEY_free(key);
        bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        assert_non_null(certificate);
        X509_free(certificate);
        BIO_free(bio);
        cs_buf_deinit(&pem);
    }
}

static void test_a_store_gives_the_key_first_and_then_the_certificate(void **state)
{
    struct guest *f = *state;
    OSSL_STORE_CTX *store = guest_open_store(f, "pkcs11:object=ec", 0);
    OSSL_STORE_INFO *info;

    info = OSSL_STORE_load(store);
    assert_non_null(info);
    assert_int_equal(OSSL_STORE_INFO_get_type(info), OSSL_STORE_INFO_PKEY);
    OSSL_STORE_INFO_free(info);
    assert_false(OSSL_STORE_eof(store));
    info = OSSL_STORE_load(store);
    assert_non_null(info);
    assert_int_equal(OSSL_STORE_INFO_get_type(info), OSSL_STORE_INFO_CERT);
    assert_int_equal(
        X509_cmp(OSSL_STORE_INFO_get0_CERT(info), keyring_find(&keyring, "ec")->certificate), 0);
    OSSL_STORE_INFO_free(info);
    assert_true(OSSL_STORE_eof(store));
    OSSL_STORE_close(store);
    assert_int_equal(keyring.n_resolved, 1);
}

static void expect_one(struct guest *f, const char *uri, int expect, int type)
{
    OSSL_STORE_CTX *store = guest_open_store(f, uri, expect);
    OSSL_STORE_INFO *info = OSSL_STORE_load(store);

    assert_non_null(info);
    assert_int_equal(OSSL_STORE_INFO_get_type(info), type);
    OSSL_STORE_INFO_free(info);
    assert_null(OSSL_STORE_load(store));
    assert_true(OSSL_STORE_eof(store));
    OSSL_STORE_close(store);
}

static void test_a_store_gives_what_is_expected(void **state)
{
    struct guest *f = *state;

    expect_one(f, "pkcs11:object=ec", OSSL_STORE_INFO_PKEY, OSSL_STORE_INFO_PKEY);
    expect_one(f, "pkcs11:object=ec", OSSL_STORE_INFO_CERT, OSSL_STORE_INFO_CERT);
    expect_one(f, "pkcs11:object=rsa", OSSL_STORE_INFO_CERT, OSSL_STORE_INFO_CERT);
    expect_one(f, "pkcs11:object=ec", OSSL_STORE_INFO_PUBKEY, OSSL_STORE_INFO_PUBKEY);
    expect_one(f, "pkcs11:object=ec;type=cert", 0, OSSL_STORE_INFO_CERT);
    expect_one(f, "PKCS11:object=ec;type=private?type=cert", 0, OSSL_STORE_INFO_PKEY);
}

static void test_a_store_has_no_revocation_lists(void **state)
{
    struct guest *f = *state;
    OSSL_STORE_CTX *store = guest_open_store(f, "pkcs11:object=ec", OSSL_STORE_INFO_CRL);

    assert_null(OSSL_STORE_load(store));
    assert_true(OSSL_STORE_eof(store));
    OSSL_STORE_close(store);
    assert_int_equal(keyring.n_resolved, 0);
}

static void test_an_unknown_name_is_told_in_the_agents_words(void **state)
{
    struct guest *f = *state;

    assert_null(guest_load_uri(f, "pkcs11:object=nobody"));
    assert_true(guest_first_error_says("no key is called 'nobody': look again"));
    assert_null(guest_load_uri_reference(f, "nobody"));
    assert_true(guest_first_error_says("no key is called 'nobody': look again"));
}

static void test_any_number_of_sentences_is_told(void **state)
{
    struct guest *f = *state;

    for (int i = 0; i < 40; i++) {
        char uri[64], sentence[128];

        snprintf(uri, sizeof(uri), "pkcs11:object=%d", i);
        snprintf(sentence, sizeof(sentence), "no key is called '%d': look again", i);
        assert_null(guest_load_uri(f, uri));
        assert_true(guest_queue_says(sentence));
    }
}

/* As curl has it: with 256 octets of room, less "OpenSSL/3.5.10: ", or OpenSSL gives numbers alone.
 */
static void test_a_long_sentence_is_told_as_far_as_it_fits(void **state)
{
    struct guest *f = *state;
    char uri[112] = "pkcs11:object=", line[256 - 16];
    unsigned long error;
    const char *data;
    int flags;

    for (size_t i = strlen(uri); i + 2 < sizeof(uri); i += 2)
        memcpy(uri + i, "\xc3\xa9", 3); /* é */
    assert_null(guest_load_uri(f, uri));
    error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    ERR_error_string_n(error, line, sizeof(line));
    assert_non_null(strstr(line, "no key is called '\xc3\xa9"));
    assert_string_equal(line + strlen(line) - 3, "...");
    assert_int_equal(cs_bytes_is_string(cs_bytes_of(line)), true);
    assert_non_null(strstr(data, "look again"));
    ERR_clear_error();
}

static void test_a_damaged_reference_is_told(void **state)
{
    /* The last one has 32 zeros for an id, and an empty SEQUENCE for a public key. */
    static const char no_key[] = "MFQaHENvdW50ZXJzaWduIEtleSBSZWZlcmVuY2UgdjIMEHBrY3MxMTpvYmplY3Q9"
                                 "ZWMEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAA=";
    static const char *const bodies[] = {"!!!!", "AAAA", "", "MAUCAQECAQI=", no_key};
    struct guest *f = *state;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct cs_buf pem = CS_BUF_INIT(4096);
        char text[256];

        snprintf(text, sizeof(text),
            "-----BEGIN " CS_PEM_REFERENCE "-----\n%s\n-----END " CS_PEM_REFERENCE "-----\n",
            bodies[i]);
        cs_buf_put(&pem, text, strlen(text));
        assert_null(guest_read_pem(f, &pem));
        assert_true(guest_first_error_says("the key reference is damaged"));
        cs_buf_deinit(&pem);
    }
    assert_int_equal(keyring.n_resolved, 0);
}

static void test_the_public_key_leaves_with_its_curve_by_name(void **state)
{
    struct guest *f = *state;

    for (size_t i = 0; i < keyring.n_entries; i++) {
        const struct keyring_entry *entry = &keyring.entries[i];
        EVP_PKEY *key = guest_load_reference(f, entry->name);
        unsigned char *spki = NULL;
        char group[32];
        int len = i2d_PUBKEY(key, &spki);

        assert_int_equal(len, entry->spki_len);
        assert_memory_equal(spki, entry->spki, entry->spki_len);
        if (entry->group) {
            assert_int_equal(EVP_PKEY_get_group_name(key, group, sizeof(group), NULL), 1);
            assert_string_equal(group, entry->group);
        }
        OPENSSL_free(spki);
        EVP_PKEY_free(key);
    }
}

static void test_no_private_key_leaves(void **state)
{
    struct guest *f = *state;

    for (size_t i = 0; i < keyring.n_entries; i++) {
        EVP_PKEY *key = guest_load_reference(f, keyring.entries[i].name);
        BIO *bio = BIO_new(BIO_s_mem());
        BIGNUM *private = NULL;
        unsigned char *der = NULL;
        char *text;

        assert_int_not_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
        assert_true(i2d_PrivateKey(key, &der) <= 0);
        assert_int_not_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &private), 1);
        assert_int_equal(BIO_get_mem_data(bio, &text), 0);
        BIO_free(bio);
        EVP_PKEY_free(key);
        ERR_clear_error();
    }
}

/* Everybody who asks for no provider gets OpenSSL's own. */
static void assert_others_stay_with_openssl(struct guest *f)
{
    static const char *const types[] = {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"};
    EVP_PKEY *made;
    EVP_PKEY_CTX *ctx;

    for (size_t i = 0; i < 5; i++) {
        EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(f->libctx, types[i], NULL);

        assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(keymgmt)), "default");
        EVP_KEYMGMT_free(keymgmt);
    }
    assert_null(EVP_PKEY_Q_keygen(f->libctx, "provider=countersign", "EC", "P-256"));
    made = EVP_PKEY_Q_keygen(f->libctx, NULL, "EC", "P-256");
    assert_non_null(made);
    ctx = EVP_PKEY_CTX_new_from_pkey(f->libctx, made, NULL);
    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(made);
    ERR_clear_error();
}

static void sign_and_look_at_others(struct guest *f)
{
    const struct keyring_entry *entry = keyring_find(&keyring, "ec");
    EVP_PKEY *key;
    X509 *certificate = X509_new_ex(f->libctx, NULL);
    const unsigned char *der = entry->der;

    assert_non_null(d2i_X509(&certificate, &der, (long)entry->der_len));
    assert_string_equal(
        OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(X509_get0_pubkey(certificate))), "default");
    assert_others_stay_with_openssl(f);
    key = guest_load_reference(f, "ec");
    assert_true(guest_signs(f, key, entry));
    assert_int_equal(X509_check_private_key(certificate, key), 1);
    assert_others_stay_with_openssl(f);
    EVP_PKEY_free(key);
    X509_free(certificate);
}

static void test_other_keys_stay_with_openssl(void **state)
{
    sign_and_look_at_others(*state);
}

/* As curl does with --key-type PROV: ours first, and then what OpenSSL falls back on. */
static void test_the_order_of_loading_does_not_matter(void **state)
{
    (void)state;
    for (int explicitly = 0; explicitly < 2; explicitly++) {
        struct guest f = {.libctx = OSSL_LIB_CTX_new()};

        assert_int_equal(OSSL_PROVIDER_set_default_search_path(f.libctx, PROVIDER_DIRECTORY), 1);
        f.ours = OSSL_PROVIDER_try_load(f.libctx, "countersign", 1);
        if (explicitly)
            f.usual = OSSL_PROVIDER_load(f.libctx, "default");
        assert_non_null(f.ours);
        sign_and_look_at_others(&f);
        OSSL_PROVIDER_unload(f.ours);
        if (f.usual)
            OSSL_PROVIDER_unload(f.usual);
        OSSL_LIB_CTX_free(f.libctx);
    }
}

static void test_alone_it_complains_of_nothing(void **state)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *ours;
    EVP_KEYMGMT *keymgmt;

    (void)state;
    assert_int_equal(OSSL_PROVIDER_set_default_search_path(libctx, PROVIDER_DIRECTORY), 1);
    ours = OSSL_PROVIDER_load(libctx, "countersign");
    ERR_clear_error();
    keymgmt = EVP_KEYMGMT_fetch(libctx, "EC", NULL);
    assert_non_null(keymgmt);
    assert_int_equal(ERR_peek_error(), 0);
    EVP_KEYMGMT_free(keymgmt);
    OSSL_PROVIDER_unload(ours);
    OSSL_LIB_CTX_free(libctx);
}

static void test_keys_in_files_never_reach_the_agent(void **state)
{
    struct guest *f = *state;

    for (size_t i = 0; i < keyring.n_entries; i++) {
        struct cs_buf pem = CS_BUF_INIT(8192);
        unsigned char *der = NULL;
        unsigned char signature[1024];
        int len = i2d_PrivateKey(keyring.entries[i].key, &der);
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(keyring.entries[i].key);
        EVP_PKEY *key;
        BIO *bio = BIO_new(BIO_s_mem());
        char *text;
        long n;

        assert_true(len > 0);
        assert_int_equal(PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info), 1);
        n = BIO_get_mem_data(bio, &text);
        cs_buf_put(&pem, text, (size_t)n);
        key = guest_read_pem(f, &pem);
        assert_non_null(key);
        assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "default");
        assert_true(guest_digest_sign(f, key, guest_digest_for(&keyring.entries[i]), false,
                        signature, sizeof(signature)) > 0);
        PKCS8_PRIV_KEY_INFO_free(info);
        OPENSSL_free(der);
        BIO_free(bio);
        EVP_PKEY_free(key);
        cs_buf_deinit(&pem);
    }
    assert_int_equal(keyring.n_resolved, 0);
    assert_int_equal(keyring.n_signed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(test_every_key_signs_by_reference),
        GUEST_TEST(test_every_key_signs_by_uri),
        GUEST_TEST(test_a_reference_with_a_uri_alone_still_loads),
        GUEST_TEST(test_a_uri_costs_one_question),
        GUEST_TEST(test_a_whole_reference_asks_no_agent),
        GUEST_TEST(test_what_an_unknown_key_was_called_is_told),
        GUEST_TEST(test_the_block_of_others_is_read_too),
        GUEST_TEST(test_certificate_and_reference_share_a_file),
        GUEST_TEST(test_a_store_gives_the_key_first_and_then_the_certificate),
        GUEST_TEST(test_a_store_gives_what_is_expected),
        GUEST_TEST(test_a_store_has_no_revocation_lists),
        GUEST_TEST(test_an_unknown_name_is_told_in_the_agents_words),
        GUEST_TEST(test_any_number_of_sentences_is_told),
        GUEST_TEST(test_a_long_sentence_is_told_as_far_as_it_fits),
        GUEST_TEST(test_a_damaged_reference_is_told),
        GUEST_TEST(test_the_public_key_leaves_with_its_curve_by_name),
        GUEST_TEST(test_no_private_key_leaves),
        GUEST_TEST(test_other_keys_stay_with_openssl),
        GUEST_TEST(test_the_order_of_loading_does_not_matter),
        GUEST_TEST(test_alone_it_complains_of_nothing),
        GUEST_TEST(test_keys_in_files_never_reach_the_agent),
    };

    return cmocka_run_group_tests(tests, guest_start_keyring, guest_stop_keyring);
}
