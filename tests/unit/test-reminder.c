/* SPDX-License-Identifier: Apache-2.0 */
/* session/reminder: what a person was told is remembered for a day, and rubbish is no reminder. */
#include "session/reminder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define NOW 1700000000
#define UNTIL (NOW + 86400 * 10)

static const uint8_t alice[CS_ID_SIZE] = {0xa1}, bob[CS_ID_SIZE] = {0xb0};
static char folder[64], file[128];

static int make_folder(void **state)
{
    char home[96];

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/cs-reminder-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/state/countersign/reminders", folder);
    snprintf(home, sizeof(home), "%s/state", folder);
    setenv("XDG_STATE_HOME", home, 1);
    return 0;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

static void test_a_day(void **state)
{
    (void)state;
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW), 0);
    cs_reminder_note(alice, UNTIL, NOW);
    cs_reminder_note(bob, UNTIL, NOW + 10);
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW + 20), NOW);
    assert_int_equal(cs_reminder_last(bob, UNTIL, NOW + 20), NOW + 10);
    assert_int_equal(cs_reminder_last(alice, UNTIL + 1, NOW + 20), 0); /* another certificate */
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW + CS_REMINDER_DAY), 0);
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW - 1), 0); /* the clock was set back */
}

static void test_the_file_does_not_grow(void **state)
{
    struct stat first, last;

    (void)state;
    cs_reminder_note(alice, UNTIL, NOW);
    assert_int_equal(stat(file, &first), 0);
    assert_int_equal(first.st_mode & 0777, 0600);
    for (int day = 0; day < 20; day++) {
        cs_reminder_note(alice, UNTIL, NOW + day * CS_REMINDER_DAY + 5);
        cs_reminder_note(alice, UNTIL, NOW + day * CS_REMINDER_DAY + 6);
    }
    assert_int_equal(stat(file, &last), 0);
    assert_int_equal(first.st_size, last.st_size);
}

static void write_file(const char *text)
{
    FILE *out = fopen(file, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void test_rubbish_is_skipped(void **state)
{
    char line[700];

    (void)state;
    cs_reminder_note(bob, UNTIL, NOW);
    snprintf(line, sizeof(line), "\x01\xff\nabc 1 2\n%0300d\na1%062d %d\n", 0, 0, UNTIL);
    write_file(line);
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW + 2), 0);
    snprintf(line, sizeof(line), "rubbish\na1%062d %d %d\n", 0, UNTIL, NOW + 1);
    write_file(line);
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW + 2), NOW + 1);
}

/* Nothing hangs, and nothing is remembered. */
static void test_what_is_no_file(void **state)
{
    (void)state;
    cs_reminder_note(alice, UNTIL, NOW);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW), 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    cs_reminder_note(alice, UNTIL, NOW);
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW), 0);
    setenv("XDG_STATE_HOME", "relative", 1);
    unsetenv("HOME");
    cs_reminder_note(alice, UNTIL, NOW);
    assert_int_equal(cs_reminder_last(alice, UNTIL, NOW), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_day, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_the_file_does_not_grow, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_rubbish_is_skipped, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_what_is_no_file, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
