/* SPDX-License-Identifier: Apache-2.0 */
/* session/reminder: what a person was told is remembered for a day, and rubbish is no reminder. */
#include "session/reminder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static struct cs_reminder reminder(const uint8_t *id, time_t told)
{
    struct cs_reminder made = {.not_after = UNTIL, .told = told};

    memcpy(made.id, id, CS_ID_SIZE);
    return made;
}

/* Reads it, and counts. */
static size_t count(time_t now)
{
    struct cs_reminder *list = NULL;
    size_t n = cs_reminders_read(now, &list);

    free(list);
    return n;
}

static void test_a_day(void **state)
{
    const struct cs_reminder told[] = {reminder(alice, NOW), reminder(bob, NOW + 10)};
    struct cs_reminder *list = NULL;

    (void)state;
    assert_int_equal(count(NOW), 0);
    cs_reminders_write(told, 2, NOW + 10);
    assert_int_equal(cs_reminders_read(NOW + 20, &list), 2);
    assert_memory_equal(list, told, sizeof(told));
    free(list);
    assert_int_equal(count(NOW + CS_REMINDER_DAY), 1);
    assert_int_equal(count(NOW + CS_REMINDER_DAY + 10), 0);
    assert_int_equal(count(NOW - 1), 0); /* the clock was set back */
}

static void test_the_file_does_not_grow(void **state)
{
    struct cs_reminder told[2] = {reminder(alice, NOW), reminder(bob, NOW)};
    struct stat first, last;

    (void)state;
    cs_reminders_write(told, 1, NOW);
    assert_int_equal(stat(file, &first), 0);
    assert_int_equal(first.st_mode & 0777, 0600);
    told[0].told += CS_REMINDER_DAY; /* bob's is a day old */
    cs_reminders_write(told, 2, NOW + CS_REMINDER_DAY);
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
    const struct cs_reminder told = reminder(alice, NOW + 1);
    struct cs_reminder *list = NULL;
    char text[1400];

    (void)state;
    cs_reminders_write(&told, 1, NOW + 1);
    snprintf(text, sizeof(text), "\x01\xff\nabc 1 2\n%0300d\na1%062d %d\n", 0, 0, UNTIL);
    write_file(text);
    assert_int_equal(count(NOW + 2), 0);
    snprintf(text, sizeof(text), "rubbish\na1%062d %d %d\n", 0, UNTIL, NOW + 1);
    write_file(text);
    assert_int_equal(cs_reminders_read(NOW + 2, &list), 1);
    assert_memory_equal(list, &told, sizeof(told));
    free(list);
}

/* Nothing hangs, and nothing is remembered. */
static void test_what_is_no_file(void **state)
{
    const struct cs_reminder told = reminder(alice, NOW);

    (void)state;
    cs_reminders_write(&told, 1, NOW);
    assert_int_equal(count(NOW), 1);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(count(NOW), 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    cs_reminders_write(&told, 1, NOW);
    assert_int_equal(count(NOW), 0);
    setenv("XDG_STATE_HOME", "relative", 1);
    unsetenv("HOME");
    cs_reminders_write(&told, 1, NOW);
    assert_int_equal(count(NOW), 0);
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
