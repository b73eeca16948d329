/* SPDX-License-Identifier: Apache-2.0 */
/* cli/record: every line once and in order, whatever happens to the files meanwhile. */
#include "cli/record.h"
#include "base/runtime.h"

#include <countersign/error.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char folder[64], path[PATH_MAX];
static struct cs_record *record;
static struct cs_fault fault;

static int setup(void **state)
{
    char inner[128];

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/cs-test-record-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    setenv("XDG_STATE_HOME", folder, 1);
    snprintf(inner, sizeof(inner), "%s/countersign", folder);
    record = NULL;
    fault = (struct cs_fault){0};
    return mkdir(inner, 0700) < 0 ? -1 : cs_runtime_audit_path(path, sizeof(path));
}

static int teardown(void **state)
{
    char name[PATH_MAX + 16];

    (void)state;
    cs_record_free(record);
    for (unsigned n = 0; n <= CS_RUNTIME_AUDIT_OLDER; n++) {
        cs_runtime_audit_older(name, sizeof(name), path, n);
        unlink(name);
    }
    *strrchr(path, '/') = '\0';
    return rmdir(path) < 0 ? -1 : rmdir(folder);
}

static void put(unsigned generation, const char *text)
{
    char name[PATH_MAX + 16];
    FILE *file;

    cs_runtime_audit_older(name, sizeof(name), path, generation);
    file = fopen(name, "a");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void put_aside(void)
{
    char from[PATH_MAX + 16], to[PATH_MAX + 16];

    for (unsigned n = CS_RUNTIME_AUDIT_OLDER; n > 0; n--) {
        cs_runtime_audit_older(from, sizeof(from), path, n - 1);
        cs_runtime_audit_older(to, sizeof(to), path, n);
        rename(from, to);
    }
}

/* The numbers in {"n":1} lines, up to where there is no more for now. */
static void expect(const char *numbers)
{
    char seen[256] = "";
    struct json_object *line, *n;

    while ((line = cs_record_next(record))) {
        size_t at = strlen(seen);

        assert_true(json_object_object_get_ex(line, "n", &n));
        snprintf(seen + at, sizeof(seen) - at, "%s%d", at ? " " : "", json_object_get_int(n));
        json_object_put(line);
    }
    assert_string_equal(seen, numbers);
}

static void test_the_oldest_comes_first(void **state)
{
    (void)state;
    put(0, "{\"n\":4}\n");
    put(1, "{\"n\":2}\n{\"n\":3}\n");
    put(3, "{\"n\":1}\n");
    assert_int_equal(cs_record_new(&record, false, &fault), 0);
    expect("1 2 3 4");
}

static void test_without_a_record_a_sentence_says_where_it_would_be(void **state)
{
    (void)state;
    assert_int_equal(cs_record_new(&record, false, &fault), CS_ERR_NOT_FOUND);
    assert_non_null(strstr(fault.text, path));
}

static void test_what_is_no_line_is_passed_over(void **state)
{
    (void)state;
    put(0, "{\"n\":1}\n{\"n\":2,\"torn\n{\"n\":3}\n[4]\n\n{\"n\":5}\n");
    assert_int_equal(cs_record_new(&record, false, &fault), 0);
    expect("1 3 5");
}

static void test_a_line_comes_when_it_is_whole(void **state)
{
    (void)state;
    put(0, "{\"n\":1}\n{\"n\"");
    assert_int_equal(cs_record_new(&record, true, &fault), 0);
    expect("1");
    put(0, ":2}\n");
    cs_record_wait(record);
    expect("2");
}

static void test_following_goes_on_in_the_next_file(void **state)
{
    (void)state;
    put(0, "{\"n\":1}\n");
    assert_int_equal(cs_record_new(&record, true, &fault), 0);
    expect("1");
    put(0, "{\"n\":2}\n");
    put_aside();
    put(1, "{\"n\":3}\n"); /* by who had it open */
    put(0, "{\"n\":4}\n");
    cs_record_wait(record);
    expect("2 3 4");
}

static void test_following_misses_no_file_between(void **state)
{
    (void)state;
    put(0, "{\"n\":1}\n");
    assert_int_equal(cs_record_new(&record, true, &fault), 0);
    expect("1");
    for (unsigned n = 2; n < 5; n++) {
        char line[16];

        put_aside();
        snprintf(line, sizeof(line), "{\"n\":%u}\n", n);
        put(0, line);
    }
    cs_record_wait(record);
    expect("2 3 4");
    cs_record_wait(record);
    expect("");
}

static void test_following_waits_for_the_first_line(void **state)
{
    (void)state;
    assert_int_equal(cs_record_new(&record, true, &fault), 0);
    expect("");
    put(0, "{\"n\":1}\n");
    cs_record_wait(record);
    expect("1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_oldest_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_without_a_record_a_sentence_says_where_it_would_be, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_line_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_comes_when_it_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_following_goes_on_in_the_next_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_following_misses_no_file_between, setup, teardown),
        cmocka_unit_test_setup_teardown(test_following_waits_for_the_first_line, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
