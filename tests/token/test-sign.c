/* SPDX-License-Identifier: Apache-2.0 */
/* The token host on SoftHSM: what it shows before and after a login, and every kind of signature.
 */
#include "base/scheme.h"
#include "host.h"
#include "softhsm.h"
#include "verify.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const types[] = {
    "RSA-2048", "RSA-3072", "RSA-4096", "EC-P-256", "EC-P-384", "EC-P-521", "ED25519", "ED448"};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

static struct softhsm_key keys[N_TYPES];

static struct cs_bytes id_of(size_t i)
{
    static const uint8_t ids[][2] = {
        {1, 0}, {1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 6}, {1, 7}};

    return CS_BYTES(ids[i], 2);
}

static int set_up(void **state)
{
    struct softhsm_object objects[N_TYPES];

    (void)state;
    softhsm_begin();
    for (size_t i = 0; i < N_TYPES; i++) {
        keys[i] = softhsm_key_new(types[i]);
        objects[i] = SOFTHSM_ROW(&keys[i], SOFTHSM_ALL, cs_bytes_of(types[i]), id_of(i));
    }
    softhsm_add_token("all kinds", objects, N_TYPES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_TYPES; i++)
        softhsm_key_free(&keys[i]);
    softhsm_end();
    return 0;
}

static void test_picture_before_and_after_login(void **state)
{
    struct host host;
    struct host_token *token;
    unsigned reports;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    /* The slot without a token is not shown. */
    assert_int_equal(host.n_tokens, 1);
    token = host_token(&host, "all kinds");
    assert_int_equal(token->flags, CS_TOKEN_LOGIN_REQUIRED | CS_TOKEN_INITIALIZED);
    assert_int_equal(host_count(token, CS_HOST_CERTIFICATE), N_TYPES);
    assert_int_equal(host_count(token, CS_HOST_PUBLIC_KEY), N_TYPES);
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), 0);
    reports = token->reports;
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(
        token->flags, CS_TOKEN_LOGIN_REQUIRED | CS_TOKEN_INITIALIZED | CS_TOKEN_UNLOCKED);
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), N_TYPES);
    assert_int_equal(token->reports, reports + 1);
    /* A lock hides no key that has been seen. */
    assert_int_equal(host_logout(&host, token, false).type, CS_HOST_DONE);
    assert_int_equal(token->flags, CS_TOKEN_LOGIN_REQUIRED | CS_TOKEN_INITIALIZED);
    assert_string_equal(token->why, "locked by the test");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), N_TYPES);
    assert_int_equal(token->reports, reports + 1);
    assert_int_equal(host_stop(&host), 0);
}

static const struct host_object *object_of(
    const struct host_token *token, uint8_t object_class, struct cs_bytes id)
{
    for (size_t i = 0; i < token->n_objects; i++)
        if (token->objects[i].object_class == object_class &&
            cs_bytes_equal(token->objects[i].cka_id, id))
            return &token->objects[i];
    fail_msg("no such object");
    return NULL;
}

static void test_public_keys_are_those_of_openssl(void **state)
{
    static const uint8_t expected[] = {CS_KEY_RSA, CS_KEY_RSA, CS_KEY_RSA, CS_KEY_EC, CS_KEY_EC,
        CS_KEY_EC, CS_KEY_ED25519, CS_KEY_ED448};
    struct host_token *token;
    struct host host;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    token = host_token(&host, "all kinds");
    host_login(&host, token, SOFTHSM_PIN);
    for (size_t i = 0; i < N_TYPES; i++) {
        const struct host_object *public = object_of(token, CS_HOST_PUBLIC_KEY, id_of(i));
        struct cs_bytes spki = softhsm_spki(&keys[i]);

        assert_true(cs_bytes_equal(public->value, spki));
        assert_int_equal(public->key_type, expected[i]);
        assert_int_equal(object_of(token, CS_HOST_PRIVATE_KEY, id_of(i))->key_type, expected[i]);
        OPENSSL_free((void *)spki.data);
    }
    assert_int_equal(host_stop(&host), 0);
}

static uint8_t type_of(const char *type)
{
    if (strncmp(type, "RSA", 3) == 0)
        return CS_KEY_RSA;
    if (strncmp(type, "EC", 2) == 0)
        return CS_KEY_EC;
    return strcmp(type, "ED25519") == 0 ? CS_KEY_ED25519 : CS_KEY_ED448;
}

/* Twice: the first finds the key and is verified by the host, the second is warm. */
static void sign_in_all_schemes(struct host *host, struct host_token *token, size_t i)
{
    struct cs_bytes spki = softhsm_spki(&keys[i]);
    uint16_t codes[CS_SCHEMES_MAX];
    size_t n = cs_scheme_list(
        type_of(types[i]), (unsigned)EVP_PKEY_get_bits(keys[i].key), codes, CS_SCHEMES_MAX);
    uint8_t data[128];

    assert_true(n > 0);
    for (size_t k = 0; k < 2 * n; k++) {
        const struct cs_scheme *scheme = cs_scheme_by_code(codes[k % n]);
        size_t len = scheme->hash ? cs_hash_size(scheme->hash) : sizeof(data);
        struct host_answer answer;

        RAND_bytes(data, sizeof(data));
        answer = host_sign(host, token, spki, id_of(i), scheme->code, CS_BYTES(data, len));
        if (answer.type != CS_HOST_SIGNED)
            fail_msg("%s in %s: %s", types[i], scheme->name, answer.text);
        if (!verify_answer(keys[i].key, scheme, CS_BYTES(data, len), &answer))
            fail_msg("%s in %s: the signature is wrong", types[i], scheme->name);
    }
    OPENSSL_free((void *)spki.data);
}

