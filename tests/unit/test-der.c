/* SPDX-License-Identifier: Apache-2.0 */
/* base/der: what OpenSSL writes is read, what we write is what OpenSSL writes, the rest is refused.
 */
#include "base/der.h"

#include <countersign/error.h>
#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define TEXT(string) CS_BYTES(string, sizeof(string) - 1)

static int next(struct cs_bytes input)
{
    struct cs_der element;

    return cs_der_next(&input, &element);
}

static void test_lengths_are_written_as_openssl_does_and_read_again(void **state)
{
    const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 70000};
    static uint8_t content[70000];

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ASN1_OCTET_STRING *string = ASN1_OCTET_STRING_new();
        struct cs_buf buf = CS_BUF_INIT(100000);
        struct cs_der element;
        struct cs_bytes input;
        uint8_t *der = NULL;
        int len;

        assert_int_equal(ASN1_OCTET_STRING_set(string, content, (int)sizes[i]), 1);
        len = i2d_ASN1_OCTET_STRING(string, &der);
        cs_der_put(&buf, CS_DER_OCTET_STRING, CS_BYTES(content, sizes[i]));
        assert_true(cs_bytes_equal(cs_buf_bytes(&buf), CS_BYTES(der, len)));
        cs_buf_put(&buf, "rest", 4);
        input = cs_buf_bytes(&buf);
        assert_int_equal(cs_der_next(&input, &element), 0);
        assert_int_equal(element.tag, CS_DER_OCTET_STRING);
        assert_int_equal(element.content.len, sizes[i]);
        assert_int_equal(element.whole.len, len);
        assert_true(cs_bytes_equal(input, TEXT("rest")));
        for (int cut = 1; cut <= 4 && cut <= len; cut++)
            assert_int_equal(next(CS_BYTES(der, len - cut)), CS_ERR_PROTOCOL);
        ASN1_OCTET_STRING_free(string);
        OPENSSL_free(der);
        cs_buf_deinit(&buf);
    }
}

static void test_what_is_ber_but_not_der_is_refused(void **state)
{
    (void)state;
    assert_int_equal(next(TEXT("")), CS_ERR_PROTOCOL);
    assert_int_equal(next(TEXT("\x04")), CS_ERR_PROTOCOL);
    assert_int_equal(next(TEXT("\x30\x80\0\0")), CS_ERR_PROTOCOL);       /* indefinite */
    assert_int_equal(next(TEXT("\x04\x81\x01x")), CS_ERR_PROTOCOL);      /* not minimal */
    assert_int_equal(next(TEXT("\x04\x81\x7fx")), CS_ERR_PROTOCOL);      /* not minimal */
    assert_int_equal(next(TEXT("\x04\x82\x00\x80")), CS_ERR_PROTOCOL);   /* leading zero */
    assert_int_equal(next(TEXT("\x1f\x22\x00")), CS_ERR_PROTOCOL);       /* a tag of two bytes */
    assert_int_equal(next(TEXT("\x04\xff\x00")), CS_ERR_PROTOCOL);       /* reserved */
    assert_int_equal(next(TEXT("\x04\x85\1\0\0\0\0")), CS_ERR_PROTOCOL); /* beyond four bytes */
    assert_int_equal(next(TEXT("\x04\x84\xff\xff\xff\xff")), CS_ERR_PROTOCOL); /* a lie */
    assert_int_equal(next(TEXT("\x04\x02x")), CS_ERR_PROTOCOL);
    assert_int_equal(next(TEXT("\x04\x00")), 0);
}

static void test_a_wrong_tag_takes_nothing(void **state)
{
    struct cs_bytes input = TEXT("\x04\x01x"), content = TEXT("before");

    (void)state;
    assert_int_equal(cs_der_expect(&input, CS_DER_SEQUENCE, &content), CS_ERR_PROTOCOL);
    assert_int_equal(input.len, 3);
    assert_true(cs_bytes_equal(content, TEXT("before")));
    assert_int_equal(cs_der_expect(&input, CS_DER_OCTET_STRING, &content), 0);
    assert_true(cs_bytes_equal(content, TEXT("x")));
    assert_int_equal(input.len, 0);
}

