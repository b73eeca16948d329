/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that can be signed, verified by libcrypto with the key itself. */
#include "guest.h"

#include "base/scheme.h"

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

static void test_rsa_pads_as_it_is_told(void **state)
{
    const struct keyring_entry *entry = keyring_find(&keyring, "rsa");
    static const char *const digests[] = {"SHA256", "SHA384", "SHA2-512"};
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "rsa");
    unsigned char signature[1024];
    size_t len;

    for (int pss = 0; pss < 2; pss++)
        for (size_t i = 0; i < 3; i++) {
            len = guest_digest_sign(f, key, digests[i], pss, signature, sizeof(signature));
            assert_int_equal(len, 256);
            assert_true(guest_verifies(entry, digests[i], pss, signature, len));
            assert_false(guest_verifies(entry, digests[i], !pss, signature, len));
        }
    EVP_PKEY_free(key);
}

/* Sets one option by name, as the command line does. */
static int set_option(EVP_PKEY *key, struct guest *f, const char *name, const char *value)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t len = sizeof(signature);
    EVP_PKEY_CTX *ctx;
    int ok = EVP_DigestSignInit_ex(md, &ctx, "SHA256", f->libctx, NULL, key, NULL) > 0 &&
             EVP_PKEY_CTX_ctrl_str(ctx, "rsa_padding_mode", "pss") > 0 &&
             EVP_PKEY_CTX_ctrl_str(ctx, name, value) > 0 &&
             EVP_DigestSign(md, signature, &len, (const unsigned char *)guest_message,
                 sizeof(guest_message)) > 0;

    EVP_MD_CTX_free(md);
    return ok;
}

static void test_what_tls_has_no_name_for_is_refused(void **state)
{
    static const struct {
        const char *name, *value;
        bool good;
    } options[] = {
        {"rsa_pss_saltlen", "digest", true},
        {"rsa_pss_saltlen", "auto", true},
        {"rsa_pss_saltlen", "32", true},
        {"rsa_pss_saltlen", "20", false},
        {"rsa_pss_saltlen", "max", false},
        {"rsa_mgf1_md", "sha256", true},
        {"rsa_mgf1_md", "sha384", false},
        {"rsa_mgf1_md", "sha1", false},
        {"rsa_padding_mode", "none", false},
        {"rsa_padding_mode", "x931", false},
    };
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "rsa");
    unsigned char signature[1024];

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        assert_int_equal(set_option(key, f, options[i].name, options[i].value), options[i].good);
    ERR_clear_error();
    assert_int_equal(guest_digest_sign(f, key, "SHA1", false, signature, sizeof(signature)), 0);
    assert_true(guest_first_error_says("use SHA-256, SHA-384 or SHA-512"));
    EVP_PKEY_free(key);
    key = guest_load_reference(f, "rsa-pss");
    assert_int_equal(set_option(key, f, "rsa_padding_mode", "pkcs1"), 0);
    assert_true(guest_first_error_says("signs with the padding PSS alone"));
    ERR_clear_error();
    EVP_PKEY_free(key);
}

static size_t sign_digest(struct guest *f, EVP_PKEY *key, const char *md, size_t digest_len,
    unsigned char *signature, size_t size)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->libctx, key, NULL);
    unsigned char digest[64];
    unsigned int len;
    bool good;

    EVP_Digest(guest_message, sizeof(guest_message), digest, &len, EVP_sha256(), NULL);
    good = EVP_PKEY_sign_init(ctx) > 0;
    if (md)
        good = good && EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(md)) > 0;
    good = good && EVP_PKEY_sign(ctx, signature, &size, digest, digest_len) > 0;
    EVP_PKEY_CTX_free(ctx);
    return good ? size : 0;
}