static void test_every_key_signs_in_every_scheme(void **state)
{
    struct host host;
    struct host_token *token;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    token = host_token(&host, "all kinds");
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    for (size_t i = 0; i < N_TYPES; i++)
        sign_in_all_schemes(&host, token, i);
    assert_int_equal(host_stop(&host), 0);
}

static void test_rsa_pss_certificate_finds_its_rsa_key(void **state)
{
    /* The key of types[0] under id-RSASSA-PSS (RFC 4055), without restrictions. */
    static const uint8_t algorithm[] = {
        0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};
    struct cs_bytes spki = softhsm_spki(&keys[0]);
    uint8_t pss[1024], digest[32] = {7};
    struct host_answer answer;
    struct host_token *token;
    struct host host;
    size_t rest, len;

    (void)state;
    /* SEQUENCE (4 bytes), AlgorithmIdentifier of rsaEncryption (15), BIT STRING. */
    rest = spki.len - 4 - 15;
    len = sizeof(algorithm) + rest;
    pss[0] = 0x30;
    pss[1] = 0x82;
    pss[2] = (uint8_t)(len >> 8);
    pss[3] = (uint8_t)len;
    memcpy(pss + 4, algorithm, sizeof(algorithm));
    memcpy(pss + 4 + sizeof(algorithm), spki.data + 4 + 15, rest);
    host_start(&host, SOFTHSM_MODULE, NULL);
    token = host_token(&host, "all kinds");
    host_login(&host, token, SOFTHSM_PIN);
    answer =
        host_sign(&host, token, CS_BYTES(pss, len + 4), id_of(0), 0x0809, CS_BYTES(digest, 32));
    assert_string_equal(answer.text, "");
    assert_int_equal(answer.type, CS_HOST_SIGNED);
    assert_true(
        verify_answer(keys[0].key, cs_scheme_by_code(0x0804), CS_BYTES(digest, 32), &answer));
    OPENSSL_free((void *)spki.data);
    assert_int_equal(host_stop(&host), 0);
}

static void test_locked_token_does_not_sign(void **state)
{
    struct cs_bytes spki = softhsm_spki(&keys[3]);
    struct host_answer answer;
    uint8_t digest[32] = {0};
    struct host host;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    answer = host_sign(&host, host_token(&host, "all kinds"), spki, id_of(3), 0x0403,
        CS_BYTES(digest, sizeof(digest)));
    assert_int_equal(answer.type, CS_HOST_FAILED);
    assert_int_equal(answer.code, CS_ERR_LOCKED);
    assert_non_null(strstr(answer.text, "countersign unlock"));
    OPENSSL_free((void *)spki.data);
    assert_int_equal(host_stop(&host), 0);
}

static void test_wrong_scheme_or_digest_is_refused(void **state)
{
    struct cs_bytes spki = softhsm_spki(&keys[3]);
    struct host_token *token;
    uint8_t digest[64] = {0};
    struct host host;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    token = host_token(&host, "all kinds");
    host_login(&host, token, SOFTHSM_PIN);
    assert_int_equal(
        host_sign(&host, token, spki, id_of(3), 0x0804, CS_BYTES(digest, 32)).code, CS_ERR_SCHEME);
    assert_int_equal(
        host_sign(&host, token, spki, id_of(3), 0x9999, CS_BYTES(digest, 32)).code, CS_ERR_SCHEME);
    assert_int_equal(
        host_sign(&host, token, spki, id_of(3), 0x0403, CS_BYTES(digest, 31)).code, CS_ERR_INVALID);
    assert_int_equal(
        host_sign(&host, token, CS_BYTES("nonsense", 8), id_of(3), 0x0403, CS_BYTES(digest, 32))
            .code,
        CS_ERR_INVALID);
    OPENSSL_free((void *)spki.data);
    assert_int_equal(host_stop(&host), 0);
}

static void test_many_signatures_at_once(void **state)
{
    struct cs_bytes spki = softhsm_spki(&keys[3]);
    struct cs_host_sign_request m = {.spki = spki, .cka_id = id_of(3), .scheme = 0x0403};
    uint8_t digest[32] = {9};
    struct host_token *token;
    struct host host;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    token = host_token(&host, "all kinds");
    host_login(&host, token, SOFTHSM_PIN);
    m.slot = token->slot;
    m.data = CS_BYTES(digest, sizeof(digest));
    for (int i = 0; i < 200; i++)
        host_ask_sign(&host, &m);
    for (int i = 0; i < 200; i++) {
        uint32_t id;
        struct host_answer answer = host_next_answer(&host, &id);

        assert_int_equal(answer.type, CS_HOST_SIGNED);
        assert_true(verify_answer(keys[3].key, cs_scheme_by_code(0x0403), m.data, &answer));
    }
    OPENSSL_free((void *)spki.data);
    assert_int_equal(host_stop(&host), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picture_before_and_after_login),
        cmocka_unit_test(test_public_keys_are_those_of_openssl),
        cmocka_unit_test(test_every_key_signs_in_every_scheme),
        cmocka_unit_test(test_rsa_pss_certificate_finds_its_rsa_key),
        cmocka_unit_test(test_locked_token_does_not_sign),
        cmocka_unit_test(test_wrong_scheme_or_digest_is_refused),
        cmocka_unit_test(test_many_signatures_at_once),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
