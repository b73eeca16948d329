/* SPDX-License-Identifier: Apache-2.0 */
/* base/scheme: the table is the registry's, and a scheme fits a key exactly if OpenSSL can sign. */
#include "base/scheme.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* IANA, TLS SignatureScheme. */
static const struct {
    uint16_t code;
    const char *name;
} registry[] = {{0x0401, "rsa_pkcs1_sha256"}, {0x0501, "rsa_pkcs1_sha384"},
    {0x0601, "rsa_pkcs1_sha512"}, {0x0403, "ecdsa_secp256r1_sha256"},
    {0x0503, "ecdsa_secp384r1_sha384"}, {0x0603, "ecdsa_secp521r1_sha512"},
    {0x0804, "rsa_pss_rsae_sha256"}, {0x0805, "rsa_pss_rsae_sha384"},
    {0x0806, "rsa_pss_rsae_sha512"}, {0x0807, "ed25519"}, {0x0808, "ed448"},
    {0x0809, "rsa_pss_pss_sha256"}, {0x080a, "rsa_pss_pss_sha384"}, {0x080b, "rsa_pss_pss_sha512"}};
#define N_REGISTRY (sizeof(registry) / sizeof(registry[0]))

static void test_the_table_is_the_registrys(void **state)
{
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < N_REGISTRY; i++) {
        const struct cs_scheme *scheme = cs_scheme_by_code(registry[i].code);

        assert_non_null(scheme);
        assert_string_equal(scheme->name, registry[i].name);
        assert_ptr_equal(cs_scheme_by_name(registry[i].name), scheme);
        assert_ptr_equal(cs_scheme_for(scheme->key_type, scheme->hash, scheme->padding), scheme);
    }
    for (unsigned code = 0; code <= 0xffff; code++)
        n += cs_scheme_by_code((uint16_t)code) != NULL;
    assert_int_equal(n, N_REGISTRY);
}

static void test_what_is_not_there_is_null(void **state)
{
    (void)state;
    assert_null(cs_scheme_by_code(0x0201)); /* rsa_pkcs1_sha1 */
    assert_null(cs_scheme_by_code(0x0203)); /* ecdsa_sha1 */
    assert_null(cs_scheme_by_name(""));
    assert_null(cs_scheme_by_name("ED25519"));
    assert_null(cs_scheme_for(CS_KEY_RSA_PSS, CS_HASH_SHA256, CS_PADDING_PKCS1));
    assert_null(cs_scheme_for(CS_KEY_ED25519, CS_HASH_SHA512, CS_PADDING_NONE));
}

/* Whether OpenSSL signs with this key as the scheme says. */
static bool can_sign(EVP_PKEY *pkey, const struct cs_scheme *scheme)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;
    uint8_t signature[512];
    size_t len = sizeof(signature);
    bool ok =
        EVP_DigestSignInit_ex(ctx, &pctx, cs_hash_name(scheme->hash), NULL, NULL, pkey, NULL) == 1;

    if (ok && scheme->padding == CS_PADDING_PSS)
        ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok && EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"x", 1) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

/* The sizes around each limit; OpenSSL makes no RSA key under 512 bits. */
static void test_rsa_schemes_fit_exactly_where_openssl_can_sign(void **state)
{
    const unsigned sizes[] = {512, 520, 521, 522, 528, 616, 617, 624, 744, 745, 752, 776, 777, 778,
        784, 1024, 1032, 1033, 1034, 1040, 2048};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)sizes[i]);

        assert_non_null(pkey);
        assert_int_equal(EVP_PKEY_get_bits(pkey), sizes[i]);
        for (size_t s = 0; s < N_REGISTRY; s++) {
            const struct cs_scheme *scheme = cs_scheme_by_code(registry[s].code);

            if (scheme->key_type == CS_KEY_RSA &&
                cs_scheme_fits(scheme, CS_KEY_RSA, sizes[i]) != can_sign(pkey, scheme))
                fail_msg("%s and a key of %u bits", scheme->name, sizes[i]);
        }
        EVP_PKEY_free(pkey);
    }
}

