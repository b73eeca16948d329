/* SPDX-License-Identifier: Apache-2.0 */
/* base/pem: as OpenSSL writes PEM, to the byte; and references that are references. */
#include "base/pem.h"
#include "base/der.h"

#include <countersign/error.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define TEXT(string) CS_BYTES(string, sizeof(string) - 1)
#define URI "pkcs11:token=corp;object=alice;type=private"

static const struct cs_pem_reference whole = {
    .uri = {(const uint8_t *)URI, sizeof(URI) - 1},
    .id = {(const uint8_t *)"0123456789abcdef0123456789abcdef", 32},
    .spki = {(const uint8_t *)"\x30\x03\x02\x01\x07", 5},
};

static void test_blocks_are_written_as_openssl_does(void **state)
{
    uint8_t der[300];

    (void)state;
    for (size_t i = 0; i < sizeof(der); i++)
        der[i] = (uint8_t)(i * 7 + 3);
    for (size_t len = 1; len <= sizeof(der); len++) {
        BIO *bio = BIO_new(BIO_s_mem());
        struct cs_buf buf = CS_BUF_INIT(4096);
        char *expected;
        long expected_len;

        assert_true(PEM_write_bio(bio, "A LABEL", "", der, (long)len) > 0);
        expected_len = BIO_get_mem_data(bio, &expected);
        cs_pem_put(&buf, "A LABEL", CS_BYTES(der, len));
        assert_true(cs_bytes_equal(cs_buf_bytes(&buf), CS_BYTES(expected, expected_len)));
        BIO_free(bio);
        cs_buf_deinit(&buf);
    }
}

static void test_an_empty_block(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(4096);

    (void)state;
    cs_pem_put(&buf, "X", (struct cs_bytes){0});
    assert_true(cs_bytes_equal(cs_buf_bytes(&buf), TEXT("-----BEGIN X-----\n-----END X-----\n")));
    cs_buf_deinit(&buf);
}

static void test_what_openssl_encodes_is_decoded(void **state)
{
    uint8_t bytes[200], base64[400];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(255 - i * 11);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct cs_buf buf = CS_BUF_INIT(4096);
        int n = EVP_EncodeBlock(base64, bytes, (int)len);

        cs_buf_put(&buf, ">", 1); /* it appends */
        assert_int_equal(cs_pem_decode(&buf, CS_BYTES(base64, n)), 0);
        assert_int_equal(buf.len, len + 1);
        assert_memory_equal(buf.data + 1, bytes, len);
        cs_buf_deinit(&buf);
    }
}

static int decode(struct cs_bytes base64, struct cs_bytes expected)
{
    struct cs_buf buf = CS_BUF_INIT(64);
    int r = cs_pem_decode(&buf, base64);

    if (r == 0)
        assert_true(cs_bytes_equal(cs_buf_bytes(&buf), expected));
    cs_buf_deinit(&buf);
    return r;
}

static void test_white_space_is_skipped_wherever_it_is(void **state)
{
    (void)state;
    assert_int_equal(decode(TEXT(" Y\r\nW\tJj\n\nZ A = = \n"), TEXT("abcd")), 0);
    assert_int_equal(decode(TEXT("\n \t\r"), TEXT("")), 0);
}

