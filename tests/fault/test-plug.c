/* SPDX-License-Identifier: Apache-2.0 */
/* Plug and unplug, resume, and the events of it. */
#include "raw.h"

#include <pthread.h>
#include <string.h>

#define CORP "slot 0 token=corp\nslot 1 token=home\n"
#define NONE "slot 0 absent\nslot 1 token=home\n"

static CK_RV event(CK_SLOT_ID *slot)
{
    return raw->C_WaitForSlotEvent(CKF_DONT_BLOCK, slot, NULL);
}

static CK_RV session_info(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    return raw->C_GetSessionInfo(session, &info);
}

static CK_FLAGS slot_flags(CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;

    assert_ok(raw->C_GetSlotInfo(slot, &info));
    return info.flags;
}

static void begin(const char *script)
{
    control_script("%s", script);
    raw_initialize();
}

static void test_a_token_is_pulled(void **state)
{
    CK_SESSION_HANDLE session, other;
    CK_TOKEN_INFO info;
    CK_ULONG n;

    (void)state;
    begin(CORP);
    session = raw_enter(0);
    other = raw_enter(1);
    control_script(NONE);
    assert_int_equal(slot_flags(0) & CKF_TOKEN_PRESENT, 0);
    assert_rv(raw->C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_PRESENT);
    assert_ok(raw->C_GetSlotList(CK_TRUE, NULL, &n));
    assert_int_equal(n, 1);
    assert_rv(
        raw->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_TOKEN_NOT_PRESENT);
    assert_rv(session_info(session), CKR_SESSION_HANDLE_INVALID);
    assert_rv(raw->C_FindObjectsInit(session, NULL, 0), CKR_SESSION_HANDLE_INVALID);
    assert_rv(raw->C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(control_count("@gone slot=0", NULL), 1);
    /* The other one has noticed nothing. */
    assert_ok(raw_sign_init(other, raw_key(other, "home")));
    assert_ok(raw_sign(other));
}

static void test_old_sessions_answer_what_is_asked_for(void **state)
{
    CK_SESSION_HANDLE session;

    (void)state;
    begin(CORP);
    session = raw_enter(0);
    assert_ok(raw_sign_init(session, raw_key(session, "corp")));
    control_script("slot 0 absent gone=CKR_DEVICE_REMOVED\n");
    assert_rv(raw_sign(session), CKR_DEVICE_REMOVED);
    assert_rv(session_info(session), CKR_DEVICE_REMOVED);
    assert_rv(raw->C_CloseSession(session), CKR_DEVICE_REMOVED);
    assert_rv(session_info(session), CKR_SESSION_HANDLE_INVALID);
}

static void test_it_comes_back_logged_out(void **state)
{
    CK_SESSION_HANDLE old, session;
    CK_OBJECT_HANDLE key;

    (void)state;
    begin(CORP);
    old = raw_enter(0);
    key = raw_key(old, "corp");
    control_script(NONE);
    assert_rv(session_info(old), CKR_SESSION_HANDLE_INVALID);
    control_script(CORP);
    assert_int_equal(slot_flags(0) & CKF_TOKEN_PRESENT, CKF_TOKEN_PRESENT);
    assert_rv(session_info(old), CKR_SESSION_HANDLE_INVALID);
    session = raw_open(0);
    assert_int_equal(raw_key(session, "corp"), CK_INVALID_HANDLE);
    assert_ok(raw_login(session, CKU_USER, SOFTHSM_PIN));
    /* The key is another object now. */
    assert_rv(raw_sign_init(session, key), CKR_KEY_HANDLE_INVALID);
    assert_int_not_equal(raw_key(session, "corp"), key);
    assert_ok(raw_sign_init(session, raw_key(session, "corp")));
    assert_ok(raw_sign(session));
}

static void test_another_token_comes_instead(void **state)
{
    CK_SESSION_HANDLE session;

    (void)state;
    begin(CORP);
    session = raw_enter(0);
    control_script("slot 0 token=spare\nslot 1 token=home\n");
    assert_rv(session_info(session), CKR_SESSION_HANDLE_INVALID);
    session = raw_enter(0);
    assert_int_equal(raw_key(session, "corp"), CK_INVALID_HANDLE);
    assert_int_not_equal(raw_key(session, "rsa"), CK_INVALID_HANDLE);
}

static void test_a_token_moves_to_another_slot(void **state)
{
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slots[2] = {9, 9}, none;

    (void)state;
    begin("slot 0 token=corp\nslot 1 absent\n");
    session = raw_enter(0);
    control_script("slot 0 absent\nslot 1 token=corp\n");
    assert_rv(session_info(session), CKR_SESSION_HANDLE_INVALID);
    session = raw_open(1);
    assert_int_equal(raw_key(session, "corp"), CK_INVALID_HANDLE);
    assert_ok(event(&slots[0]));
    assert_ok(event(&slots[1]));
    assert_int_equal(slots[0] + slots[1], 1);
    assert_rv(event(&none), CKR_NO_EVENT);
}

static void test_a_reader_comes_and_goes(void **state)
{
    CK_SESSION_HANDLE session;
    CK_SLOT_INFO info;
    CK_SLOT_ID slot;

    (void)state;
    begin("slot 0 token=corp\n");
    control_script(CORP);
    assert_ok(event(&slot));
    assert_int_equal(slot, 1);
    session = raw_enter(1);
    control_script("slot 0 token=corp\n");
    assert_rv(session_info(session), CKR_SESSION_HANDLE_INVALID);
    assert_rv(raw->C_GetSlotInfo(1, &info), CKR_SLOT_ID_INVALID);
    assert_ok(event(&slot));
    assert_int_equal(slot, 1);
    control_script(CORP);
    session = raw_enter(1);
    assert_int_not_equal(raw_key(session, "home"), CK_INVALID_HANDLE);
}

static void test_events_without_waiting(void **state)
{
    CK_SLOT_ID slot = 99;

    (void)state;
    begin(CORP);
    assert_rv(event(&slot), CKR_NO_EVENT);
    control_script(NONE);
    assert_ok(event(&slot));
    assert_int_equal(slot, 0);
    assert_rv(event(&slot), CKR_NO_EVENT);
    control_script(CORP);
    assert_ok(event(&slot));
    assert_rv(event(&slot), CKR_NO_EVENT);
    control_script(CORP "# nothing new\n");
    assert_rv(event(&slot), CKR_NO_EVENT);
}

struct waiter {
    pthread_t thread;
    CK_SLOT_ID slot;
    CK_RV rv;
};

static void *wait_for_event(void *data)
{
    struct waiter *waiter = data;

    waiter->rv = raw->C_WaitForSlotEvent(0, &waiter->slot, NULL);
    return NULL;
}

static void test_an_event_wakes_who_waits(void **state)
{
    struct waiter waiter = {.slot = 99, .rv = 0x1234};

    (void)state;
    begin(CORP);
    assert_int_equal(pthread_create(&waiter.thread, NULL, wait_for_event, &waiter), 0);
    control_script(NONE);
    assert_int_equal(pthread_join(waiter.thread, NULL), 0);
    assert_ok(waiter.rv);
    assert_int_equal(waiter.slot, 0);
    assert_int_equal(control_count("C_WaitForSlotEvent", "event=0", NULL), 1);
}

static void test_the_end_wakes_who_waits(void **state)
{
    struct waiter waiter = {.slot = 99, .rv = 0x1234};

    (void)state;
    begin(CORP);
    assert_int_equal(pthread_create(&waiter.thread, NULL, wait_for_event, &waiter), 0);
    assert_ok(raw->C_Finalize(NULL));
    assert_int_equal(pthread_join(waiter.thread, NULL), 0);
    assert_rv(waiter.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void test_events_can_be_missing(void **state)
{
    CK_SLOT_ID slot;

    (void)state;
    begin("option no-wait\n" CORP);
    assert_rv(event(&slot), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(raw->C_WaitForSlotEvent(0, &slot, NULL), CKR_FUNCTION_NOT_SUPPORTED);
    control_script(NONE);
    assert_int_equal(slot_flags(0) & CKF_TOKEN_PRESENT, CKF_TOKEN_PRESENT & 0);
}

static void test_after_a_resume_all_is_stale(void **state)
{
    CK_SESSION_HANDLE old, session;
    CK_ATTRIBUTE none = {CKA_LABEL, NULL, 0};
    CK_OBJECT_HANDLE key;
    CK_SLOT_ID slot;

    (void)state;
    begin(CORP);
    old = raw_enter(0);
    key = raw_key(old, "corp");
    control_script("slot 0 token=corp resume=1 gone=CKR_DEVICE_ERROR\nslot 1 token=home\n");
    assert_int_equal(slot_flags(0) & CKF_TOKEN_PRESENT, CKF_TOKEN_PRESENT);
    assert_rv(raw_sign_init(old, key), CKR_DEVICE_ERROR);
    session = raw_open(0);
    assert_rv(raw->C_GetAttributeValue(session, key, &none, 1), CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(raw_key(session, "corp"), CK_INVALID_HANDLE);
    assert_ok(raw_login(session, CKU_USER, SOFTHSM_PIN));
    assert_ok(raw_sign_init(session, raw_key(session, "corp")));
    assert_ok(raw_sign(session));
    /* The token was there all the time. */
    assert_rv(event(&slot), CKR_NO_EVENT);
    assert_int_equal(control_count("@gone", NULL), 0);
}

static void test_only_the_login_is_lost(void **state)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;

    (void)state;
    begin(CORP);
    session = raw_enter(0);
    key = raw_key(session, "corp");
    control_script("slot 0 token=corp logged-out=1\nslot 1 token=home\n");
    assert_ok(session_info(session));
    assert_int_equal(raw_key(session, "corp"), CK_INVALID_HANDLE);
    assert_rv(raw_sign_init(session, key), CKR_OBJECT_HANDLE_INVALID);
    assert_ok(raw_login(session, CKU_USER, SOFTHSM_PIN));
    assert_int_not_equal(raw_key(session, "corp"), CK_INVALID_HANDLE);
}

static void test_a_slot_goes_bad(void **state)
{
    CK_SESSION_HANDLE session;

    (void)state;
    begin(CORP);
    session = raw_enter(0);
    control_script("slot 0 bad=CKR_GENERAL_ERROR\nslot 1 token=home\n");
    assert_rv(session_info(session), CKR_GENERAL_ERROR);
    raw_enter(1);
    control_script(CORP);
    raw_enter(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, raw_fresh, raw_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_pulled),
        TEST(old_sessions_answer_what_is_asked_for),
        TEST(it_comes_back_logged_out),
        TEST(another_token_comes_instead),
        TEST(a_token_moves_to_another_slot),
        TEST(a_reader_comes_and_goes),
        TEST(events_without_waiting),
        TEST(an_event_wakes_who_waits),
        TEST(the_end_wakes_who_waits),
        TEST(events_can_be_missing),
        TEST(after_a_resume_all_is_stale),
        TEST(only_the_login_is_lost),
        TEST(a_slot_goes_bad),
    };

    return cmocka_run_group_tests(tests, raw_set_up, raw_tear_down);
}
