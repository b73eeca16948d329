/* SPDX-License-Identifier: Apache-2.0 */
/* prompt/vault: what a PIN went through is wiped before it is given back. */
#include "prompt/vault.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SIZE 5000 /* of more than one page */

static const char *given; /* what the vault gave last */
static bool returned, wiped;

/* Stands before that of libc. */
int munmap(void *address, size_t size)
{
    const char *pages = address;

    if (given >= pages && given < pages + size) {
        returned = wiped = true;
        for (size_t i = 0; i < size; i++)
            wiped &= pages[i] == 0;
    }
    return (int)syscall(SYS_munmap, address, size);
}

static void *take(void)
{
    char *data = cs_vault_hooks.malloc(SIZE);

    assert_non_null(data);
    memset(data, 'x', SIZE);
    given = data;
    returned = wiped = false;
    return data;
}

static void test_what_is_freed_is_wiped(void **state)
{
    (void)state;
    cs_vault_hooks.free(take());
    assert_true(returned && wiped);
    cs_vault_hooks.free(NULL);
}

static void test_what_moves_is_wiped_where_it_was(void **state)
{
    static const size_t sizes[] = {10, 3 * SIZE};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *data = cs_vault_hooks.realloc(take(), sizes[i]);

        assert_non_null(data);
        assert_true(returned && wiped);
        for (size_t k = 0; k < sizes[i] && k < SIZE; k++)
            assert_int_equal(data[k], 'x');
        cs_vault_hooks.free(data);
    }
}

static void test_what_is_too_much_is_refused(void **state)
{
    (void)state;
    assert_null(cs_vault_hooks.malloc(SIZE_MAX));
    assert_null(cs_vault_hooks.realloc(NULL, SIZE_MAX - 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_freed_is_wiped),
        cmocka_unit_test(test_what_moves_is_wiped_where_it_was),
        cmocka_unit_test(test_what_is_too_much_is_refused),
    };

    return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