static EVP_PKEY *make_key(const char *type)
{
    EVP_PKEY *pkey = strcmp(type, "RSA") == 0  ? EVP_PKEY_Q_keygen(NULL, NULL, type, (size_t)1024)
                     : strcmp(type, "EC") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, type, "P-256")
                                               : EVP_PKEY_Q_keygen(NULL, NULL, type);

    assert_non_null(pkey);
    return pkey;
}

static void test_the_key_in_a_public_key_of_openssl(void **state)
{
    const char *types[] = {"RSA", "EC", "ED25519", "ED448"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        EVP_PKEY *pkey = make_key(types[i]);
        X509_PUBKEY *x509 = NULL;
        struct cs_bytes key;
        const uint8_t *expected;
        uint8_t *spki = NULL;
        int len = i2d_PUBKEY(pkey, &spki), expected_len;

        assert_int_equal(X509_PUBKEY_set(&x509, pkey), 1);
        assert_int_equal(X509_PUBKEY_get0_param(NULL, &expected, &expected_len, NULL, x509), 1);
        assert_int_equal(cs_der_spki_key(CS_BYTES(spki, len), &key), 0);
        assert_true(cs_bytes_equal(key, CS_BYTES(expected, expected_len)));
        for (int cut = 0; cut < len; cut++)
            assert_int_equal(cs_der_spki_key(CS_BYTES(spki, cut), &key), CS_ERR_PROTOCOL);
        X509_PUBKEY_free(x509);
        OPENSSL_free(spki);
        EVP_PKEY_free(pkey);
    }
}

static void expect_number(EVP_PKEY *pkey, const char *name, struct cs_bytes number)
{
    BIGNUM *expected = NULL;
    uint8_t bytes[512];

    assert_int_equal(EVP_PKEY_get_bn_param(pkey, name, &expected), 1);
    assert_int_equal(BN_num_bytes(expected), number.len);
    BN_bn2bin(expected, bytes);
    assert_memory_equal(bytes, number.data, number.len);
    BN_free(expected);
}

static void test_modulus_and_exponent(void **state)
{
    EVP_PKEY *pkey = make_key("RSA");
    struct cs_bytes key, n, e;
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(pkey, &spki);

    (void)state;
    assert_int_equal(cs_der_spki_key(CS_BYTES(spki, len), &key), 0);
    assert_int_equal(cs_der_rsa_public_key(key, &n, &e), 0);
    expect_number(pkey, OSSL_PKEY_PARAM_RSA_N, n);
    expect_number(pkey, OSSL_PKEY_PARAM_RSA_E, e);
    OPENSSL_free(spki);
    EVP_PKEY_free(pkey);
}

static int rsa(struct cs_bytes key)
{
    struct cs_bytes n = TEXT("before"), e = TEXT("before");
    int r = cs_der_rsa_public_key(key, &n, &e);

    if (r < 0) {
        assert_true(cs_bytes_equal(n, TEXT("before")));
        assert_true(cs_bytes_equal(e, TEXT("before")));
    }
    return r;
}

