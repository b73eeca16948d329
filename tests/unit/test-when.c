/* SPDX-License-Identifier: Apache-2.0 */
/* cli/when: times are said as people say them. */
#include "cli/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#define HOUR 3600
#define DAY (24 * HOUR)
#define NOW 1795450000 /* 2026-11-23 16:06:40 UTC */

static void test_spans_choose_their_unit(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } spans[] = {
        {0, "0 seconds"},
        {1, "1 second"},
        {119, "119 seconds"},
        {120, "2 minutes"},
        {2 * HOUR - 1, "119 minutes"},
        {2 * HOUR, "2 hours"},
        {2 * DAY - 1, "47 hours"},
        {2 * DAY, "2 days"},
        {59 * DAY, "59 days"},
        {61 * DAY, "2 months"},
        {365 * DAY, "12 months"},
        {3 * 365 * DAY, "3 years"},
        {INT64_MAX, "292471208677 years"},
    };
    char text[CS_WHEN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        cs_when_span(text, sizeof(text), spans[i].seconds);
        assert_string_equal(text, spans[i].text);
    }
}

static void test_relative_times(void **state)
{
    char text[CS_WHEN_SIZE];

    (void)state;
    cs_when_relative(text, sizeof(text), NOW, NOW);
    assert_string_equal(text, "just now");
    cs_when_relative(text, sizeof(text), NOW - 300, NOW);
    assert_string_equal(text, "5 minutes ago");
    cs_when_relative(text, sizeof(text), NOW + 3 * DAY, NOW);
    assert_string_equal(text, "in 3 days");
}

static void test_validity_says_which_edge_matters(void **state)
{
    char text[CS_WHEN_SIZE * 2];

    (void)state;
    cs_when_validity(text, sizeof(text), NOW - DAY, NOW + 23 * DAY + HOUR, NOW);
    assert_string_equal(text, "expires in 23 days (2026-12-16)");
    cs_when_validity(text, sizeof(text), NOW - 9 * DAY, NOW - 3 * DAY, NOW);
    assert_string_equal(text, "expired 3 days ago (2026-11-20)");
    cs_when_validity(text, sizeof(text), NOW + 39 * DAY, NOW + 99 * DAY, NOW);
    assert_string_equal(text, "not valid before 2027-01-01 (in 39 days)");
}

static void test_expiry_in_a_column(void **state)
{
    char text[CS_WHEN_SIZE];

    (void)state;
    cs_when_expiry(text, sizeof(text), NOW - DAY, NOW + 23 * DAY, NOW);
    assert_string_equal(text, "in 23 days");
    cs_when_expiry(text, sizeof(text), NOW - 9 * DAY, NOW - 3 * DAY, NOW);
    assert_string_equal(text, "expired 3 days ago");
    cs_when_expiry(text, sizeof(text), NOW + DAY, NOW + 9 * DAY, NOW);
    assert_string_equal(text, "not valid yet");
}

static void test_dates(void **state)
{
    char text[CS_WHEN_SIZE];

    (void)state;
    cs_when_utc(text, sizeof(text), NOW);
    assert_string_equal(text, "2026-11-23T16:06:40Z");
    cs_when_minute(text, sizeof(text), NOW);
    assert_string_equal(text, "2026-11-23 16:06");
    cs_when_date(text, sizeof(text), 253402300799); /* RFC 5280: no well-defined end */
    assert_string_equal(text, "9999-12-31");
    cs_when_date(text, sizeof(text), INT64_MAX);
    assert_string_equal(text, "never");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_choose_their_unit),
        cmocka_unit_test(test_relative_times),
        cmocka_unit_test(test_validity_says_which_edge_matters),
        cmocka_unit_test(test_expiry_in_a_column),
        cmocka_unit_test(test_dates),
    };

    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests_name("when", tests, NULL, NULL);
}
