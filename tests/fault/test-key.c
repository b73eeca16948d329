/* SPDX-License-Identifier: Apache-2.0 */
/* CKA_ALWAYS_AUTHENTICATE: a PIN for every use of the key, and nothing between it and the use. */
#include "raw.h"

#include <string.h>

static CK_SESSION_HANDLE s;

static CK_OBJECT_HANDLE begin(const char *words)
{
    control_script("slot 0 token=spare tries=5 %s\n", words);
    raw_initialize();
    s = raw_enter(0);
    return raw_key(s, "spare");
}

static CK_RV allow(const char *pin)
{
    return raw_login(s, CKU_CONTEXT_SPECIFIC, pin);
}

static CK_BBOOL asks_always(CK_OBJECT_HANDLE key)
{
    CK_BBOOL always = 7;
    CK_ATTRIBUTE attribute = {CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always)};

    assert_ok(raw->C_GetAttributeValue(s, key, &attribute, 1));
    return always;
}

static void test_the_attribute_says_so(void **state)
{
    CK_OBJECT_HANDLE key = begin("always-authenticate");

    (void)state;
    assert_int_equal(asks_always(key), CK_TRUE);
    assert_int_equal(asks_always(raw_key(s, "rsa")), CK_TRUE);
    control_script("slot 0 token=spare always-authenticate=rsa\n");
    assert_int_equal(asks_always(key), CK_FALSE);
    assert_int_equal(asks_always(raw_key(s, "rsa")), CK_TRUE);
    assert_ok(raw_sign_init(s, key));
    assert_ok(raw_sign(s));
}

static void test_without_a_pin_it_does_not_sign(void **state)
{
    CK_OBJECT_HANDLE key = begin("always-authenticate");

    (void)state;
    assert_ok(raw_sign_init(s, key));
    assert_rv(raw_sign(s), CKR_USER_NOT_LOGGED_IN);
    /* That was the end of the operation. */
    assert_rv(raw_sign(s), CKR_OPERATION_NOT_INITIALIZED);
    assert_ok(raw_sign_init(s, key));
}

static void test_each_use_needs_its_own_pin(void **state)
{
    CK_OBJECT_HANDLE key = begin("always-authenticate");

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_ok(raw_sign_init(s, key));
        assert_ok(allow(SOFTHSM_PIN));
        assert_ok(raw_sign(s));
        assert_ok(raw_sign_init(s, key));
        assert_rv(raw_sign(s), CKR_USER_NOT_LOGGED_IN);
    }
    assert_int_equal(control_count("C_Login", "user=CONTEXT_SPECIFIC", NULL), 2);
    assert_rv(allow(SOFTHSM_PIN), CKR_OPERATION_NOT_INITIALIZED);
}

static void test_a_wrong_pin_is_counted(void **state)
{
    CK_OBJECT_HANDLE key = begin("always-authenticate");

    (void)state;
    assert_ok(raw_sign_init(s, key));
    assert_rv(allow("0000"), CKR_PIN_INCORRECT);
    assert_true(raw_token_flags(0) & CKF_USER_PIN_COUNT_LOW);
    assert_ok(allow(SOFTHSM_PIN));
    assert_false(raw_token_flags(0) & CKF_USER_PIN_COUNT_LOW);
    assert_ok(raw_sign(s));
}