static void test_a_digest_is_signed_as_one(void **state)
{
    static const struct {
        const char *key, *md;
    } rows[] = {{"ec", NULL}, {"ec", "SHA256"}, {"rsa", "SHA256"}};
    struct guest *f = *state;
    unsigned char signature[1024];
    EVP_PKEY *key;
    size_t len;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        key = guest_load_reference(f, rows[i].key);
        len = sign_digest(f, key, rows[i].md, 32, signature, sizeof(signature));
        assert_true(
            guest_verifies(keyring_find(&keyring, rows[i].key), "SHA256", false, signature, len));
        assert_int_equal(keyring.last_input, CS_INPUT_DIGEST);
        assert_int_equal(sign_digest(f, key, NULL, 20, signature, sizeof(signature)), 0);
        assert_int_equal(sign_digest(f, key, "SHA512", 32, signature, sizeof(signature)), 0);
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
    key = guest_load_reference(f, "rsa");
    assert_int_equal(sign_digest(f, key, NULL, 32, signature, sizeof(signature)), 0);
    assert_true(guest_first_error_says("names its digest"));
    EVP_PKEY_free(key);
    ERR_clear_error();
    key = guest_load_reference(f, "ed25519");
    assert_int_equal(sign_digest(f, key, NULL, 32, signature, sizeof(signature)), 0);
    assert_true(guest_first_error_says("signs a message, not a digest"));
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static void test_what_takes_no_digest_is_signed_without_one(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ed25519");
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    assert_int_not_equal(EVP_DigestSignInit_ex(md, NULL, "SHA256", f->libctx, NULL, key, NULL), 1);
    assert_true(guest_first_error_says("takes no digest algorithm"));
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

/* As programs may ask for them from OpenSSL 3.2 on. */
static void test_variants_of_eddsa_are_refused(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ed25519");
    const struct {
        OSSL_PARAM param;
        int good;
    } rows[] = {
        {OSSL_PARAM_construct_utf8_string("instance", (char *)"Ed25519", 0), 1},
        {OSSL_PARAM_construct_utf8_string("instance", (char *)"Ed25519ph", 0), 0},
        {OSSL_PARAM_construct_utf8_string("instance", (char *)"Ed25519ctx", 0), 0},
        {OSSL_PARAM_construct_octet_string("context-string", (char *)"", 0), 1},
        {OSSL_PARAM_construct_octet_string("context-string", (char *)"mail", 4), 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const OSSL_PARAM params[] = {rows[i].param, OSSL_PARAM_construct_end()};
        EVP_MD_CTX *md = EVP_MD_CTX_new();

        assert_int_equal(
            EVP_DigestSignInit_ex(md, NULL, NULL, f->libctx, NULL, key, params), rows[i].good);
        assert_int_equal(
            guest_first_error_says("neither prehashed nor with a context"), !rows[i].good);
        EVP_MD_CTX_free(md);
    }
    EVP_PKEY_free(key);
}

static void test_a_message_may_come_in_pieces(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ec");
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t len = sizeof(signature);

    assert_int_equal(EVP_DigestSignInit_ex(md, NULL, "SHA256", f->libctx, NULL, key, NULL), 1);
    for (size_t i = 0; i < sizeof(guest_message); i++)
        assert_int_equal(EVP_DigestSignUpdate(md, guest_message + i, 1), 1);
    assert_int_equal(EVP_DigestSignFinal(md, signature, &len), 1);
    assert_true(guest_verifies(keyring_find(&keyring, "ec"), "SHA256", false, signature, len));
    assert_int_equal(keyring.last_input, CS_INPUT_MESSAGE);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
}

static void test_what_was_begun_before_is_not_signed(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ec");
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t len = sizeof(signature);

    assert_int_equal(EVP_DigestSignInit_ex(md, NULL, "SHA256", f->libctx, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSignUpdate(md, "something else", 14), 1);
    assert_int_equal(EVP_DigestSignInit_ex(md, NULL, "SHA256", f->libctx, NULL, NULL, NULL), 1);
    assert_int_equal(EVP_DigestSignUpdate(md, guest_message, sizeof(guest_message)), 1);
    assert_int_equal(EVP_DigestSignFinal(md, signature, &len), 1);
    assert_true(guest_verifies(keyring_find(&keyring, "ec"), "SHA256", false, signature, len));
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
}

static void test_a_message_that_is_too_long_is_refused(void **state)
{
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "ec");
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    static unsigned char big[2 * CS_FRAME_MAX];
    unsigned char signature[1024];
    size_t len = sizeof(signature);

    assert_int_equal(EVP_DigestSignInit_ex(md, NULL, "SHA256", f->libctx, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSignUpdate(md, guest_message, sizeof(guest_message)), 1);
    assert_int_not_equal(EVP_DigestSignUpdate(md, big, sizeof(big)), 1);
    ERR_clear_error();
    assert_int_not_equal(EVP_DigestSignFinal(md, signature, &len), 1); /* nor is what came before */
    assert_true(guest_first_error_says("sign the digest of a larger one"));
    ERR_clear_error();
    EVP_MD_CTX_free(md);
    md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(md, NULL, "SHA256", f->libctx, NULL, key, NULL), 1);
    assert_int_not_equal(EVP_DigestSign(md, signature, &len, big, sizeof(big)), 1);
    ERR_clear_error();
    EVP_MD_CTX_free(md);
    assert_true(guest_signs(f, key, keyring_find(&keyring, "ec")));
    EVP_PKEY_free(key);
}

static void test_requests_and_certificates_are_signed(void **state)
{
    struct guest *f = *state;

    for (size_t i = 0; i < keyring.n_entries; i++) {
        const struct keyring_entry *entry = &keyring.entries[i];
        const EVP_MD *md = guest_digest_for(entry) ? EVP_sha256() : NULL;
        EVP_PKEY *key = guest_load_reference(f, entry->name);
        X509_REQ *request = X509_REQ_new_ex(f->libctx, NULL);
        X509 *certificate = X509_dup(entry->certificate);
        EVP_PKEY *public;

        assert_int_equal(X509_REQ_set_version(request, X509_REQ_VERSION_1), 1);
        assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
        assert_true(X509_REQ_sign(request, key, md) > 0);
        assert_int_equal(X509_REQ_verify(request, entry->key), 1);
        assert_int_equal(X509_REQ_verify(request, key), 1);
        public = X509_REQ_get_pubkey(request);
        assert_int_equal(EVP_PKEY_eq(public, entry->key), 1);
        assert_int_equal(i2d_PUBKEY(public, NULL), entry->spki_len);
        assert_true(X509_sign(certificate, key, md) > 0);
        assert_int_equal(X509_verify(certificate, entry->key), 1);
        assert_int_equal(X509_verify(certificate, key), 1);
        EVP_PKEY_free(public);
        X509_free(certificate);
        X509_REQ_free(request);
        EVP_PKEY_free(key);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

/* In pieces, by a copy of the context, and not the signature of something else. */
static void test_what_was_signed_is_verified(void **state)
{
    const unsigned char *message = (const unsigned char *)guest_message;
    struct guest *f = *state;

    for (size_t i = 0; i < keyring.n_entries; i++) {
        const struct keyring_entry *entry = &keyring.entries[i];
        EVP_PKEY *key = guest_load_reference(f, entry->name);
        EVP_MD_CTX *md = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
        const char *digest = guest_digest_for(entry);
        unsigned char signature[1024];
        size_t len = sizeof(signature);

        assert_int_equal(EVP_DigestSignInit_ex(md, NULL, digest, f->libctx, NULL, key, NULL), 1);
        assert_int_equal(EVP_DigestSign(md, signature, &len, message, sizeof(guest_message)), 1);
        EVP_MD_CTX_reset(md);
        assert_int_equal(EVP_DigestVerifyInit_ex(md, NULL, digest, f->libctx, NULL, key, NULL), 1);
        assert_int_equal(EVP_DigestVerifyUpdate(md, guest_message, 1), 1);
        assert_int_equal(EVP_MD_CTX_copy_ex(copy, md), 1);
        assert_int_equal(
            EVP_DigestVerifyUpdate(copy, guest_message + 1, sizeof(guest_message) - 1), 1);
        assert_int_equal(EVP_DigestVerifyFinal(copy, signature, len), 1);
        assert_int_not_equal(EVP_DigestVerifyFinal(md, signature, len), 1);
        ERR_clear_error();
        EVP_MD_CTX_free(md);
        EVP_MD_CTX_free(copy);
        EVP_PKEY_free(key);
    }
}

static void test_rsa_pss_parameters_stand_in_what_is_signed(void **state)
{
    const struct keyring_entry *entry = keyring_find(&keyring, "rsa");
    struct guest *f = *state;
    EVP_PKEY *key = guest_load_reference(f, "rsa");
    X509 *certificate = X509_dup(entry->certificate);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;

    assert_int_equal(EVP_DigestSignInit_ex(md, &ctx, "SHA384", f->libctx, NULL, key, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    assert_true(X509_sign_ctx(certificate, md) > 0);
    assert_int_equal(X509_get_signature_nid(certificate), NID_rsassaPss);
    assert_int_equal(X509_verify(certificate, entry->key), 1);
    assert_int_equal(X509_verify(certificate, key), 1);
    EVP_MD_CTX_free(md);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(test_rsa_pads_as_it_is_told),
        GUEST_TEST(test_what_tls_has_no_name_for_is_refused),
        GUEST_TEST(test_a_digest_is_signed_as_one),
        GUEST_TEST(test_variants_of_eddsa_are_refused),
        GUEST_TEST(test_a_message_may_come_in_pieces),
        GUEST_TEST(test_what_was_begun_before_is_not_signed),
        GUEST_TEST(test_what_takes_no_digest_is_signed_without_one),
        GUEST_TEST(test_a_message_that_is_too_long_is_refused),
        GUEST_TEST(test_requests_and_certificates_are_signed),
        GUEST_TEST(test_what_was_signed_is_verified),
        GUEST_TEST(test_rsa_pss_parameters_stand_in_what_is_signed),
    };

    return cmocka_run_group_tests(tests, guest_start_keyring, guest_stop_keyring);
}
