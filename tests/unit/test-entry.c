/* SPDX-License-Identifier: Apache-2.0 */
/* token-host/entry: which PINs may go to a token at all, by its own word. */
#include "token-host/entry.h"

#include <countersign/error.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_a_length_fits_the_limits(void **state)
{
    static const struct {
        size_t len;
        uint32_t min, max;
        bool fits;
    } rows[] = {
        {0, 0, 0, false}, /* no limits are known, but nothing is no PIN */
        {1, 0, 0, true},
        {255, 0, 0, true},
        {0, 0, 8, false},
        {3, 4, 8, false},
        {4, 4, 8, true},
        {8, 4, 8, true},
        {9, 4, 8, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(cs_entry_fits(rows[i].len, rows[i].min, rows[i].max), rows[i].fits);
}

static void test_the_last_try_is_for_who_insists(void **state)
{
    static const struct {
        CK_FLAGS flags;
        bool force;
        int code;
    } rows[] = {
        {0, false, 0},
        {CKF_USER_PIN_COUNT_LOW, false, 0},
        {CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY, false, CS_ERR_PIN_FINAL_TRY},
        {CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY, true, 0},
        {CKF_USER_PIN_LOCKED, false, CS_ERR_PIN_BLOCKED},
        {CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY, true, CS_ERR_PIN_BLOCKED},
    };
    static struct cs_token token = {
        .words.name = "corp", .words.unlock = "countersign unlock corp"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cs_failure failure = {0};

        assert_int_equal(
            cs_entry_check(&token, rows[i].flags, rows[i].force, &failure), rows[i].code);
        assert_true(rows[i].code == 0 || strstr(failure.fault.text, "token 'corp'"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_length_fits_the_limits),
        cmocka_unit_test(test_the_last_try_is_for_who_insists),
    };

    return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
