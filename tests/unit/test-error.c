/* SPDX-License-Identifier: Apache-2.0 */
/* base/error: every code of error.h has a text and its names elsewhere, and PROTOCOL.md agrees. */
#include "base/error.h"
#include "base/buf.h"
#include "base/log.h"

#include <ctype.h>
#include <limits.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define CODES_MAX 64

static char names[CODES_MAX][32]; /* by code, out of error.h */
static int n_codes;

static char *read_include(const char *name)
{
    char path[512], *text = calloc(1, 256 * 1024);
    FILE *file;

    snprintf(path, sizeof(path), "%s/include/countersign/%s", CS_SOURCE_ROOT, name);
    file = fopen(path, "r");
    if (!file || !text || fread(text, 1, 256 * 1024 - 1, file) == 0)
        abort();
    fclose(file);
    return text;
}

static int read_names(void **state)
{
    char *text = read_include("error.h");
    char name[32];
    int code;

    (void)state;
    for (char *at = strstr(text, "CS_ERR_"); at; at = strstr(at + 1, "CS_ERR_"))
        if (sscanf(at, "CS_ERR_%31[A-Z_] = -%d", name, &code) == 2 && code > 0 &&
            code < CODES_MAX) {
            strcpy(names[code], name);
            n_codes = code > n_codes ? code : n_codes;
        }
    free(text);
    return n_codes >= 26 ? 0 : -1;
}

/* PIN_FINAL_TRY becomes PinFinalTry. */
static void camel_case(const char *name, char *out)
{
    bool upper = true;

    for (; *name; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        *out++ = (char)(upper ? *name : tolower(*name));
        upper = false;
    }
    *out = '\0';
}

static void test_codes_are_numbered_without_a_gap(void **state)
{
    (void)state;
    for (int code = 1; code <= n_codes; code++)
        assert_true(names[code][0]);
}

static void test_every_code_has_its_row(void **state)
{
    (void)state;
    for (int code = 1; code <= n_codes; code++) {
        char expected[80] = "org.countersign.Error.";

        camel_case(names[code], expected + strlen(expected));
        assert_string_equal(cs_error_dbus_name(-code), expected);
        assert_string_not_equal(cs_error_text(-code), "unknown error");
        assert_true(strlen(cs_error_text(-code)) > 5);
        assert_int_not_equal(cs_error_ckr(-code), CKR_OK);
        assert_true(cs_error_exit_status(-code) >= CS_EXIT_FAILURE);
        assert_true(cs_error_exit_status(-code) <= CS_EXIT_TOKEN);
    }
}

static void test_wire_codes_are_the_same_numbers(void **state)
{
    (void)state;
    for (int code = 1; code <= n_codes; code++) {
        assert_int_equal(cs_error_to_wire(-code), code);
        assert_int_equal(cs_error_from_wire((unsigned)code), -code);
    }
    assert_int_equal(cs_error_from_wire(0), CS_ERR_PROTOCOL);
    assert_int_equal(cs_error_from_wire((unsigned)n_codes + 1), CS_ERR_PROTOCOL);
    assert_int_equal(cs_error_from_wire(UINT_MAX), CS_ERR_PROTOCOL);
}

static void test_what_is_no_code_is_a_failure_like_any_other(void **state)
{
    const int strange[] = {1, -n_codes - 1, INT_MAX, INT_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        assert_string_equal(cs_error_text(strange[i]), "unknown error");
        assert_non_null(cs_error_dbus_name(strange[i]));
        assert_int_equal(cs_error_ckr(strange[i]), CKR_GENERAL_ERROR);
        assert_int_equal(cs_error_exit_status(strange[i]), CS_EXIT_FAILURE);
        assert_int_equal(cs_error_to_wire(strange[i]), -CS_ERR_SYSTEM);
    }
    assert_string_equal(cs_error_text(0), "success");
    assert_int_equal(cs_error_ckr(0), CKR_OK);
    assert_int_equal(cs_error_exit_status(0), CS_EXIT_OK);
}

