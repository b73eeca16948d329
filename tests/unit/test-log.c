/* SPDX-License-Identifier: Apache-2.0 */
/* base/log: silent until told otherwise, one harmless line a call, errno untouched. */
#include "base/log.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char last[4096];
static enum cs_log_level last_level;
static int calls;

static void remember(enum cs_log_level level, const char *line)
{
    calls++;
    last_level = level;
    snprintf(last, sizeof(last), "%s", line);
    errno = EBADF;
}

static int reset(void **state)
{
    (void)state;
    cs_log_init(NULL, CS_LOG_DEBUG);
    calls = 0;
    last[0] = '\0';
    return 0;
}

static void test_silent_until_a_handler_is_set(void **state)
{
    (void)state;
    assert_false(cs_log_wants(CS_LOG_ERROR));
    cs_error("unheard");
    cs_log_r(CS_LOG_ERROR, CS_ERR_MEMORY, "unheard");
    cs_log_errno(CS_LOG_ERROR, "unheard");
    assert_int_equal(calls, 0);
}

static void test_levels_beyond_the_limit_are_dropped(void **state)
{
    (void)state;
    cs_log_init(remember, CS_LOG_NOTICE);
    assert_true(cs_log_wants(CS_LOG_NOTICE));
    assert_false(cs_log_wants(CS_LOG_INFO));
    cs_info("dropped");
    cs_debug("dropped");
    assert_int_equal(calls, 0);
    cs_error("%d", 3);
    assert_int_equal(last_level, 3);
    cs_warn("%d", 4);
    assert_int_equal(last_level, 4);
    cs_notice("five %s", "5");
    assert_int_equal(last_level, 5);
    assert_string_equal(last, "five 5");
    assert_int_equal(calls, 3);
}

static void test_suffixes(void **state)
{
    (void)state;
    cs_log_init(remember, CS_LOG_DEBUG);
    cs_log_r(CS_LOG_INFO, CS_ERR_MEMORY, "for %s", "you");
    assert_string_equal(last, "for you: out of memory");
    errno = ENOENT;
    cs_log_errno(CS_LOG_INFO, "open");
    assert_string_equal(last, "open: No such file or directory");
}

static void test_errno_survives(void **state)
{
    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        cs_log_init(pass ? remember : NULL, CS_LOG_DEBUG);
        errno = EXDEV;
        cs_error("a");
        assert_int_equal(errno, EXDEV);
        cs_log_r(CS_LOG_INFO, CS_ERR_MEMORY, "b");
        assert_int_equal(errno, EXDEV);
        cs_log_errno(CS_LOG_INFO, "c");
        assert_int_equal(errno, EXDEV);
    }
}

static void test_a_line_is_one_line_and_no_escape_sequence(void **state)
{
    (void)state;
    cs_log_init(remember, CS_LOG_DEBUG);
    cs_info("program '%s'", "x\n<3>forged\r\x1b[31m\x7f\t\xc3\xa9");
    assert_string_equal(last, "program 'x?<3>forged??[31m??\xc3\xa9'");
}

static void test_a_long_line_is_cut(void **state)
{
    char text[5000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cs_log_init(remember, CS_LOG_DEBUG);
    cs_info("%s", text);
    assert_true(strlen(last) >= 1000 && strlen(last) <= 2000);
    cs_log_r(CS_LOG_INFO, CS_ERR_MEMORY, "%s", text);
    assert_true(strlen(last) >= 1000 && strlen(last) <= 2000);
}

/* What the handler for our programs writes to standard error. */
static void capture(const char *journal, char *out, size_t size)
{
    int fds[2], saved = dup(STDERR_FILENO);
    ssize_t n;

    if (journal)
        setenv("JOURNAL_STREAM", journal, 1);
    else
        unsetenv("JOURNAL_STREAM");
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    cs_log_to_stderr(CS_LOG_WARNING, "careful");
    dup2(saved, STDERR_FILENO);
    close(fds[1]);
    close(saved);
    n = read(fds[0], out, size - 1);
    close(fds[0]);
    assert_true(n > 0);
    out[n] = '\0';
}

static void test_the_journal_gets_priorities_and_people_get_the_name(void **state)
{
    char out[200], expected[200];

    (void)state;
    capture("8:1234", out, sizeof(out));
    assert_string_equal(out, "<4>careful\n");
    capture(NULL, out, sizeof(out));
    snprintf(expected, sizeof(expected), "%s: careful\n", program_invocation_short_name);
    assert_string_equal(out, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_silent_until_a_handler_is_set, reset),
        cmocka_unit_test_setup(test_levels_beyond_the_limit_are_dropped, reset),
        cmocka_unit_test_setup(test_suffixes, reset),
        cmocka_unit_test_setup(test_errno_survives, reset),
        cmocka_unit_test_setup(test_a_line_is_one_line_and_no_escape_sequence, reset),
        cmocka_unit_test_setup(test_a_long_line_is_cut, reset),
        cmocka_unit_test_setup(test_the_journal_gets_priorities_and_people_get_the_name, reset),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
