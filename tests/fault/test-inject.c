/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: which call they hit, and what it does then. */
#include "raw.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static CK_RV token_info(CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;

    return raw->C_GetTokenInfo(slot, &info);
}

/* Initialises with two slots and the rules. */
static void begin(const char *rules)
{
    control_script("slot 0 token=corp\nslot 1 token=home\n%s\n", rules);
    raw_initialize();
}

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_fails_once(void **state)
{
    (void)state;
    begin("fail C_GetTokenInfo CKR_DEVICE_MEMORY once");
    assert_rv(token_info(0), CKR_DEVICE_MEMORY);
    assert_ok(token_info(0));
    assert_ok(token_info(0));
    assert_int_equal(control_count("C_GetTokenInfo slot=0 rv=CKR_DEVICE_MEMORY", NULL), 1);
}

static void test_fails_so_often_from_then_on(void **state)
{
    (void)state;
    begin("fail C_GetTokenInfo CKR_DEVICE_MEMORY times=2 at=2 every=3");
    assert_ok(token_info(0));
    assert_rv(token_info(0), CKR_DEVICE_MEMORY);
    assert_ok(token_info(0));
    assert_ok(token_info(0));
    assert_rv(token_info(0), CKR_DEVICE_MEMORY);
    for (int i = 0; i < 6; i++)
        assert_ok(token_info(0));
}

static void test_fails_always_until_the_script_changes(void **state)
{
    (void)state;
    begin("fail C_GetTokenInfo 0x80000123");
    for (int i = 0; i < 5; i++)
        assert_rv(token_info(0), 0x80000123);
    control_script("slot 0 token=corp\nslot 1 token=home\n");
    assert_ok(token_info(0));
}

static void test_fails_on_one_slot_alone(void **state)
{
    CK_SESSION_HANDLE zero, one;
    CK_SESSION_INFO info;

    (void)state;
    begin("fail * CKR_FUNCTION_FAILED slot=1 at=2");
    zero = raw_open(0);
    one = raw_open(1);
    assert_ok(raw->C_GetSessionInfo(zero, &info));
    assert_rv(raw->C_GetSessionInfo(one, &info), CKR_FUNCTION_FAILED);
    assert_rv(token_info(1), CKR_FUNCTION_FAILED);
    assert_ok(token_info(0));
}

static void test_the_first_rule_that_applies_is_played(void **state)
{
    (void)state;
    begin("fail C_GetTokenInfo CKR_DEVICE_MEMORY once\n"
          "fail C_GetTokenInfo CKR_DEVICE_ERROR at=2 once\n"
          "fail C_GetTokenInfo CKR_HOST_MEMORY once");
    assert_rv(token_info(0), CKR_DEVICE_MEMORY);
    assert_rv(token_info(0), CKR_DEVICE_ERROR);
    assert_rv(token_info(0), CKR_HOST_MEMORY);
    assert_ok(token_info(0));
}

static void test_a_new_script_counts_afresh(void **state)
{
    (void)state;
    begin("fail C_GetTokenInfo CKR_DEVICE_MEMORY once");
    assert_rv(token_info(0), CKR_DEVICE_MEMORY);
    assert_ok(token_info(0));
    control_script("slot 0 token=corp\nfail C_GetTokenInfo CKR_DEVICE_MEMORY once\n");
    assert_rv(token_info(0), CKR_DEVICE_MEMORY);
    assert_ok(token_info(0));
}

static void test_every_code_at_every_function_of_a_signature(void **state)
{
    static const char *const functions[] = {"C_OpenSession", "C_Login", "C_FindObjectsInit",
        "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_SignInit", "C_Sign"};
    static const CK_RV codes[] = {CKR_HOST_MEMORY, CKR_DEVICE_ERROR, CKR_BUFFER_TOO_SMALL,
        CKR_USER_NOT_LOGGED_IN, CKR_SESSION_HANDLE_INVALID, CKR_FUNCTION_REJECTED, 0x9bad};

    (void)state;
    begin("");
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        for (size_t j = 0; j < sizeof(codes) / sizeof(codes[0]); j++) {
            CK_BBOOL always;
            CK_ATTRIBUTE attribute = {CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always)};
            CK_SESSION_HANDLE s;
            CK_OBJECT_HANDLE key = 0;
            CK_ULONG n, failed = 0;

            control_script("slot 0 token=corp\nfail %s 0x%lx once\n", functions[i], codes[j]);
#define CALL(call) failed += (call) == codes[j]
            CALL(raw->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s));
            if (failed)
                s = raw_open(0);
            CALL(raw_login(s, CKU_USER, SOFTHSM_PIN));
            if (i == 1)
                raw_login(s, CKU_USER, SOFTHSM_PIN);
            CALL(raw->C_FindObjectsInit(s, NULL, 0));
            CALL(raw->C_FindObjects(s, &key, 1, &n));
            CALL(raw->C_FindObjectsFinal(s));
            key = raw_key(s, "corp");
            CALL(raw->C_GetAttributeValue(s, key, &attribute, 1));
            CALL(raw_sign_init(s, key));
            if (i < 6)
                assert_ok(raw_sign(s));
            else
                CALL(raw_sign(s));