/* The table of section ERROR has cells "| 13 | LOCKED ". */
static void test_the_protocol_text_has_the_same_table(void **state)
{
    char *text = read_include("PROTOCOL.md");
    int listed = 0;

    (void)state;
    for (int code = 1; code <= n_codes; code++) {
        char cells[64];

        snprintf(cells, sizeof(cells), "| %d | %s |", code, names[code]);
        if (!strstr(text, cells))
            fail_msg("PROTOCOL.md has no '%s'", cells);
        listed++;
    }
    assert_int_equal(listed, n_codes);
    free(text);
}

static void test_a_fault_keeps_code_and_sentence(void **state)
{
    struct cs_fault fault = {0};

    (void)state;
    assert_string_equal(cs_fault_text(&fault, CS_ERR_LOCKED), cs_error_text(CS_ERR_LOCKED));
    assert_int_equal(cs_fail(&fault, CS_ERR_LOCKED, "token '%s'", "corp"), CS_ERR_LOCKED);
    assert_int_equal(fault.code, CS_ERR_LOCKED);
    assert_string_equal(cs_fault_text(&fault, CS_ERR_LOCKED), "token 'corp'");
    /* A sentence about another error does not speak for this one. */
    assert_string_equal(cs_fault_text(&fault, CS_ERR_MEMORY), cs_error_text(CS_ERR_MEMORY));
    assert_int_equal(cs_fail(NULL, CS_ERR_DENIED, "unheard"), CS_ERR_DENIED);
    assert_string_equal(cs_fault_text(NULL, CS_ERR_DENIED), cs_error_text(CS_ERR_DENIED));
}

/* Sentences travel as strings of the protocol and end on terminals. */
static void test_a_sentence_is_harmless_utf8_whatever_goes_in(void **state)
{
    struct cs_fault fault = {0};
    char label[2000];
    size_t len;

    (void)state;
    cs_fail(&fault, CS_ERR_NOT_FOUND, "label '%s'", "\xff\x1b[2J\xc3\xa9\xe2\x82\n\ta\x7f");
    assert_string_equal(fault.text, "label '??[2J\xc3\xa9??\n\ta?'");
    memset(label, 'x', sizeof(label));
    for (size_t shift = 0; shift < 4; shift++) {
        for (size_t i = shift; i + 3 < sizeof(label); i += 3)
            memcpy(label + i, "\xe2\x82\xac", 3);
        label[sizeof(label) - 1] = '\0';
        cs_fail(&fault, CS_ERR_NOT_FOUND, "%s", label);
        len = strlen(fault.text);
        assert_true(len >= sizeof(fault.text) - 4 && len < sizeof(fault.text));
        for (size_t i = 0, n; i < len; i += n) {
            n = cs_bytes_utf8(CS_BYTES(fault.text + i, len - i));
            assert_int_not_equal(n, 0);
        }
    }
}

static char traced[256];

static void remember(enum cs_log_level level, const char *line)
{
    assert_int_equal(level, CS_LOG_DEBUG);
    snprintf(traced, sizeof(traced), "%s", line);
}

static void test_a_trace_says_where_and_passes_the_code_on(void **state)
{
    (void)state;
    cs_log_init(remember, CS_LOG_DEBUG);
    assert_int_equal(cs_trace(CS_ERR_CLOSED), CS_ERR_CLOSED);
    cs_log_init(NULL, CS_LOG_DEBUG);
    assert_non_null(strstr(traced, __func__));
    assert_non_null(strstr(traced, cs_error_text(CS_ERR_CLOSED)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_numbered_without_a_gap),
        cmocka_unit_test(test_every_code_has_its_row),
        cmocka_unit_test(test_wire_codes_are_the_same_numbers),
        cmocka_unit_test(test_what_is_no_code_is_a_failure_like_any_other),
        cmocka_unit_test(test_the_protocol_text_has_the_same_table),
        cmocka_unit_test(test_a_fault_keeps_code_and_sentence),
        cmocka_unit_test(test_a_sentence_is_harmless_utf8_whatever_goes_in),
        cmocka_unit_test(test_a_trace_says_where_and_passes_the_code_on),
    };

    return cmocka_run_group_tests_name("error", tests, read_names, NULL);
}
