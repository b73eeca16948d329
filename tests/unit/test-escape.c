/* SPDX-License-Identifier: Apache-2.0 */
/* base/escape. */
#include "base/escape.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void check(struct cs_bytes text, const char *expected)
{
    struct cs_buf buf = CS_BUF_INIT(4096);

    cs_escape_string(&buf, text);
    cs_buf_put_u8(&buf, 0);
    assert_int_equal(buf.error, 0);
    assert_string_equal((const char *)buf.data, expected);
    cs_buf_deinit(&buf);
}

static void test_plain_text_stays(void **state)
{
    (void)state;
    check(CS_BYTES(NULL, 0), "\"\"");
    check(cs_bytes_of("/usr/bin/curl"), "\"/usr/bin/curl\"");
}

static void test_what_json_forbids_is_escaped(void **state)
{
    (void)state;
    check(cs_bytes_of("a\"b\\c\nd\x1b\x7f"), "\"a\\\"b\\\\c\\u000ad\\u001b\\u007f\"");
    check(CS_BYTES("a\0b", 3), "\"a\\u0000b\"");
}

static void test_all_is_ascii(void **state)
{
    (void)state;
    check(cs_bytes_of("M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x94\x91"),
        "\"M\\u00fcller \\u20ac \\ud83d\\udd11\"");
}

static void test_what_is_no_utf8_is_replaced(void **state)
{
    (void)state;
    check(cs_bytes_of("a\xff\xc3"), "\"a\\ufffd\\ufffd\"");
    check(cs_bytes_of("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""); /* half a surrogate pair */
}

static void test_every_byte_gives_a_line(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(4096);
    uint8_t all[256];

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)(255 - i);
    cs_escape_string(&buf, CS_BYTES(all, sizeof(all)));
    assert_int_equal(buf.error, 0);
    for (size_t i = 0; i < buf.len; i++)
        assert_true(buf.data[i] >= 0x20 && buf.data[i] <= 0x7e);
    cs_buf_deinit(&buf);
}

static void test_hex(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(16);

    (void)state;
    cs_escape_hex(&buf, CS_BYTES("\x00\xfa\x10", 3));
    assert_int_equal(buf.len, 6);
    assert_memory_equal(buf.data, "00fa10", 6);
    cs_buf_deinit(&buf);
}

static void test_markup(void **state)
{
    static const struct {
        const char *text, *markup;
        size_t size;
    } rows[] = {
        {"a<b>&\xc3\xa9", "a&lt;b&gt;&amp;\xc3\xa9", 64},
        {"\xff\xc3", "??", 64},
        {"", "", 1},
        {"\xc3\xa9", "", 1},
        {"\xc3\xa9", "", 2}, /* no half of a character, nor of an entity */
        {"\xc3\xa9", "\xc3\xa9", 3},
        {"ab&", "ab", 7},
        {"ab&", "ab&amp;", 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];

        cs_escape_markup(rows[i].text, out, rows[i].size);
        assert_string_equal(out, rows[i].markup);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markup),
        cmocka_unit_test(test_plain_text_stays),
        cmocka_unit_test(test_what_json_forbids_is_escaped),
        cmocka_unit_test(test_all_is_ascii),
        cmocka_unit_test(test_what_is_no_utf8_is_replaced),
        cmocka_unit_test(test_every_byte_gives_a_line),
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
