/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: SoftHSM's own without a script, and with one what the script says. */
#include "raw.h"

#include <stdlib.h>
#include <string.h>

static CK_ULONG list(CK_BBOOL present, CK_SLOT_ID ids[16])
{
    CK_ULONG n = 0;

    assert_ok(raw->C_GetSlotList(present, NULL, &n));
    assert_true(n <= 16);
    assert_ok(raw->C_GetSlotList(present, ids, &n));
    return n;
}

static void label_is(CK_SLOT_ID slot, const void *label, size_t len)
{
    unsigned char padded[32];
    CK_TOKEN_INFO info;

    memset(padded, ' ', sizeof(padded));
    memcpy(padded, label, len);
    assert_ok(raw->C_GetTokenInfo(slot, &info));
    assert_memory_equal(info.label, padded, sizeof(padded));
}

static void test_without_a_script_it_is_softhsm(void **state)
{
    CK_SESSION_HANDLE session;
    CK_SLOT_ID ids[16];
    CK_INFO info;
    CK_ULONG n;

    (void)state;
    assert_rv(raw->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    raw_initialize();
    assert_rv(raw->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    assert_ok(raw->C_GetInfo(&info));
    n = list(CK_TRUE, ids);
    assert_int_equal(n, 4); /* one has no token yet */
    assert_rv(
        raw->C_OpenSession(4711, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_SLOT_ID_INVALID);
    session = raw_enter(ids[0]);
    assert_ok(raw->C_CloseSession(session));
    assert_rv(raw->C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(control_count("C_Login", "session=", "rv=CKR_OK", NULL), 1);
}

static void test_signs_as_softhsm_does(void **state)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;

    (void)state;
    control_script("slot 0 token=corp\n");
    raw_initialize();
    session = raw_enter(0);
    key = raw_key(session, "corp");
    assert_int_not_equal(key, CK_INVALID_HANDLE);
    control_clear();
    for (int i = 0; i < 5; i++) {
        assert_ok(raw_sign_init(session, key));
        assert_ok(raw_sign(session));
    }
    assert_int_equal(control_count("C_SignInit slot=0", NULL), 5);
    assert_int_equal(control_count("C_Sign slot=0", NULL), 5);
    assert_int_equal(control_count(" ", NULL), 10);
}

static void test_slots_are_those_of_the_script(void **state)
{
    CK_SESSION_INFO info;
    CK_SLOT_INFO slot;
    CK_SLOT_ID ids[16];

    (void)state;
    control_script("slot 5 token=home\nslot 3 token=corp\nslot 9 absent\nslot 4 uninitialised\n");
    raw_initialize();
    assert_int_equal(list(CK_FALSE, ids), 4);
    assert_int_equal(list(CK_TRUE, ids), 3);
    assert_int_equal(ids[0], 5);
    label_is(5, "home", 4);
    assert_ok(raw->C_GetSessionInfo(raw_open(5), &info));
    assert_int_equal(info.slotID, 5);
    assert_ok(raw->C_GetSlotInfo(9, &slot));
    assert_int_equal(slot.flags, CKF_HW_SLOT | CKF_REMOVABLE_DEVICE);
    assert_ok(raw->C_GetSlotInfo(5, &slot));
    assert_int_equal(slot.flags, CKF_HW_SLOT | CKF_REMOVABLE_DEVICE | CKF_TOKEN_PRESENT);
    assert_rv(raw->C_GetSlotInfo(6, &slot), CKR_SLOT_ID_INVALID);
}

/* SoftHSM's order is nobody's choice, but all are there. */
static void test_tokens_are_found_by_place_and_serial(void **state)
{
    char serial[17] = "";
    CK_TOKEN_INFO info;

    (void)state;
    control_script("slot 1 index=1\nslot 2 index=2\nslot 3 index=3\n");
    raw_initialize();
    assert_ok(raw->C_GetTokenInfo(2, &info));
    memcpy(serial, info.serialNumber, 16);
    control_script("slot 8 serial=%s\n", serial);
    label_is(8, info.label, 32);
}

static void test_an_uninitialised_slot(void **state)
{
    CK_SESSION_HANDLE session;

    (void)state;
    control_script("slot 0 token=corp\nslot 1 uninitialised\n");
    raw_initialize();
    assert_true(raw_token_flags(0) & CKF_TOKEN_INITIALIZED);
    assert_false(raw_token_flags(1) & CKF_TOKEN_INITIALIZED);
    assert_rv(
        raw->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_TOKEN_NOT_RECOGNIZED);
}

static void test_a_bad_slot_fails_and_spoils_nothing(void **state)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CK_SLOT_INFO slot;
    CK_SLOT_ID ids[16];
    CK_ULONG n;

    (void)state;
    control_script("slot 0 bad\nslot 1 token=corp\nslot 2 bad=CKR_GENERAL_ERROR token=home\n");
    raw_initialize();
    assert_int_equal(list(CK_TRUE, ids), 3);
    assert_rv(raw->C_GetSlotInfo(0, &slot), CKR_DEVICE_ERROR);
    assert_rv(raw->C_GetTokenInfo(0, &token), CKR_DEVICE_ERROR);
    assert_rv(raw->C_GetMechanismList(0, NULL, &n), CKR_DEVICE_ERROR);
    assert_rv(raw->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_DEVICE_ERROR);
    assert_rv(raw->C_CloseAllSessions(0), CKR_DEVICE_ERROR);
    assert_rv(raw->C_GetTokenInfo(2, &token), CKR_GENERAL_ERROR);
    raw_enter(1);
}

static void test_odd_strings(void **state)
{
    CK_TOKEN_INFO info;

    (void)state;
    control_script("slot 0 token=corp label=a%%01%%1b[31m%%00b manufacturer=%%ff%%fe "
                   "model=a:b serial-number=%%25;/?\n"
                   "slot 1 token=home label=\n"
                   "slot 2 token=spare label=01234567890123456789012345678901234567890123456789\n");
    raw_initialize();
    label_is(0, "a\x01\x1b[31m\0b", 9);
    assert_ok(raw->C_GetTokenInfo(0, &info));
    assert_memory_equal(info.manufacturerID, "\xff\xfe  ", 4);
    assert_memory_equal(info.model, "a:b ", 4);
    assert_memory_equal(info.serialNumber, "%;/? ", 5);
    label_is(1, "", 0);
    label_is(2, "01234567890123456789012345678901", 32);
}

static void test_flags_are_forced(void **state)
{
    (void)state;
    control_script("slot 0 token=corp flags=+USER_PIN_TO_BE_CHANGED,-LOGIN_REQUIRED\n");
    raw_initialize();
    assert_true(raw_token_flags(0) & CKF_USER_PIN_TO_BE_CHANGED);
    assert_false(raw_token_flags(0) & CKF_LOGIN_REQUIRED);
}

static void test_sessions_are_limited(void **state)
{
    CK_SESSION_HANDLE session, more;

    (void)state;
    control_script("slot 0 token=corp sessions=2\nslot 1 token=home\n");
    raw_initialize();
    session = raw_open(0);
    raw_open(0);
    assert_rv(raw->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &more), CKR_SESSION_COUNT);
    raw_open(1);
    assert_ok(raw->C_CloseSession(session));
    raw_open(0);
    assert_ok(raw->C_CloseAllSessions(0));
    raw_open(0);
}

static void test_a_wrong_script_stops_everything(void **state)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_TOKEN_INFO info;

    (void)state;
    control_script("slot 0 token=corp\nfial C_Sign CKR_DEVICE_ERROR\n");
    assert_rv(raw->C_Initialize(&args), CKR_GENERAL_ERROR);
    assert_int_equal(control_count("!script line 2:", "fial", NULL), 1);
    control_script("slot 0 token=nobody\n");
    assert_rv(raw->C_Initialize(&args), CKR_GENERAL_ERROR);
    assert_int_equal(control_count("!script slot 0:", NULL), 1);
    control_script("slot 0 token=corp\nslot 1 token=corp\n");
    assert_rv(raw->C_Initialize(&args), CKR_GENERAL_ERROR);
    control_script("slot 0 index=4\n");
    assert_rv(raw->C_Initialize(&args), CKR_GENERAL_ERROR);
    control_script("slot 0 token=corp\n");
    raw_initialize();
    assert_ok(raw->C_GetTokenInfo(0, &info));
    control_script("slot 0 token=corp\nslot\n");
    assert_rv(raw->C_GetTokenInfo(0, &info), CKR_GENERAL_ERROR);
    assert_rv(raw->C_GetTokenInfo(0, &info), CKR_GENERAL_ERROR);
    control_script("slot 0 token=corp\n\n");
    assert_ok(raw->C_GetTokenInfo(0, &info));
}

static void test_without_a_directory_it_does_not_start(void **state)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    char other[300], init_args[320];

    (void)state;
    unsetenv("COUNTERSIGN_FAULT_DIR");
    assert_rv(raw->C_Initialize(&args), CKR_GENERAL_ERROR);
    snprintf(other, sizeof(other), "%s", control_directory());
    snprintf(init_args, sizeof(init_args), "dir=%s", other);
    args.pReserved = init_args;
    assert_ok(raw->C_Initialize(&args));
    setenv("COUNTERSIGN_FAULT_DIR", other, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, raw_fresh, raw_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_script_it_is_softhsm),
        TEST(signs_as_softhsm_does),
        TEST(slots_are_those_of_the_script),
        TEST(tokens_are_found_by_place_and_serial),
        TEST(an_uninitialised_slot),
        TEST(a_bad_slot_fails_and_spoils_nothing),
        TEST(odd_strings),
        TEST(flags_are_forced),
        TEST(sessions_are_limited),
        TEST(a_wrong_script_stops_everything),
        TEST(without_a_directory_it_does_not_start),
    };

    return cmocka_run_group_tests(tests, raw_set_up, raw_tear_down);
}