static void test_a_scheme_fits_its_own_key_type_alone(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_REGISTRY; s++)
        for (int type = CS_KEY_RSA; type <= CS_KEY_ED448; type++) {
            const struct cs_scheme *scheme = cs_scheme_by_code(registry[s].code);

            assert_int_equal(cs_scheme_fits(scheme, (enum cs_key_type)type, 4096),
                scheme->key_type == (enum cs_key_type)type);
        }
}

static void expect_list(enum cs_key_type type, unsigned bits, const uint16_t *expected, size_t n)
{
    uint16_t codes[CS_SCHEMES_MAX];

    assert_int_equal(cs_scheme_list(type, bits, codes, CS_SCHEMES_MAX), n);
    assert_memory_equal(codes, expected, n * sizeof(*codes));
}

static void test_lists_are_best_first(void **state)
{
    (void)state;
    expect_list(CS_KEY_EC, 256, (const uint16_t[]){0x0403, 0x0503, 0x0603}, 3);
    expect_list(CS_KEY_EC, 384, (const uint16_t[]){0x0503, 0x0403, 0x0603}, 3);
    expect_list(CS_KEY_EC, 521, (const uint16_t[]){0x0603, 0x0403, 0x0503}, 3);
    expect_list(
        CS_KEY_RSA, 2048, (const uint16_t[]){0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601}, 6);
    expect_list(CS_KEY_RSA, 1024, (const uint16_t[]){0x0804, 0x0805, 0x0401, 0x0501, 0x0601}, 5);
    expect_list(CS_KEY_RSA_PSS, 2048, (const uint16_t[]){0x0809, 0x080a, 0x080b}, 3);
    expect_list(CS_KEY_ED25519, 255, (const uint16_t[]){0x0807}, 1);
    expect_list(CS_KEY_ED448, 448, (const uint16_t[]){0x0808}, 1);
}

static void test_a_list_keeps_to_its_room(void **state)
{
    uint16_t codes[3] = {0, 0, 0xbeef};

    (void)state;
    assert_int_equal(cs_scheme_list(CS_KEY_RSA, 2048, codes, 2), 2);
    assert_int_equal(codes[2], 0xbeef);
    assert_int_equal(cs_scheme_list(CS_KEY_RSA, 2048, NULL, 0), 0);
}

static void test_hashes_are_openssls(void **state)
{
    const enum cs_hash hashes[] = {CS_HASH_SHA256, CS_HASH_SHA384, CS_HASH_SHA512};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        EVP_MD *md = EVP_MD_fetch(NULL, cs_hash_name(hashes[i]), NULL);

        assert_non_null(md);
        assert_int_equal(EVP_MD_get_size(md), cs_hash_size(hashes[i]));
        EVP_MD_free(md);
    }
    assert_null(cs_hash_name(CS_HASH_NONE));
    assert_int_equal(cs_hash_size(CS_HASH_NONE), 0);
}

static void test_every_key_type_has_its_name(void **state)
{
    (void)state;
    for (int a = CS_KEY_RSA; a <= CS_KEY_ED448; a++)
        for (int b = CS_KEY_RSA; b < a; b++)
            assert_string_not_equal(
                cs_key_type_name((enum cs_key_type)a), cs_key_type_name((enum cs_key_type)b));
    assert_string_equal(cs_key_type_name((enum cs_key_type)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_the_registrys),
        cmocka_unit_test(test_what_is_not_there_is_null),
        cmocka_unit_test(test_rsa_schemes_fit_exactly_where_openssl_can_sign),
        cmocka_unit_test(test_a_scheme_fits_its_own_key_type_alone),
        cmocka_unit_test(test_lists_are_best_first),
        cmocka_unit_test(test_a_list_keeps_to_its_room),
        cmocka_unit_test(test_hashes_are_openssls),
        cmocka_unit_test(test_every_key_type_has_its_name),
    };

    return cmocka_run_group_tests_name("scheme", tests, NULL, NULL);
}
