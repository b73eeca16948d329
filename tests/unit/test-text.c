/* SPDX-License-Identifier: Apache-2.0 */
/* cli/text: nothing reaches a terminal that it would obey, and what is cut is cut between
 * characters. */
#include "cli/text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int utf8(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static int ascii(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C") ? 0 : -1;
}

static void assert_safe(const char *text, size_t len, const char *expected)
{
    char *once = cs_text_safe(CS_BYTES(text, len));
    char *twice = cs_text_safe(cs_bytes_of(once));

    assert_string_equal(once, expected);
    assert_string_equal(twice, expected);
    free(once);
    free(twice);
}

#define assert_shown(text, expected) assert_safe(text, sizeof(text) - 1, expected)

static void test_text_is_shown_as_it_is(void **state)
{
    (void)state;
    assert_shown("", "");
    assert_shown("alice's key \\ 1", "alice's key \\ 1");
    assert_shown("Müller 鍵 🔑", "Müller 鍵 🔑");
}

static void test_what_a_terminal_obeys_is_spelled_out(void **state)
{
    (void)state;
    assert_shown("\x1b[2J", "\\x1b[2J");
    assert_shown("a\nb\tc\rd\be\0f\x7f", "a\\x0ab\\x09c\\x0dd\\x08e\\x00f\\x7f");
    assert_shown("\xc2\x9b"
                 "31m",
        "\\u009b31m"); /* CSI in one character */
    assert_shown("\x9b"
                 "31m",
        "\\x9b31m");
    assert_shown("a\xe2\x80\xaegnp", "a\\u202egnp"); /* right to left */
    assert_shown("\xf3\xa0\x80\xa1", "\\U000e0021");
    assert_shown("\xe2\x80\xa8", "\\u2028");
}

static void test_what_is_no_utf8_is_spelled_out(void **state)
{
    (void)state;
    assert_shown("\xff\xfe", "\\xff\\xfe");
    assert_shown("M\xfcller", "M\\xfcller");
    assert_shown("\xc0\xaf", "\\xc0\\xaf");
    assert_shown("cut \xe2\x80", "cut \\xe2\\x80");
}

static void test_a_plain_locale_sees_ascii(void **state)
{
    char *cut;

    (void)state;
    assert_shown("Müller 🔑", "M\\u00fcller \\U0001f511");
    cut = cs_text_cut("0123456789", 6, CS_CUT_MIDDLE);
    assert_string_equal(cut, "01...9");
    free(cut);
}

static void test_width_counts_columns(void **state)
{
    (void)state;
    assert_int_equal(cs_text_width(""), 0);
    assert_int_equal(cs_text_width("abc"), 3);
    assert_int_equal(cs_text_width("Mü"), 2);
    assert_int_equal(cs_text_width("鍵鍵"), 4);
    assert_int_equal(cs_text_width("u\xcc\x88"), 1); /* a combining mark */
}

static void assert_cut(const char *text, size_t width, enum cs_cut cut, const char *expected)
{
    char *result = cs_text_cut(text, width, cut);

    assert_string_equal(result, expected);
    assert_true(cut == CS_CUT_NEVER || cs_text_width(result) <= width);
    free(result);
}

static void test_long_text_is_cut_where_it_hurts_least(void **state)
{
    (void)state;
    assert_cut("0123456789", 10, CS_CUT_END, "0123456789");
    assert_cut("0123456789", 9, CS_CUT_END, "01234567…");
    assert_cut("0123456789", 9, CS_CUT_MIDDLE, "0123…6789");
    assert_cut("0123456789", 8, CS_CUT_MIDDLE, "0123…789");
    assert_cut("0123456789", 3, CS_CUT_NEVER, "0123456789");
    assert_cut("0123456789", 1, CS_CUT_MIDDLE, "…");
    assert_cut("0123456789", 0, CS_CUT_END, "");
    assert_cut("鍵鍵鍵鍵", 7, CS_CUT_END, "鍵鍵鍵…");
    assert_cut("鍵鍵鍵鍵", 6, CS_CUT_END, "鍵鍵…");
    assert_cut("鍵鍵鍵鍵", 6, CS_CUT_MIDDLE, "鍵…鍵");
    assert_cut("鍵鍵鍵鍵", 5, CS_CUT_MIDDLE, "鍵…鍵");
}

static void test_cuts_fit_at_every_width(void **state)
{
    static const char text[] = "pkcs11:token=鍵;object=Mü\xcc\x88ller;id=%01";

    (void)state;
    for (size_t width = 0; width < 60; width++)
        for (enum cs_cut cut = CS_CUT_END; cut <= CS_CUT_MIDDLE; cut++) {
            char *result = cs_text_cut(text, width, cut);
            char *safe = cs_text_safe(cs_bytes_of(result));

            assert_true(cs_text_width(result) <= width);
            assert_string_equal(result, safe); /* no character was broken */
            free(result);
            free(safe);
        }
}

static void assert_filled(
    const char *text, size_t at, size_t indent, size_t width, const char *expected)
{
    char *result;
    size_t size;
    FILE *out = open_memstream(&result, &size);

    cs_text_fill(out, text, at, indent, width);
    fclose(out);
    assert_string_equal(result, expected);
    free(result);
}

static void test_paragraphs_break_between_words(void **state)
{
    (void)state;
    assert_filled("", 0, 2, 40, "  \n");
    assert_filled("one two", 0, 2, 40, "  one two\n");
    assert_filled("the quick brown fox jumps over it", 0, 4, 24,
        "    the quick brown fox\n    jumps over it\n");
    assert_filled(
        "the quick brown fox jumps over it", 4, 4, 24, "the quick brown fox\n    jumps over it\n");
    assert_filled("see pkcs11:token=corp;object=alice;type=private now", 0, 0, 20,
        "see\npkcs11:token=corp;object=alice;type=private\nnow\n");
    assert_filled("a  ", 0, 0, 20, "a\n");
}

static void assert_quoted(const char *text, const char *expected)
{
    char *quoted = cs_text_quoted(text);

    assert_string_equal(quoted, expected);
    free(quoted);
}

static void test_a_word_for_a_shell(void **state)
{
    (void)state;
    assert_quoted("corp", "corp");
    assert_quoted("/run/user/1000/agent.sock", "/run/user/1000/agent.sock");
    assert_quoted("", "''");
    assert_quoted("my card", "'my card'");
    assert_quoted("x'; rm ~", "'x'\\''; rm ~'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_text_is_shown_as_it_is, utf8),
        cmocka_unit_test_setup(test_what_a_terminal_obeys_is_spelled_out, utf8),
        cmocka_unit_test_setup(test_what_is_no_utf8_is_spelled_out, utf8),
        cmocka_unit_test_setup(test_a_plain_locale_sees_ascii, ascii),
        cmocka_unit_test_setup(test_width_counts_columns, utf8),
        cmocka_unit_test_setup(test_long_text_is_cut_where_it_hurts_least, utf8),
        cmocka_unit_test_setup(test_cuts_fit_at_every_width, utf8),
        cmocka_unit_test_setup(test_paragraphs_break_between_words, utf8),
        cmocka_unit_test(test_a_word_for_a_shell),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