static void test_a_foreign_call_breaks_the_job(void **state)
{
    CK_OBJECT_HANDLE key = begin("always-authenticate");
    CK_SESSION_HANDLE other = raw_open(0);
    CK_SESSION_INFO info;

    (void)state;
    assert_ok(raw_sign_init(s, key));
    assert_ok(allow(SOFTHSM_PIN));
    assert_ok(raw->C_GetSessionInfo(s, &info));
    assert_rv(raw_sign(s), CKR_USER_NOT_LOGGED_IN);
    assert_ok(raw_sign_init(s, key));
    assert_ok(raw->C_GetSessionInfo(s, &info));
    assert_rv(allow(SOFTHSM_PIN), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(raw_sign(s), CKR_USER_NOT_LOGGED_IN);
    /* On another session it does not. */
    assert_ok(raw_sign_init(s, key));
    assert_ok(raw->C_GetSessionInfo(other, &info));
    assert_ok(allow(SOFTHSM_PIN));
    assert_ok(raw->C_GetSessionInfo(other, &info));
    assert_ok(raw_sign(s));
}

static void test_attributes_may_be_read_if_the_script_says_so(void **state)
{
    CK_OBJECT_HANDLE key = begin("always-authenticate");

    (void)state;
    assert_ok(raw_sign_init(s, key));
    asks_always(key);
    assert_rv(allow(SOFTHSM_PIN), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(raw_sign(s), CKR_USER_NOT_LOGGED_IN);
    control_script("slot 0 token=spare always-authenticate lax\n");
    assert_ok(raw_sign_init(s, key));
    asks_always(key);
    assert_ok(allow(SOFTHSM_PIN));
    asks_always(key);
    assert_ok(raw_sign(s));
}

static void test_asking_for_the_length_ends_nothing(void **state)
{
    CK_BYTE digest[32] = {1}, signature[64];
    CK_OBJECT_HANDLE key = begin("always-authenticate");
    CK_ULONG len = 0;

    (void)state;
    assert_ok(raw_sign_init(s, key));
    assert_ok(allow(SOFTHSM_PIN));
    assert_ok(raw->C_Sign(s, digest, sizeof(digest), NULL, &len));
    assert_int_equal(len, sizeof(signature));
    len = 1;
    assert_rv(raw->C_Sign(s, digest, sizeof(digest), signature, &len), CKR_BUFFER_TOO_SMALL);
    assert_ok(raw->C_Sign(s, digest, sizeof(digest), signature, &len));
}

static void test_in_parts(void **state)
{
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_BYTE data[] = "data", signature[256];
    CK_ULONG len = sizeof(signature);
    CK_OBJECT_HANDLE key;

    (void)state;
    begin("always-authenticate=rsa");
    key = raw_key(s, "rsa");
    assert_ok(raw->C_SignInit(s, &mechanism, key));
    assert_rv(raw->C_SignUpdate(s, data, 4), CKR_USER_NOT_LOGGED_IN);
    assert_ok(raw->C_SignInit(s, &mechanism, key));
    assert_ok(allow(SOFTHSM_PIN));
    assert_ok(raw->C_SignUpdate(s, data, 2));
    assert_ok(raw->C_SignUpdate(s, data + 2, 2));
    assert_ok(raw->C_SignFinal(s, signature, &len));
    assert_ok(raw->C_SignInit(s, &mechanism, key));
    assert_rv(raw->C_SignFinal(s, signature, &len), CKR_USER_NOT_LOGGED_IN);
}

static void test_the_pin_of_a_job_is_typed_on_the_keypad(void **state)
{
    CK_OBJECT_HANDLE key;

    (void)state;
    control_script("slot 0 token=spare keypad always-authenticate\n");
    raw_initialize();
    s = raw_open(0);
    control_type(0, "pin " SOFTHSM_PIN);
    assert_ok(raw_login(s, CKU_USER, NULL));
    key = raw_key(s, "spare");
    assert_ok(raw_sign_init(s, key));
    control_type(0, "pin 0000");
    assert_rv(allow(NULL), CKR_PIN_INCORRECT);
    control_type(0, "pin " SOFTHSM_PIN);
    assert_ok(allow(NULL));
    assert_ok(raw_sign(s));
}

static void test_other_keys_know_nothing_of_it(void **state)
{
    CK_OBJECT_HANDLE key = begin("");

    (void)state;
    assert_int_equal(asks_always(key), CK_FALSE);
    assert_ok(raw_sign_init(s, key));
    assert_rv(allow(SOFTHSM_PIN), CKR_OPERATION_NOT_INITIALIZED);
    assert_ok(raw_sign(s));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, raw_fresh, raw_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_attribute_says_so),
        TEST(without_a_pin_it_does_not_sign),
        TEST(each_use_needs_its_own_pin),
        TEST(a_wrong_pin_is_counted),
        TEST(a_foreign_call_breaks_the_job),
        TEST(attributes_may_be_read_if_the_script_says_so),
        TEST(asking_for_the_length_ends_nothing),
        TEST(in_parts),
        TEST(the_pin_of_a_job_is_typed_on_the_keypad),
        TEST(other_keys_know_nothing_of_it),
    };

    return cmocka_run_group_tests(tests, raw_set_up, raw_tear_down);
}
