/* SPDX-License-Identifier: Apache-2.0 */
/* agent/token-host/pss: OpenSSL takes for a signature what a bare RSA operation makes of it. */
#include "token-host/pss.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static const struct {
    enum cs_hash hash;
    const char *name;
    size_t size;
} hashes[] = {
    {CS_HASH_SHA256, "SHA256", 32}, {CS_HASH_SHA384, "SHA384", 48}, {CS_HASH_SHA512, "SHA512", 64}};

#define N_HASHES (sizeof(hashes) / sizeof(hashes[0]))

static size_t sign_raw(EVP_PKEY *key, const uint8_t *data, size_t len, uint8_t *signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t size = 512;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, signature, &size, data, len), 1);
    EVP_PKEY_CTX_free(ctx);
    return size;
}

static bool verify(
    EVP_PKEY *key, size_t i, const uint8_t *digest, const uint8_t *signature, size_t len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok;

    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(hashes[i].name)), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    ok = EVP_PKEY_verify(ctx, signature, len, digest, hashes[i].size) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void test_openssl_verifies_it(void **state)
{
    static const unsigned sizes[] = {2048, 2047, 2050, 2054, 1024};
    uint8_t digest[64], padded[512], again[512], signature[512];

    (void)state;
    memset(digest, 0xa5, sizeof(digest));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)sizes[i]);
        size_t size = (sizes[i] + 7) / 8;

        assert_int_equal(EVP_PKEY_get_bits(key), sizes[i]);
        for (size_t j = 0; j < N_HASHES && (size >= 256 || j == 0); j++) {
            struct cs_bytes data = CS_BYTES(digest, hashes[j].size);

            assert_true(cs_pss_encode(hashes[j].hash, data, sizes[i], padded));
            if (!verify(key, j, digest, signature, sign_raw(key, padded, size, signature)))
                fail_msg("%u bits, %s", sizes[i], hashes[j].name);
            assert_true(cs_pss_encode(hashes[j].hash, data, sizes[i], again));
            assert_memory_not_equal(padded, again, size); /* salted */
        }
        EVP_PKEY_free(key);
    }
}

static void test_what_has_no_room_is_refused(void **state)
{
    uint8_t digest[64] = {0}, padded[128];

    (void)state;
    assert_false(cs_pss_encode(CS_HASH_SHA512, CS_BYTES(digest, 64), 1024, padded));
    assert_true(cs_pss_encode(CS_HASH_SHA256, CS_BYTES(digest, 32), 1024, padded));
    assert_false(cs_pss_encode(CS_HASH_SHA256, CS_BYTES(digest, 64), 1024, padded));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openssl_verifies_it),
        cmocka_unit_test(test_what_has_no_room_is_refused),
    };

    return cmocka_run_group_tests_name("pss", tests, NULL, NULL);
}
