/* SPDX-License-Identifier: Apache-2.0 */
/* agent/request/rate: so many at once, then one by one. */
#include "request/rate.h"
#include "limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECOND 1000000000ull

static struct cs_rates rates;

/* Ten a minute. */
static const struct cs_rule rule = {.name = (char *)"r", .rate = 10, .period = 60000};
static const struct cs_rule other = {.name = (char *)"other", .rate = 10, .period = 60000};
static const struct cs_program curl = {.path = "/usr/bin/curl"};

static bool no_memory;

/* Stands before that of libc. */
char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = no_memory ? NULL : malloc(size);

    return copy ? memcpy(copy, text, size) : NULL;
}

static int setup(void **state)
{
    (void)state;
    cs_rates_init(&rates);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_rates_deinit(&rates);
    return 0;
}

static void test_all_at_once_then_one_by_one(void **state)
{
    uint64_t now = 1000 * SECOND;

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(cs_rate_count(&rates, &rule, &curl, now), i);
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, now), 10);
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, now + 5 * SECOND), 10);
    now += 6 * SECOND;
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, now), 9);
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, now), 10);
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, now + 60 * SECOND), 0);
}

static void test_each_program_and_rule_has_its_own(void **state)
{
    const struct cs_program wget = {.path = "/usr/bin/wget"};
    const struct cs_program app = {.path = "/usr/bin/curl", .app = "flatpak:x"};

    (void)state;
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, SECOND), 0);
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, SECOND), 1);
    assert_int_equal(cs_rate_count(&rates, &rule, &wget, SECOND), 0);
    assert_int_equal(cs_rate_count(&rates, &rule, &app, SECOND), 0);
    assert_int_equal(cs_rate_count(&rates, &other, &curl, SECOND), 0);
}

static void test_memory_is_limited(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CS_LIMIT_RATES; i++) {
        struct cs_program program = {0};

        snprintf(program.path, sizeof(program.path), "/%u", i);
        cs_rate_count(&rates, &rule, &program, SECOND);
        cs_rate_count(&rates, &rule, &curl, SECOND);
    }
    assert_int_equal(rates.n, CS_LIMIT_RATES);
    /* The one in use is not the one forgotten. */
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, SECOND), 10);
}

static void test_who_cannot_be_counted_has_had_all(void **state)
{
    (void)state;
    no_memory = true;
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, SECOND), 10);
    no_memory = false;
    assert_int_equal(rates.n, 0);
    assert_int_equal(cs_rate_count(&rates, &rule, &curl, SECOND), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_all_at_once_then_one_by_one),
        TEST(test_each_program_and_rule_has_its_own),
        TEST(test_memory_is_limited),
        TEST(test_who_cannot_be_counted_has_had_all),
    };

    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
