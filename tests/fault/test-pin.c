/* SPDX-License-Identifier: Apache-2.0 */
/* PIN tries: counted for the token, in all processes, and shown in its flags. */
#include "raw.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define USER_FLAGS (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)
#define SO_FLAGS (CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED)
#define SO_PIN "12345678"

static CK_SESSION_HANDLE begin(const char *words)
{
    control_script("slot 0 token=corp %s\n", words);
    raw_initialize();
    return raw_open(0);
}

static CK_FLAGS user_flags(void)
{
    return raw_token_flags(0) & USER_FLAGS;
}

static void test_flags_follow_wrong_pins(void **state)
{
    CK_SESSION_HANDLE s = begin("tries=3");

    (void)state;
    assert_int_equal(user_flags(), 0);
    assert_rv(raw_login(s, CKU_USER, "0000"), CKR_PIN_INCORRECT);
    assert_int_equal(user_flags(), CKF_USER_PIN_COUNT_LOW);
    assert_rv(raw_login(s, CKU_USER, "0000"), CKR_PIN_INCORRECT);
    assert_int_equal(user_flags(), CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    assert_rv(raw_login(s, CKU_USER, "0000"), CKR_PIN_INCORRECT);
    assert_int_equal(user_flags(), CKF_USER_PIN_LOCKED);
    assert_rv(raw_login(s, CKU_USER, SOFTHSM_PIN), CKR_PIN_LOCKED);
    assert_rv(raw_login(s, CKU_USER, "0000"), CKR_PIN_LOCKED);
    assert_int_equal(user_flags(), CKF_USER_PIN_LOCKED);
    assert_int_equal(raw_token_flags(0) & SO_FLAGS, 0);
}

static void test_a_right_pin_gives_all_tries_back(void **state)
{
    CK_SESSION_HANDLE s = begin("tries=3");

    (void)state;
    raw_login(s, CKU_USER, "0000");
    raw_login(s, CKU_USER, "0000");
    assert_ok(raw_login(s, CKU_USER, SOFTHSM_PIN));
    assert_int_equal(user_flags(), 0);
    /* Logged in already: no PIN is looked at. */
    assert_rv(raw_login(s, CKU_USER, "0000"), CKR_USER_ALREADY_LOGGED_IN);
    assert_int_equal(user_flags(), 0);
}

static void test_one_try(void **state)
{
    CK_SESSION_HANDLE s = begin("tries=1");

    (void)state;
    assert_int_equal(user_flags(), CKF_USER_PIN_FINAL_TRY);
    assert_rv(raw_login(s, CKU_USER, "0000"), CKR_PIN_INCORRECT);
    assert_int_equal(user_flags(), CKF_USER_PIN_LOCKED);
}

static void give_one_wrong_pin(void)
{
    raw_initialize();
    if (raw_login(raw_open(0), CKU_USER, "0000") != CKR_PIN_INCORRECT)
        _exit(1);
}

static void test_tries_outlive_processes(void **state)
{
    (void)state;
    control_script("slot 0 token=corp tries=3\nslot 1 token=home tries=3\n");
    assert_int_equal(raw_in_child(give_one_wrong_pin), 0);
    assert_int_equal(raw_in_child(give_one_wrong_pin), 0);
    raw_initialize();
    assert_int_equal(user_flags(), CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    assert_int_equal(raw_token_flags(1) & USER_FLAGS, 0);
    /* They belong to the token, wherever it lies, and to no version of the script. */
    control_script("slot 7 token=corp tries=3\n");
    assert_int_equal(
        raw_token_flags(7) & USER_FLAGS, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
}

static void test_the_so_unlocks_the_user(void **state)
{
    CK_SESSION_HANDLE s = begin("tries=1 so-tries=2");

    (void)state;
    raw_login(s, CKU_USER, "0000");
    assert_int_equal(user_flags(), CKF_USER_PIN_LOCKED);
    assert_rv(raw_login(s, CKU_SO, "00000000"), CKR_PIN_INCORRECT);
    assert_int_equal(raw_token_flags(0) & SO_FLAGS, CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY);
    assert_ok(raw_login(s, CKU_SO, SO_PIN));
    assert_int_equal(raw_token_flags(0) & SO_FLAGS, 0);
    assert_ok(raw->C_InitPIN(s, (CK_UTF8CHAR *)SOFTHSM_PIN, strlen(SOFTHSM_PIN)));
    assert_int_equal(user_flags(), CKF_USER_PIN_FINAL_TRY);
    assert_ok(raw->C_Logout(s));
    assert_ok(raw_login(s, CKU_USER, SOFTHSM_PIN));
}

static CK_RV set_pin(CK_SESSION_HANDLE s, const char *old, const char *new)
{
    return raw->C_SetPIN(s, (CK_UTF8CHAR *)old, strlen(old), (CK_UTF8CHAR *)new, strlen(new));
}

static void test_the_old_pin_counts_too(void **state)
{
    CK_SESSION_HANDLE s = begin("tries=2");

    (void)state;
    assert_rv(set_pin(s, "0000", "4321"), CKR_PIN_INCORRECT);
    assert_int_equal(user_flags(), CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    assert_ok(set_pin(s, SOFTHSM_PIN, "4321"));
    assert_int_equal(user_flags(), 0);
    assert_ok(set_pin(s, "4321", SOFTHSM_PIN));
    set_pin(s, "0000", "4321");
    set_pin(s, "0000", "4321");
    assert_rv(set_pin(s, SOFTHSM_PIN, "4321"), CKR_PIN_LOCKED);
}

static void test_the_log_tells_pins_apart_but_not_what_they_are(void **state)
{
    CK_SESSION_HANDLE s = begin("tries=9");
    char *log, *first, *second, *third;

    (void)state;
    raw_login(s, CKU_USER, "97531");
    raw_login(s, CKU_USER, "97531");
    raw_login(s, CKU_USER, "86420");
    log = control_log();
    first = strstr(log, " pin=5:");
    assert_non_null(first);
    second = strstr(first + 1, " pin=5:");
    assert_non_null(second);
    third = strstr(second + 1, " pin=5:");
    assert_non_null(third);
    assert_memory_equal(first, second, 11);
    assert_memory_not_equal(first, third, 11);
    assert_null(strstr(log, "97531"));
    free(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, raw_fresh, raw_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flags_follow_wrong_pins),
        TEST(a_right_pin_gives_all_tries_back),
        TEST(one_try),
        TEST(tries_outlive_processes),
        TEST(the_so_unlocks_the_user),
        TEST(the_old_pin_counts_too),
        TEST(the_log_tells_pins_apart_but_not_what_they_are),
    };

    return cmocka_run_group_tests(tests, raw_set_up, raw_tear_down);
}
