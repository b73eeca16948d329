/* SPDX-License-Identifier: Apache-2.0 */
/* provider/block: finds references among other lines, and reads no further than it must. */
#include "provider/block.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define BEGIN "-----BEGIN COUNTERSIGN KEY REFERENCE-----\n"
#define END "-----END COUNTERSIGN KEY REFERENCE-----\n"
#define OTHER "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

/* As BIO_gets. */
static int text_gets(void *source, char *line, unsigned size)
{
    const char **at = source;
    size_t n = strcspn(*at, "\n");

    n += (*at)[n] == '\n';
    n = n < size - 1 ? n : size - 1;
    memcpy(line, *at, n);
    line[n] = 0;
    *at += n;
    return (int)n;
}

static int read_block(const char *text, const char **restp, struct cs_buf *body)
{
    *restp = text;
    cs_buf_reset(body);
    return cs_block_read(text_gets, restp, body);
}

static void test_a_reference_is_found_behind_other_lines(void **state)
{
    static const char *const texts[] = {
        BEGIN "AAAA\nBBBB\n" END "rest",
        "a comment\n\n" BEGIN "AAAA\nBBBB\n" END "rest",
        "-----BEGIN COUNTERSIGN KEY REFERENCE----- \t\r\nAAAA\nBBBB\n"
        "-----END COUNTERSIGN KEY REFERENCE-----\r\nrest",
        "-----BEGIN PKCS#11 PROVIDER URI-----\nAAAA\nBBBB\n-----END PKCS#11 PROVIDER "
        "URI-----\nrest",
    };
    struct cs_buf body = CS_BUF_INIT(256);
    const char *rest;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(read_block(texts[i], &rest, &body), 1);
        assert_true(cs_bytes_equal(cs_buf_bytes(&body), cs_bytes_of("AAAA\nBBBB\n")));
        assert_string_equal(rest, "rest");
    }
    cs_buf_deinit(&body);
}

static void test_another_block_costs_its_first_line(void **state)
{
    struct cs_buf body = CS_BUF_INIT(256);
    const char *rest;

    (void)state;
    assert_int_equal(read_block(OTHER BEGIN "AAAA\n" END, &rest, &body), 0);
    assert_int_equal(strncmp(rest, "AAAA\n-----END CERT", 18), 0);
    assert_null(body.data);
}

static void test_what_is_no_block_is_no_reference(void **state)
{
    char dull[1024] = "";
    const char *texts[] = {"", "\n", "text", "\x30\x82\x01\x02", dull,
        "-----BEGIN COUNTERSIGN KEY REFERENCE\nAAAA\n", " " BEGIN "AAAA\n" END,
        "-----BEGIN COUNTERSIGN KEY REFERENCE----- x\nAAAA\n" END};
    struct cs_buf body = CS_BUF_INIT(256);
    const char *rest;

    (void)state;
    memset(dull, 'x', 400);
    strcat(dull, BEGIN "AAAA\n" END); /* in the middle of a line */
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(read_block(texts[i], &rest, &body), 0);
    /* A long line is read in pieces, and a block may begin behind it. */
    strcpy(dull + 400, "\n" BEGIN "AAAA\n" END);
    assert_int_equal(read_block(dull, &rest, &body), 1);
    cs_buf_deinit(&body);
}

static void test_a_reference_without_its_end_is_damaged(void **state)
{
    static const char *const texts[] = {BEGIN, BEGIN "AAAA", BEGIN "AAAA\n" OTHER,
        BEGIN "AAAA\n-----END CERTIFICATE-----\n", BEGIN BEGIN "AAAA\n" END};
    struct cs_buf body = CS_BUF_INIT(256), small = CS_BUF_INIT(8);
    const char *rest;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(read_block(texts[i], &rest, &body), CS_ERR_PROTOCOL);
    assert_int_equal(read_block(BEGIN "AAAA\nBBBB\n" END, &rest, &small), CS_ERR_TOO_LARGE);
    cs_buf_deinit(&body);
    cs_buf_deinit(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reference_is_found_behind_other_lines),
        cmocka_unit_test(test_another_block_costs_its_first_line),
        cmocka_unit_test(test_what_is_no_block_is_no_reference),
        cmocka_unit_test(test_a_reference_without_its_end_is_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
