/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf: what is put comes out again, and nothing is read or written beyond a limit. */
#include "base/buf.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_numbers_are_big_endian_and_come_back(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(64);
    struct cs_reader reader;
    const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7};

    (void)state;
    cs_buf_put_u8(&buf, 1);
    cs_buf_put_u16(&buf, 0x0203);
    cs_buf_put_u32(&buf, 0x04050607);
    assert_int_equal(buf.error, 0);
    assert_int_equal(buf.len, sizeof(expected));
    assert_memory_equal(buf.data, expected, sizeof(expected));
    reader = cs_reader_of(cs_buf_bytes(&buf));
    assert_int_equal(cs_get_u8(&reader), 1);
    assert_int_equal(cs_get_u16(&reader), 0x0203);
    assert_int_equal(cs_get_u32(&reader), 0x04050607);
    assert_int_equal(cs_reader_end(&reader), 0);
    cs_buf_deinit(&buf);
}

static void test_limit_is_kept_and_the_error_sticks(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(5);

    (void)state;
    cs_buf_put(&buf, "12345", 5);
    assert_int_equal(buf.error, 0);
    cs_buf_put_u8(&buf, 6);
    assert_int_equal(buf.error, CS_ERR_TOO_LARGE);
    assert_int_equal(buf.len, 5);
    cs_buf_reset(&buf);
    cs_buf_put(&buf, "1234", 4);
    assert_null(cs_buf_extend(&buf, SIZE_MAX - 1)); /* with what is there, 2 */
    assert_int_equal(buf.error, CS_ERR_TOO_LARGE);
    assert_int_equal(buf.len, 4);
    cs_buf_deinit(&buf);
}

static void test_a_number_is_set_within_what_is_there(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(16);

    (void)state;
    cs_buf_put(&buf, "abcdefg", 7);
    cs_buf_set_u32(&buf, 4, 1);
    cs_buf_consume(&buf, 4);
    cs_buf_set_u32(&buf, 0, 1);
    assert_true(cs_bytes_equal(cs_buf_bytes(&buf), cs_bytes_of("efg")));
    cs_buf_put_u8(&buf, 'h');
    cs_buf_set_u32(&buf, 0, 0x31323334);
    assert_true(cs_bytes_equal(cs_buf_bytes(&buf), cs_bytes_of("1234")));
    cs_buf_deinit(&buf);
}

static void test_a_length_beyond_the_end_is_an_error(void **state)
{
    const uint8_t lie[] = {0, 0, 0, 3, 'a', 'b'};
    struct cs_reader reader = cs_reader_of(CS_BYTES(lie, sizeof(lie)));

    (void)state;
    assert_int_equal(cs_get_bytes(&reader).len, 0);
    assert_int_equal(cs_reader_end(&reader), CS_ERR_PROTOCOL);
    assert_int_equal(cs_get_u8(&reader), 0);
}

static void test_a_byte_left_over_is_an_error(void **state)
{
    struct cs_reader reader = cs_reader_of(CS_BYTES("ab", 2));

    (void)state;
    assert_int_equal(cs_get_u8(&reader), 'a');
    assert_int_equal(cs_reader_end(&reader), CS_ERR_PROTOCOL);
}

static int string_result(const char *bytes, size_t len)
{
    struct cs_buf buf = CS_BUF_INIT(64);
    struct cs_reader reader;
    int r;

    cs_buf_put_bytes(&buf, CS_BYTES(bytes, len));
    reader = cs_reader_of(cs_buf_bytes(&buf));
    cs_get_string(&reader);
    r = cs_reader_end(&reader);
    cs_buf_deinit(&buf);
    return r;
}

static void test_strings_are_utf8_without_zeros(void **state)
{
    (void)state;
    assert_int_equal(string_result("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x94\x91", 15), 0);
    assert_int_equal(string_result("a\0b", 3), CS_ERR_PROTOCOL);
    assert_int_equal(string_result("\xc0\xaf", 2), CS_ERR_PROTOCOL); /* overlong */
    assert_int_equal(string_result("\xe0\x80\xaf", 3), CS_ERR_PROTOCOL);
    assert_int_equal(string_result("\xf0\x80\x80\xaf", 4), CS_ERR_PROTOCOL);
    assert_int_equal(string_result("\xed\xa0\x80", 3), CS_ERR_PROTOCOL);     /* surrogate */
    assert_int_equal(string_result("\xf4\x90\x80\x80", 4), CS_ERR_PROTOCOL); /* beyond Unicode */
    assert_int_equal(string_result("\xe2\x82", 2), CS_ERR_PROTOCOL);         /* cut short */
}

static void test_a_count_is_judged_by_the_room_there_is(void **state)
{
    const uint8_t lie[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    struct cs_reader reader = cs_reader_of(CS_BYTES(lie, sizeof(lie)));

    (void)state;
    assert_int_equal(cs_get_count(&reader, 4), 0);
    assert_int_equal(reader.error, CS_ERR_PROTOCOL);
}

static void test_bytes_have_an_order_and_are_stored_side_by_side(void **state)
{
    uint8_t room[8], *at = room;
    struct cs_bytes a, none, b;

    (void)state;
    a = cs_bytes_store(cs_bytes_of("ab"), &at);
    none = cs_bytes_store((struct cs_bytes){0}, &at);
    b = cs_bytes_store(cs_bytes_of("aab"), &at);
    assert_ptr_equal(at, room + 5);
    assert_memory_equal(room, "abaab", 5);
    assert_true(cs_bytes_compare(a, b) < 0 && cs_bytes_compare(b, a) > 0);
    assert_true(cs_bytes_compare(none, a) < 0 && cs_bytes_compare(a, CS_BYTES("aa", 2)) > 0);
    assert_int_equal(cs_bytes_compare(a, CS_BYTES("abc", 2)), 0);
    assert_int_equal(cs_bytes_compare(none, CS_BYTES("x", 0)), 0);
}

static void test_consume_drops_at_the_front(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(64);

    (void)state;
    cs_buf_put(&buf, "abcdef", 6);
    cs_buf_consume(&buf, 4);
    assert_true(cs_bytes_equal(cs_buf_bytes(&buf), cs_bytes_of("ef")));
    cs_buf_consume(&buf, 9);
    assert_int_equal(buf.len, 0);
    cs_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_big_endian_and_come_back),
        cmocka_unit_test(test_limit_is_kept_and_the_error_sticks),
        cmocka_unit_test(test_a_number_is_set_within_what_is_there),
        cmocka_unit_test(test_a_length_beyond_the_end_is_an_error),
        cmocka_unit_test(test_a_byte_left_over_is_an_error),
        cmocka_unit_test(test_strings_are_utf8_without_zeros),
        cmocka_unit_test(test_a_count_is_judged_by_the_room_there_is),
        cmocka_unit_test(test_bytes_have_an_order_and_are_stored_side_by_side),
        cmocka_unit_test(test_consume_drops_at_the_front),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