static void test_numbers_that_no_key_has(void **state)
{
    (void)state;
    assert_int_equal(rsa(TEXT("\x30\x06\x02\x01\x23\x02\x01\x03")), 0);
    assert_int_equal(rsa(TEXT("\x30\x07\x02\x02\x00\x83\x02\x01\x03")), 0);
    assert_int_equal(rsa(TEXT("\x30\x06\x02\x01\x83\x02\x01\x03")), CS_ERR_PROTOCOL); /* negative */
    assert_int_equal(rsa(TEXT("\x30\x06\x02\x01\x23\x02\x01\x83")), CS_ERR_PROTOCOL);
    assert_int_equal(rsa(TEXT("\x30\x05\x02\x00\x02\x01\x03")), CS_ERR_PROTOCOL); /* empty */
    /* not minimal */
    assert_int_equal(rsa(TEXT("\x30\x07\x02\x02\x00\x23\x02\x01\x03")), CS_ERR_PROTOCOL);
    assert_int_equal(rsa(TEXT("\x30\x08\x02\x03\x00\x00\x83\x02\x01\x03")), CS_ERR_PROTOCOL);
    /* a third number, a byte behind, a BIT STRING */
    assert_int_equal(rsa(TEXT("\x30\x09\x02\x01\x23\x02\x01\x03\x02\x01\x03")), CS_ERR_PROTOCOL);
    assert_int_equal(rsa(TEXT("\x30\x06\x02\x01\x23\x02\x01\x03\x00")), CS_ERR_PROTOCOL);
    assert_int_equal(rsa(TEXT("\x30\x06\x03\x01\x23\x02\x01\x03")), CS_ERR_PROTOCOL);
}

static void test_a_key_of_odd_bits_is_refused(void **state)
{
    struct cs_bytes key;

    (void)state;
    assert_int_equal(cs_der_spki_key(TEXT("\x30\x06\x30\x00\x03\x02\x00x"), &key), 0);
    assert_true(cs_bytes_equal(key, TEXT("x")));
    assert_int_equal(cs_der_spki_key(TEXT("\x30\x06\x30\x00\x03\x02\x01x"), &key), CS_ERR_PROTOCOL);
    assert_int_equal(cs_der_spki_key(TEXT("\x30\x04\x30\x00\x03\x00"), &key), CS_ERR_PROTOCOL);
    assert_int_equal(
        cs_der_spki_key(TEXT("\x30\x06\x30\x00\x03\x02\x00x!"), &key), CS_ERR_PROTOCOL);
}

static void test_ecdsa_signatures_lose_their_der(void **state)
{
    const char expected[] = "\0\1\2"
                            "\x80\3\4";
    uint8_t raw[6];

    (void)state;
    assert_int_equal(
        cs_der_ecdsa_raw(TEXT("\x30\x0a\x02\x02\x01\x02\x02\x04\x00\x80\x03\x04"), raw, 3), 0);
    assert_memory_equal(raw, expected, sizeof(raw));
    /* too long, something behind it, a negative number, one number only */
    assert_int_equal(
        cs_der_ecdsa_raw(TEXT("\x30\x0a\x02\x02\x01\x02\x02\x04\x00\x80\x03\x04"), raw, 2),
        CS_ERR_PROTOCOL);
    assert_int_equal(
        cs_der_ecdsa_raw(TEXT("\x30\x06\x02\x01\x01\x02\x01\x02!"), raw, 3), CS_ERR_PROTOCOL);
    assert_int_equal(
        cs_der_ecdsa_raw(TEXT("\x30\x06\x02\x01\x81\x02\x01\x02"), raw, 3), CS_ERR_PROTOCOL);
    assert_int_equal(cs_der_ecdsa_raw(TEXT("\x30\x03\x02\x01\x01"), raw, 3), CS_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_are_written_as_openssl_does_and_read_again),
        cmocka_unit_test(test_what_is_ber_but_not_der_is_refused),
        cmocka_unit_test(test_a_wrong_tag_takes_nothing),
        cmocka_unit_test(test_the_key_in_a_public_key_of_openssl),
        cmocka_unit_test(test_modulus_and_exponent),
        cmocka_unit_test(test_numbers_that_no_key_has),
        cmocka_unit_test(test_a_key_of_odd_bits_is_refused),
        cmocka_unit_test(test_ecdsa_signatures_lose_their_der),
    };

    return cmocka_run_group_tests_name("der", tests, NULL, NULL);
}
