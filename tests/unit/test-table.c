/* SPDX-License-Identifier: Apache-2.0 */
/* cli/table: a table fits the terminal, whatever is in it. */
#include "cli/table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct cs_column columns[] = {
    {.title = "ID"},
    {.title = "LABEL", .cut = CS_CUT_END},
    {.title = "N", .right = true},
    {.title = "URI", .cut = CS_CUT_MIDDLE},
    {.title = "EXTRA", .cut = CS_CUT_END, .optional = true},
};

static struct cs_table *example(void)
{
    struct cs_table *table = cs_table_new(columns, 5);

    cs_table_add(table,
        (const char *[]){"12345678", "alice", "7", "pkcs11:token=corp;object=alice", "more"});
    cs_table_note(table, "a note that belongs to alice");
    cs_table_add(table, (const char *[]){"9abcdef0", "ev\x1b[2Jil", "1234", "pkcs11:", NULL});
    cs_table_note(table, "");
    return table;
}

static char *print(const struct cs_table *table, size_t width)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_int_equal(cs_table_print(table, out, width), 0);
    fclose(out);
    return text;
}

static void test_columns_line_up(void **state)
{
    CS_AUTO(cs_table_freep) struct cs_table *table = example();
    CS_AUTO(cs_freep) char *text = print(table, 100);

    (void)state;
    assert_string_equal(text, "ID        LABEL           N  URI                             EXTRA\n"
                              "12345678  alice           7  pkcs11:token=corp;object=alice  more\n"
                              "    a note that belongs to alice\n"
                              "9abcdef0  ev\\x1b[2Jil  1234  pkcs11:\n");
}

static void test_what_is_optional_goes_first_then_the_widest_gives_way(void **state)
{
    CS_AUTO(cs_table_freep) struct cs_table *table = example();
    CS_AUTO(cs_freep) char *text = print(table, 52);

    (void)state;
    assert_null(strstr(text, "EXTRA"));
    assert_non_null(strstr(text, "12345678  alice           7  pkcs11:toke…bject=alice\n"));
}

static void test_no_row_is_wider_than_the_terminal(void **state)
{
    CS_AUTO(cs_table_freep) struct cs_table *table = example();

    (void)state;
    for (size_t width = 1; width < 90; width++) {
        CS_AUTO(cs_freep) char *text = print(table, width);
        char *rest = text, *line;

        while ((line = strsep(&rest, "\n")))
            if (strncmp(line, "    ", 4) != 0) /* a note has a least width */
                assert_true(cs_text_width(line) <= width);
        assert_null(strchr(text, '\x1b'));
    }
}

static void test_a_table_without_rows_is_its_titles(void **state)
{
    CS_AUTO(cs_table_freep) struct cs_table *table = cs_table_new(columns, 2);
    CS_AUTO(cs_freep) char *text = NULL;

    (void)state;
    cs_table_note(table, "about nothing");
    text = print(table, 80);
    assert_string_equal(text, "ID  LABEL\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_line_up),
        cmocka_unit_test(test_what_is_optional_goes_first_then_the_widest_gives_way),
        cmocka_unit_test(test_no_row_is_wider_than_the_terminal),
        cmocka_unit_test(test_a_table_without_rows_is_its_titles),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