static void test_what_is_no_base64_is_refused(void **state)
{
    const char *bad[] = {"A", "AA", "AAA", "AAAAA", "=", "====", "A===", "AA=", "AA=A", "AA==A",
        "AA==AA==", "AAAA=", "AAAA====", "AAA==", "AA-A", "AA_A", "AA.A", "AA\vAA", "\377AAA",
        "AAAA-----END", "AAA\xe2\x82\xac"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (decode(cs_bytes_of(bad[i]), TEXT("")) != CS_ERR_PROTOCOL)
            fail_msg("'%s' is taken", bad[i]);
    assert_int_equal(decode(TEXT("AA\0A"), TEXT("")), CS_ERR_PROTOCOL);
}

static void test_the_buffers_limit_is_kept(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(2);

    (void)state;
    assert_int_equal(cs_pem_decode(&buf, TEXT("YWJj")), CS_ERR_TOO_LARGE);
    cs_buf_deinit(&buf);
}

static void check_through_openssls_pem(const struct cs_pem_reference *reference)
{
    struct cs_buf der = CS_BUF_INIT(4096), pem = CS_BUF_INIT(4096);
    char *name = NULL, *header = NULL;
    uint8_t *data = NULL;
    struct cs_pem_reference found;
    long len;
    BIO *bio;

    cs_pem_reference_put(&der, reference);
    cs_pem_put(&pem, CS_PEM_REFERENCE, cs_buf_bytes(&der));
    bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    assert_int_equal(PEM_read_bio(bio, &name, &header, &data, &len), 1);
    assert_string_equal(name, CS_PEM_REFERENCE);
    assert_int_equal(cs_pem_reference_get(CS_BYTES(data, len), &found), 0);
    assert_true(cs_bytes_equal(found.uri, reference->uri));
    assert_true(cs_bytes_equal(found.id, reference->id));
    assert_true(cs_bytes_equal(found.spki, reference->spki));
    for (long cut = 0; cut < len; cut++)
        assert_int_equal(cs_pem_reference_get(CS_BYTES(data, cut), &found), CS_ERR_PROTOCOL);
    cs_buf_put_u8(&der, 0);
    assert_int_equal(cs_pem_reference_get(cs_buf_bytes(&der), &found), CS_ERR_PROTOCOL);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    BIO_free(bio);
    cs_buf_deinit(&der);
    cs_buf_deinit(&pem);
}

static void test_a_reference_comes_back_through_openssls_pem(void **state)
{
    (void)state;
    check_through_openssls_pem(&(struct cs_pem_reference){.uri = TEXT(URI)});
    check_through_openssls_pem(&whole);
}

/* The body of a reference with these two strings in it. */
static int reference(struct cs_bytes version, struct cs_bytes uri, const char *more)
{
    struct cs_buf body = CS_BUF_INIT(4096), der = CS_BUF_INIT(4096);
    struct cs_pem_reference found;
    int r;

    cs_der_put(&body, CS_DER_VISIBLE_STRING, version);
    cs_der_put(&body, CS_DER_UTF8_STRING, uri);
    cs_buf_put(&body, more, strlen(more));
    cs_der_put(&der, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    r = cs_pem_reference_get(cs_buf_bytes(&der), &found);
    if (r == 0)
        assert_true(cs_bytes_equal(found.uri, uri) && found.id.len == 0 && found.spki.len == 0);
    cs_buf_deinit(&body);
    cs_buf_deinit(&der);
    return r;
}

static void test_what_is_a_reference_and_what_is_not(void **state)
{
    const struct cs_bytes version = TEXT(CS_PEM_REFERENCE_VERSION_1);

    (void)state;
    assert_int_equal(reference(version, TEXT(URI), ""), 0);
    assert_int_equal(reference(TEXT("PKCS#11 Provider URI v1.0"), TEXT(URI), ""), 0);
    assert_int_equal(reference(TEXT(CS_PEM_REFERENCE_VERSION), TEXT(URI), ""), CS_ERR_PROTOCOL);
    assert_int_equal(
        reference(TEXT("Countersign Key Reference v3"), TEXT(URI), ""), CS_ERR_PROTOCOL);
    assert_int_equal(reference(TEXT(""), TEXT(URI), ""), CS_ERR_PROTOCOL);
    assert_int_equal(reference(version, TEXT(""), ""), CS_ERR_PROTOCOL);
    assert_int_equal(reference(version, TEXT("pkcs11:\0x"), ""), CS_ERR_PROTOCOL);
    assert_int_equal(reference(version, TEXT(URI), "\x05"), CS_ERR_PROTOCOL);
}

static int whole_reference(size_t id_len, struct cs_bytes spki, const char *more)
{
    struct cs_buf body = CS_BUF_INIT(4096), der = CS_BUF_INIT(4096);
    struct cs_pem_reference found;
    int r;

    cs_der_put(&body, CS_DER_VISIBLE_STRING, TEXT(CS_PEM_REFERENCE_VERSION));
    cs_der_put(&body, CS_DER_UTF8_STRING, TEXT(URI));
    cs_der_put(&body, CS_DER_OCTET_STRING, CS_BYTES(TEXT(URI).data, id_len));
    cs_buf_put(&body, spki.data, spki.len);
    cs_buf_put(&body, more, strlen(more));
    cs_der_put(&der, CS_DER_SEQUENCE, cs_buf_bytes(&body));
    r = cs_pem_reference_get(cs_buf_bytes(&der), &found);
    cs_buf_deinit(&body);
    cs_buf_deinit(&der);
    return r;
}

static void test_what_is_a_whole_reference_and_what_is_not(void **state)
{
    (void)state;
    assert_int_equal(whole_reference(32, whole.spki, ""), 0);
    assert_int_equal(whole_reference(31, whole.spki, ""), CS_ERR_PROTOCOL);
    assert_int_equal(whole_reference(33, whole.spki, ""), CS_ERR_PROTOCOL);
    assert_int_equal(whole_reference(0, whole.spki, ""), CS_ERR_PROTOCOL);
    assert_int_equal(whole_reference(32, TEXT(""), ""), CS_ERR_PROTOCOL);
    assert_int_equal(whole_reference(32, TEXT("\x04\x01x"), ""), CS_ERR_PROTOCOL);
    assert_int_equal(whole_reference(32, whole.spki, "\x05"), CS_ERR_PROTOCOL);
}

/* As PROTOCOL.md has it, in the eyes of OpenSSL's reader. */
static void test_a_reference_is_der_of_its_types(void **state)
{
    static const int types[] = {
        V_ASN1_VISIBLESTRING, V_ASN1_UTF8STRING, V_ASN1_OCTET_STRING, V_ASN1_SEQUENCE};
    struct cs_buf der = CS_BUF_INIT(4096);
    const uint8_t *at;
    STACK_OF(ASN1_TYPE) * sequence;

    (void)state;
    cs_pem_reference_put(&der, &whole);
    at = der.data;
    sequence = d2i_ASN1_SEQUENCE_ANY(NULL, &at, (long)der.len);
    assert_non_null(sequence);
    assert_ptr_equal(at, der.data + der.len);
    assert_int_equal(sk_ASN1_TYPE_num(sequence), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ASN1_TYPE_get(sk_ASN1_TYPE_value(sequence, i)), types[i]);
    sk_ASN1_TYPE_pop_free(sequence, ASN1_TYPE_free);
    cs_buf_deinit(&der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_written_as_openssl_does),
        cmocka_unit_test(test_an_empty_block),
        cmocka_unit_test(test_what_openssl_encodes_is_decoded),
        cmocka_unit_test(test_white_space_is_skipped_wherever_it_is),
        cmocka_unit_test(test_what_is_no_base64_is_refused),
        cmocka_unit_test(test_the_buffers_limit_is_kept),
        cmocka_unit_test(test_a_reference_comes_back_through_openssls_pem),
        cmocka_unit_test(test_what_is_a_reference_and_what_is_not),
        cmocka_unit_test(test_what_is_a_whole_reference_and_what_is_not),
        cmocka_unit_test(test_a_reference_is_der_of_its_types),
    };

    return cmocka_run_group_tests_name("pem", tests, NULL, NULL);
}
