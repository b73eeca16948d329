/* SPDX-License-Identifier: Apache-2.0 */
/* base/renewed: a copy of this program runs, loses its file, and says so. */
#include "base/renewed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void copy_self(const char *path)
{
    FILE *from = fopen("/proc/self/exe", "rb"), *to = fopen(path, "wb");
    char chunk[65536];
    size_t n;

    assert_non_null(from);
    assert_non_null(to);
    while ((n = fread(chunk, 1, sizeof(chunk), from)) > 0)
        assert_int_equal(fwrite(chunk, 1, n, to), n);
    fclose(from);
    assert_int_equal(fchmod(fileno(to), 0700), 0);
    assert_int_equal(fclose(to), 0);
}

/* What the copy does. */
static int be_renewed(const char *path)
{
    if (*cs_renewed_hint())
        return 1;
    if (unlink(path) < 0)
        return 2;
    return strstr(cs_renewed_hint(), "restart") ? 0 : 3;
}

static void test_a_program_that_was_replaced_says_so(void **state)
{
    char folder[] = "/tmp/countersign-renewed-XXXXXX", path[64], command[160];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/copy", folder);
    copy_self(path);
    snprintf(command, sizeof(command), "%s %s", path, path);
    assert_int_equal(system(command), 0);
    rmdir(folder);
}

static void test_otherwise_there_is_no_hint(void **state)
{
    (void)state;
    assert_string_equal(cs_renewed_hint(), "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_that_was_replaced_says_so),
        cmocka_unit_test(test_otherwise_there_is_no_hint),
    };

    if (argc > 1)
        return be_renewed(argv[1]);
    return cmocka_run_group_tests_name("renewed", tests, NULL, NULL);
}