#undef CALL
            assert_int_equal(failed, 1);
            /* Nothing of it is left behind. */
            assert_ok(raw->C_CloseAllSessions(0));
            s = raw_enter(0);
            assert_ok(raw_sign_init(s, raw_key(s, "corp")));
            assert_ok(raw_sign(s));
            assert_ok(raw->C_CloseAllSessions(0));
        }
    }
}

static void test_an_operation_that_failed_is_over(void **state)
{
    CK_MECHANISM digest = {CKM_SHA256, NULL, 0}, hashed = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_BYTE data[1] = {1}, out[512];
    CK_ULONG len = sizeof(out);
    CK_OBJECT_HANDLE key, rsa;
    CK_SESSION_HANDLE s;

    (void)state;
    control_script("slot 0 token=spare\n");
    raw_initialize();
    s = raw_enter(0);
    key = raw_key(s, "spare");
    rsa = raw_key(s, "rsa");
    control_script("slot 0 token=spare\n"
                   "fail C_Sign CKR_DEVICE_ERROR once\nfail C_SignUpdate CKR_DEVICE_ERROR once\n"
                   "fail C_Digest CKR_DEVICE_ERROR once\n"
                   "fail C_FindObjectsFinal CKR_DEVICE_ERROR once\n");
    assert_ok(raw_sign_init(s, key));
    assert_rv(raw_sign(s), CKR_DEVICE_ERROR);
    assert_rv(raw_sign(s), CKR_OPERATION_NOT_INITIALIZED);
    assert_ok(raw->C_SignInit(s, &hashed, rsa));
    assert_rv(raw->C_SignUpdate(s, data, 1), CKR_DEVICE_ERROR);
    assert_ok(raw->C_DigestInit(s, &digest));
    assert_rv(raw->C_Digest(s, data, 1, out, &len), CKR_DEVICE_ERROR);
    assert_ok(raw->C_FindObjectsInit(s, NULL, 0));
    assert_rv(raw->C_FindObjectsFinal(s), CKR_DEVICE_ERROR);
    assert_ok(raw_sign_init(s, key));
    assert_ok(raw_sign(s));
}

static void test_a_buffer_that_is_too_small_ends_nothing(void **state)
{
    CK_SESSION_HANDLE s;

    (void)state;
    begin("fail C_Sign CKR_BUFFER_TOO_SMALL once");
    s = raw_enter(0);
    assert_ok(raw_sign_init(s, raw_key(s, "corp")));
    assert_rv(raw_sign(s), CKR_BUFFER_TOO_SMALL);
    assert_ok(raw_sign(s));
}

static void test_only_the_answer_is_lost(void **state)
{
    CK_SESSION_HANDLE s;

    (void)state;
    begin("fail C_Login CKR_DEVICE_ERROR after once\nfail C_Sign CKR_DEVICE_ERROR after once");
    s = raw_open(0);
    assert_rv(raw_login(s, CKU_USER, SOFTHSM_PIN), CKR_DEVICE_ERROR);
    assert_rv(raw_login(s, CKU_USER, SOFTHSM_PIN), CKR_USER_ALREADY_LOGGED_IN);
    assert_ok(raw_sign_init(s, raw_key(s, "corp")));
    assert_rv(raw_sign(s), CKR_DEVICE_ERROR);
    assert_ok(raw_sign_init(s, raw_key(s, "corp")));
    assert_ok(raw_sign(s));
}

