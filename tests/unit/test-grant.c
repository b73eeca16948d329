/* SPDX-License-Identifier: Apache-2.0 */
/* agent/consent/grant: which answer holds for what, and for how long. */
#include "consent/grant.h"
#include "limit.h"

#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct cs_subject subject = {.program = "/usr/bin/curl",
    .name = "/usr/bin/curl",
    .label = "alice",
    .token = "corp",
    .token_uri = "pkcs11:token=corp",
    .server = "www.example.org",
    .what = "tls",
    .id = {0xab},
    .file = {.device = 8, .inode = 77, .changed = {.tv_sec = 5, .tv_nsec = 6}}};
static struct cs_grants grants;

static int setup(void **state)
{
    (void)state;
    cs_grants_init(&grants);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_grants_deinit(&grants);
    return 0;
}

static void check(const struct cs_subject *other, bool holds)
{
    assert_int_equal(cs_grant_find(&grants, other, 1) != NULL, holds);
}

/* Whatever its host has the key or the token called later, or whoever says that he has the key. */
static void test_a_yes_is_about_what_was_shown(void **state)
{
    struct cs_subject other;

    (void)state;
    cs_grant_add(&grants, &subject, 0);
    other = subject;
    other.label = "bob";
    check(&other, false);
    other = subject;
    other.token_uri = "pkcs11:token=corp;serial=2";
    check(&other, false);
    /* Nothing was shown that could be another's. */
    other = subject;
    other.label = "";
    cs_grant_drop(&grants, TAILQ_FIRST(&grants.list));
    cs_grant_add(&grants, &other, 0);
    check(&subject, true);
}

static void test_a_no_is_about_the_key_whatever_it_is_called(void **state)
{
    struct cs_subject other = subject;

    (void)state;
    other.label = "bob";
    other.token_uri = "pkcs11:token=home";
    cs_grant_add(&grants, &other, 0);
    cs_grant_add(&grants, &subject, 100);
    assert_int_equal(cs_grant_find(&grants, &other, 1)->until, 100);
}

static void test_a_yes_is_about_one_program_key_thing_and_server(void **state)
{
    struct cs_subject other;

    (void)state;
    cs_grant_add(&grants, &subject, 0);
    check(&subject, true);
    other = subject;
    other.name = other.token = "otherwise called";
    check(&other, true);
    other = subject;
    other.program = "/usr/bin/wget";
    check(&other, false);
    other = subject;
    other.id[31] = 1;
    check(&other, false);
    other = subject;
    other.file.inode++;
    check(&other, false);
    other = subject;
    other.file.changed.tv_nsec++;
    check(&other, false);
    other = subject;
    other.what = "digest";
    check(&other, false);
    other = subject;
    other.server = "";
    check(&other, false);
}

static void test_it_is_a_copy(void **state)
{
    char program[] = "/usr/bin/curl";
    struct cs_subject mine = subject;

    (void)state;
    mine.program = program;
    cs_grant_add(&grants, &mine, 0);
    memset(program, 'x', sizeof(program) - 1);
    check(&subject, true);
    assert_string_equal(TAILQ_FIRST(&grants.list)->subject->what, "tls");
}

static void test_of_a_program_nobody_knows_a_no_alone_is_kept(void **state)
{
    struct cs_subject other = subject;

    (void)state;
    other.program = "";
    cs_grant_add(&grants, &other, 0);
    assert_int_equal(grants.n, 0);
    check(&other, false);
    cs_grant_add(&grants, &other, 100);
    assert_non_null(cs_grant_find(&grants, &other, 99));
    check(&subject, false);
}

static void test_a_no_holds_for_a_moment(void **state)
{
    (void)state;
    cs_grant_add(&grants, &subject, 100);
    assert_non_null(cs_grant_find(&grants, &subject, 99));
    assert_null(cs_grant_find(&grants, &subject, 100));
    assert_int_equal(grants.n, 0);
}

static void test_what_is_over_is_forgotten_unasked(void **state)
{
    struct cs_subject other = subject;

    (void)state;
    other.server = "";
    cs_grant_add(&grants, &subject, 100);
    cs_grant_add(&grants, &other, 200);
    cs_grants_expire(&grants, 100);
    assert_int_equal(grants.n, 1);
    check(&other, true);
    other.what = "csr";
    cs_grant_add(&grants, &other, 0);
    cs_grants_expire(&grants, UINT64_MAX);
    assert_int_equal(grants.n, 1);
    check(&other, true);
}

static void test_there_is_a_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CS_LIMIT_GRANTS + 10; i++) {
        struct cs_subject other = subject;
        char program[32];

        snprintf(program, sizeof(program), "/bin/%u", i);
        other.program = program;
        cs_grant_add(&grants, &other, 0);
        check(&other, i < CS_LIMIT_GRANTS);
    }
    assert_int_equal(grants.n, CS_LIMIT_GRANTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_yes_is_about_what_was_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_no_is_about_the_key_whatever_it_is_called, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_yes_is_about_one_program_key_thing_and_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_is_a_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_of_a_program_nobody_knows_a_no_alone_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_no_holds_for_a_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_over_is_forgotten_unasked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_there_is_a_limit, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
