/* SPDX-License-Identifier: Apache-2.0 */
/* The protected authentication path: a PIN comes from the keypad or not at all. */
#include "raw.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    pthread_t thread;
    CK_SESSION_HANDLE session;
    CK_RV rv;
    int change;
};

static void *enter(void *data)
{
    struct entry *entry = data;

    if (entry->change)
        entry->rv = raw->C_SetPIN(entry->session, NULL, 0, NULL, 0);
    else
        entry->rv = raw_login(entry->session, CKU_USER, NULL);
    return NULL;
}

/* A call in a thread of its own, which now waits for the keypad. */
static void start(struct entry *entry, CK_SESSION_HANDLE session, int change)
{
    *entry = (struct entry){.session = session, .rv = 0x1234, .change = change};
    control_clear();
    assert_int_equal(pthread_create(&entry->thread, NULL, enter, entry), 0);
    control_wait(1, "@keypad slot=0");
}

static CK_RV end(struct entry *entry)
{
    assert_int_equal(pthread_join(entry->thread, NULL), 0);
    return entry->rv;
}

static CK_SESSION_HANDLE begin(const char *words)
{
    control_script("slot 0 token=corp keypad tries=3 %s\nslot 1 token=home\n", words);
    raw_initialize();
    return raw_open(0);
}

static void test_the_flag_is_there_and_a_pin_is_refused(void **state)
{
    CK_SESSION_HANDLE s = begin("");

    (void)state;
    assert_true(raw_token_flags(0) & CKF_PROTECTED_AUTHENTICATION_PATH);
    assert_false(raw_token_flags(1) & CKF_PROTECTED_AUTHENTICATION_PATH);
    assert_rv(raw_login(s, CKU_USER, SOFTHSM_PIN), CKR_ARGUMENTS_BAD);
    assert_rv(raw_login(raw_open(1), CKU_USER, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(control_count("C_Login slot=0", "pin=4:", NULL), 1);
}

static void test_the_right_pin_is_typed(void **state)
{
    CK_SESSION_HANDLE s = begin("");
    struct entry entry;
    char *log;

    (void)state;
    start(&entry, s, 0);
    /* A person takes time; others do not wait for them. */
    raw_enter(1);
    control_type(0, "pin " SOFTHSM_PIN "\n");
    assert_ok(end(&entry));
    assert_int_equal(control_count("C_Login slot=0", "rv=CKR_OK", "pin=null", NULL), 1);
    log = control_log();
    assert_null(strstr(log, SOFTHSM_PIN " "));
    free(log);
    assert_int_not_equal(raw_key(s, "corp"), CK_INVALID_HANDLE);
}

static void test_a_wrong_pin_is_typed(void **state)
{
    CK_SESSION_HANDLE s = begin("");
    struct entry entry;

    (void)state;
    start(&entry, s, 0);
    control_type(0, "pin 0000");
    assert_rv(end(&entry), CKR_PIN_INCORRECT);
    assert_true(raw_token_flags(0) & CKF_USER_PIN_COUNT_LOW);
}

static void test_cancel_is_pressed(void **state)
{
    CK_SESSION_HANDLE s = begin("");
    struct entry entry;

    (void)state;
    start(&entry, s, 0);
    control_type(0, "cancel");
    assert_rv(end(&entry), CKR_FUNCTION_CANCELED);
    assert_false(raw_token_flags(0) & CKF_USER_PIN_COUNT_LOW);
}

static void test_nobody_types(void **state)
{
    (void)state;
    assert_rv(raw_login(begin("keypad-timeout=50"), CKU_USER, NULL), CKR_FUNCTION_CANCELED);
}

static void test_the_reader_thinks(void **state)
{
    CK_SESSION_HANDLE s = begin("keypad-delay=150");
    char *log, *line;

    (void)state;
    control_type(0, "pin " SOFTHSM_PIN);
    assert_ok(raw_login(s, CKU_USER, NULL));
    log = control_log();
    line = strstr(log, "C_Login");
    assert_non_null(line);
    assert_true(atol(strstr(line, "us=") + 3) >= 150000);
    free(log);
}

static void test_rubbish_is_loud(void **state)
{
    CK_SESSION_HANDLE s = begin("");

    (void)state;
    control_type(0, "1234");
    assert_rv(raw_login(s, CKU_USER, NULL), CKR_GENERAL_ERROR);
    assert_int_equal(control_count("!keypad", NULL), 1);
}

static void test_the_token_is_pulled_meanwhile(void **state)
{
    CK_SESSION_HANDLE s = begin("");
    struct entry entry;

    (void)state;
    start(&entry, s, 0);
    control_script("slot 0 absent\nslot 1 token=home\n");
    assert_rv(end(&entry), CKR_DEVICE_REMOVED);
}

static void test_the_module_is_finalised_meanwhile(void **state)
{
    CK_SESSION_HANDLE s = begin("");
    struct entry entry;

    (void)state;
    start(&entry, s, 0);
    assert_ok(raw->C_Finalize(NULL));
    assert_rv(end(&entry), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void test_the_pin_is_changed_on_the_keypad(void **state)
{
    CK_SESSION_HANDLE s = begin("");
    struct entry entry;

    (void)state;
    start(&entry, s, 1);
    control_type(0, "pin " SOFTHSM_PIN " 4321");
    assert_ok(end(&entry));
    start(&entry, s, 1);
    control_type(0, "pin " SOFTHSM_PIN " 4321");
    assert_rv(end(&entry), CKR_PIN_INCORRECT);
    start(&entry, s, 1);
    control_type(0, "pin 4321 " SOFTHSM_PIN);
    assert_ok(end(&entry));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, raw_fresh, raw_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_flag_is_there_and_a_pin_is_refused),
        TEST(the_right_pin_is_typed),
        TEST(a_wrong_pin_is_typed),
        TEST(cancel_is_pressed),
        TEST(nobody_types),
        TEST(the_reader_thinks),
        TEST(rubbish_is_loud),
        TEST(the_token_is_pulled_meanwhile),
        TEST(the_module_is_finalised_meanwhile),
        TEST(the_pin_is_changed_on_the_keypad),
    };

    return cmocka_run_group_tests(tests, raw_set_up, raw_tear_down);
}