static void test_delays_add_up(void **state)
{
    long start;

    (void)state;
    begin("delay C_GetTokenInfo 60 once\ndelay * 60 slot=0 once");
    start = now_ms();
    assert_ok(token_info(0));
    assert_true(now_ms() - start >= 120);
    start = now_ms();
    assert_ok(token_info(0));
    assert_true(now_ms() - start < 60);
}

static void *call_token_info(void *data)
{
    *(CK_RV *)data = token_info(0);
    return NULL;
}

static void test_hangs_until_the_script_changes(void **state)
{
    CK_RV rv = 0x1234;
    pthread_t thread;

    (void)state;
    begin("hang C_GetTokenInfo");
    assert_int_equal(pthread_create(&thread, NULL, call_token_info, &rv), 0);
    control_wait(1, "@hang function=C_GetTokenInfo");
    /* Others go on meanwhile. */
    raw_open(0);
    raw_open(1);
    control_script("slot 0 token=corp\n");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ok(rv);
}

static void test_hangs_and_then_fails(void **state)
{
    CK_RV rv = 0x1234;
    pthread_t thread;

    (void)state;
    begin("hang C_GetTokenInfo then=CKR_FUNCTION_FAILED");
    assert_int_equal(pthread_create(&thread, NULL, call_token_info, &rv), 0);
    control_wait(1, "@hang");
    control_script("slot 0 token=corp\n");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_rv(rv, CKR_FUNCTION_FAILED);
}

static void hang_forever(void)
{
    raw_initialize();
    alarm(1);
    token_info(0);
}

static void test_hangs_forever(void **state)
{
    int status;

    (void)state;
    control_script("slot 0 token=corp\nhang C_GetTokenInfo forever\n");
    status = raw_in_child(hang_forever);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

static void call_three_times(void)
{
    raw_initialize();
    for (int i = 0; i < 3; i++)
        token_info(0);
    raw->C_Finalize(NULL);
}

static void test_crashes_at_the_third_call(void **state)
{
    int status;

    (void)state;
    control_script("slot 0 token=corp\ncrash C_GetTokenInfo at=3 once\n");
    status = raw_in_child(call_three_times);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_int_equal(control_count("C_GetTokenInfo slot=0 rv=CKR_OK", NULL), 2);
    assert_int_equal(control_count("@crash function=C_GetTokenInfo", NULL), 1);
    /* Once is once for all processes. */
    assert_int_equal(raw_in_child(call_three_times), 0);
    assert_int_equal(control_count("C_GetTokenInfo slot=0 rv=CKR_OK", NULL), 5);
}

static void test_aborts_and_exits(void **state)
{
    int status;

    (void)state;
    control_script("slot 0 token=corp\nabort C_Initialize\n");
    status = raw_in_child(call_three_times);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    control_script("slot 0 token=corp\nexit C_GetTokenInfo 7\n");
    status = raw_in_child(call_three_times);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void test_initialize_and_finalize_fail_too(void **state)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

    (void)state;
    control_script(
        "fail C_Initialize CKR_DEVICE_MEMORY once\nfail C_Finalize CKR_DEVICE_ERROR once");
    assert_rv(raw->C_Initialize(&args), CKR_DEVICE_MEMORY);
    assert_ok(raw->C_Initialize(&args));
    assert_rv(raw->C_Finalize(NULL), CKR_DEVICE_ERROR);
    assert_ok(raw->C_Finalize(NULL));
    assert_rv(raw->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, raw_fresh, raw_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fails_once),
        TEST(fails_so_often_from_then_on),
        TEST(fails_always_until_the_script_changes),
        TEST(fails_on_one_slot_alone),
        TEST(the_first_rule_that_applies_is_played),
        TEST(a_new_script_counts_afresh),
        TEST(every_code_at_every_function_of_a_signature),
        TEST(an_operation_that_failed_is_over),
        TEST(a_buffer_that_is_too_small_ends_nothing),
        TEST(only_the_answer_is_lost),
        TEST(delays_add_up),
        TEST(hangs_until_the_script_changes),
        TEST(hangs_and_then_fails),
        TEST(hangs_forever),
        TEST(crashes_at_the_third_call),
        TEST(aborts_and_exits),
        TEST(initialize_and_finalize_fail_too),
    };

    return cmocka_run_group_tests(tests, raw_set_up, raw_tear_down);
}
