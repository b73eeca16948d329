/* SPDX-License-Identifier: Apache-2.0 */
/* provider/param: what we write libcrypto reads, and the other way round. */
#include "provider/param.h"

#include <openssl/bn.h>
#include <openssl/params.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_integers_of_every_kind_are_read(void **state)
{
    int32_t i32 = -3;
    int64_t i64 = 70000, big = INT64_C(1) << 40;
    uint32_t u32 = 6, high = UINT32_MAX;
    uint8_t odd[3] = {1, 2, 3};
    char text[] = "6";
    int value = 0;

    (void)state;
    OSSL_PARAM params[] = {OSSL_PARAM_int32("a", &i32), OSSL_PARAM_int64("b", &i64),
        OSSL_PARAM_uint32("c", &u32), OSSL_PARAM_int64("d", &big), OSSL_PARAM_uint32("e", &high),
        OSSL_PARAM_DEFN("f", OSSL_PARAM_INTEGER, odd, sizeof(odd)),
        OSSL_PARAM_utf8_string("g", text, 1), OSSL_PARAM_int("h", NULL), OSSL_PARAM_END};

    assert_true(cs_param_get_int(cs_param_find(params, "a"), &value) && value == -3);
    assert_true(cs_param_get_int(cs_param_find(params, "b"), &value) && value == 70000);
    assert_true(cs_param_get_int(cs_param_find(params, "c"), &value) && value == 6);
    for (const char *name = "defgh"; *name; name++)
        assert_false(cs_param_get_int(cs_param_find(params, (const char[]){*name, 0}), &value));
    assert_int_equal(value, 6);
    assert_null(cs_param_find(params, "z"));
    assert_null(cs_param_find(NULL, "a"));
}

static void test_strings_of_every_kind_are_read(void **state)
{
    char text[] = "digest\0x";
    const char *pointer = text;
    struct cs_bytes string;

    (void)state;
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("a", text, 6),
        OSSL_PARAM_utf8_string("b", text, sizeof(text)), OSSL_PARAM_utf8_ptr("c", &pointer, 6),
        OSSL_PARAM_octet_string("d", text, 6), OSSL_PARAM_utf8_string("e", NULL, 0),
        OSSL_PARAM_END};

    for (const char *name = "abc"; *name; name++) {
        assert_true(cs_param_get_string(cs_param_find(params, (const char[]){*name, 0}), &string));
        assert_true(cs_bytes_equal(string, cs_bytes_of("digest")));
    }
    assert_false(cs_param_get_string(cs_param_find(params, "d"), &string));
    assert_false(cs_param_get_string(cs_param_find(params, "e"), &string));
}

static void test_integers_are_written_as_libcrypto_reads_them(void **state)
{
    static const int values[] = {0, 1, 127, 128, 255, 256, 65535, 0x7fffffff};
    int32_t i32;
    int64_t i64;
    size_t size;

    (void)state;
    OSSL_PARAM params[] = {OSSL_PARAM_int32("a", &i32), OSSL_PARAM_int64("b", &i64),
        OSSL_PARAM_size_t("c", &size), OSSL_PARAM_int("d", NULL), OSSL_PARAM_END};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (OSSL_PARAM *param = params; param->key; param++)
            assert_true(cs_param_set_int(param, values[i]));
        assert_int_equal(i32, values[i]);
        assert_int_equal(i64, values[i]);
        assert_int_equal(size, values[i]);
        assert_int_equal(params[3].return_size, sizeof(int));
    }
    assert_true(cs_param_set_int(&params[0], -2) && i32 == -2);
    assert_true(cs_param_set_int(&params[1], -2) && i64 == -2);
    assert_false(cs_param_set_int(&params[2], -2));
    assert_true(cs_param_set_int(NULL, 1));
}

static void test_a_value_that_does_not_fit_is_refused_with_its_size(void **state)
{
    char room[4];

    (void)state;
    OSSL_PARAM text = OSSL_PARAM_utf8_string("a", room, sizeof(room));
    OSSL_PARAM bytes = OSSL_PARAM_octet_string("b", room, sizeof(room));
    OSSL_PARAM number = OSSL_PARAM_BN("c", (unsigned char *)room, sizeof(room));

    assert_false(cs_param_set_string(&text, "12345"));
    assert_int_equal(text.return_size, 5);
    assert_true(cs_param_set_string(&text, "123"));
    assert_string_equal(room, "123");
    assert_true(cs_param_set_string(&text, "1234"));
    assert_false(cs_param_set_bytes(&bytes, cs_bytes_of("12345")));
    assert_false(cs_param_set_number(&number, cs_bytes_of("12345")));
    assert_int_equal(number.return_size, 5);
    assert_false(cs_param_set_bytes(&text, cs_bytes_of("1")));
    assert_false(cs_param_set_string(&bytes, "1"));
    assert_false(cs_param_set_int(&bytes, 1));
}

static void test_numbers_are_bignums(void **state)
{
    static const uint8_t n[] = {0x81, 0x02, 0x03, 0x04, 0x05};
    uint8_t room[9], native[sizeof(n)];
    BIGNUM *expected = BN_bin2bn(n, sizeof(n), NULL), *read = NULL;

    (void)state;
    OSSL_PARAM param = OSSL_PARAM_BN("n", room, sizeof(room));

    assert_true(cs_param_set_number(&param, CS_BYTES(n, sizeof(n))));
    assert_int_equal(OSSL_PARAM_get_BN(&param, &read), 1);
    assert_int_equal(BN_cmp(read, expected), 0);
    memcpy(native, n, sizeof(n));
    cs_param_native_number(native, sizeof(native));
    param = cs_param_of_number("n", native, sizeof(native));
    assert_int_equal(OSSL_PARAM_get_BN(&param, &read), 1);
    assert_int_equal(BN_cmp(read, expected), 0);
    BN_free(read);
    BN_free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_of_every_kind_are_read),
        cmocka_unit_test(test_strings_of_every_kind_are_read),
        cmocka_unit_test(test_integers_are_written_as_libcrypto_reads_them),
        cmocka_unit_test(test_a_value_that_does_not_fit_is_refused_with_its_size),
        cmocka_unit_test(test_numbers_are_bignums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
