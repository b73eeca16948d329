/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pem-file: what it writes is whole and private, and nobody's key is lost. */
#include "cli/pem-file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define REFERENCE                                                                                  \
    "-----BEGIN COUNTERSIGN KEY REFERENCE-----\nMAA=\n-----END COUNTERSIGN KEY REFERENCE-----\n"

static char directory[64];
static struct cs_fault fault;

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/countersign-unit-XXXXXX");
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"a.pem", "b.pem", "fifo"};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        unlink(names[i]);
    return rmdir(directory); /* fails if a temporary file was left behind */
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_content(const char *name, const char *expected)
{
    char text[512] = "";
    FILE *file = fopen(name, "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static int write_text(const char *name, const char *text, bool force)
{
    memset(&fault, 0, sizeof(fault));
    return cs_pem_file_write(name, cs_bytes_of(text), force, &fault);
}

static void test_a_new_file_is_private(void **state)
{
    struct stat st;
    mode_t mask = umask(0);

    (void)state;
    assert_int_equal(write_text("a.pem", "one", false), 0);
    umask(mask);
    assert_content("a.pem", "one");
    assert_int_equal(stat("a.pem", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_our_own_file_is_replaced(void **state)
{
    struct stat st;

    (void)state;
    put("a.pem", "# a comment\n" REFERENCE);
    assert_int_equal(chmod("a.pem", 0644), 0);
    assert_int_equal(write_text("a.pem", "two", false), 0);
    assert_content("a.pem", "two");
    assert_int_equal(stat("a.pem", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_another_file_is_replaced_only_by_force(void **state)
{
    static const char *const contents[] = {"", "my notes\n",
        "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
        REFERENCE "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        put("a.pem", contents[i]);
        assert_int_equal(write_text("a.pem", "new", false), CS_ERR_INVALID);
        assert_non_null(strstr(fault.text, "--force"));
        assert_content("a.pem", contents[i]);
        assert_int_equal(write_text("a.pem", "new", true), 0);
        assert_content("a.pem", "new");
    }
}

static void test_nothing_is_written_through_a_link(void **state)
{
    struct stat st;

    (void)state;
    put("b.pem", REFERENCE);
    assert_int_equal(symlink("b.pem", "a.pem"), 0);
    assert_int_equal(write_text("a.pem", "new", false), CS_ERR_INVALID);
    assert_int_equal(write_text("a.pem", "new", true), 0);
    assert_content("b.pem", REFERENCE);
    assert_int_equal(lstat("a.pem", &st), 0);
    assert_true(S_ISREG(st.st_mode));
    unlink("a.pem");
    assert_int_equal(symlink("nowhere", "a.pem"), 0);
    assert_int_equal(write_text("a.pem", "new", false), CS_ERR_INVALID);
}

static void test_what_is_no_file_stays(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    for (int force = 0; force < 2; force++) {
        assert_int_equal(write_text("fifo", "new", force), CS_ERR_INVALID);
        assert_int_equal(write_text("/dev/null", "new", force), CS_ERR_INVALID);
        assert_int_equal(write_text(directory, "new", force), CS_ERR_INVALID);
    }
    assert_int_equal(write_text("none/a.pem", "new", false), CS_ERR_SYSTEM);
    assert_non_null(strstr(fault.text, "none/a.pem"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_file_is_private),
        TEST(test_our_own_file_is_replaced),
        TEST(test_another_file_is_replaced_only_by_force),
        TEST(test_nothing_is_written_through_a_link),
        TEST(test_what_is_no_file_stays),
    };

    return cmocka_run_group_tests_name("pem-file", tests, NULL, NULL);
}
