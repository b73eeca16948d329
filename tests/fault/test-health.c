/* SPDX-License-Identifier: Apache-2.0 */
/* A module that lost what is behind it is given up, so that a new process may do; one that fails at
 * one thing alone, or that never did anything, is not. */
#include "rig.h"

#include <countersign/error.h>
#include <string.h>
#include <sys/wait.h>

#define BOTH CORP "\nslot 1 token=home\n"
#define LOST "fail C_Sign CKR_GENERAL_ERROR elder\nfail C_GenerateRandom CKR_GENERAL_ERROR elder\n"

static const char *sign(struct host *host, struct host_token *token)
{
    static struct host_answer answer;

    answer = verify_sign(host, token, &rig_key, ID);
    return answer.text;
}

/* It says why, and is no more. */
static void expect_end(struct host *host, const char *why)
{
    struct host_answer answer = host_first_answer(host);
    int status;

    assert_int_equal(answer.type, CS_HOST_FAILED);
    assert_int_equal(answer.code, CS_ERR_MODULE_FAILED);
    assert_non_null(strstr(answer.text, why));
    status = host_wait_end(host);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void test_one_that_lost_its_device_ends(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, BOTH);
    control_script(BOTH LOST);
    rig_ask_signatures(&host, token, 1);
    expect_end(&host, "it has lost token 'corp' (CKR_GENERAL_ERROR)");
    token = rig_start_unlocked(&host, BOTH LOST);
    rig_end(&host);
}

static void test_a_token_without_random_numbers_is_asked_for_a_session(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP "flags=-RNG");
    control_script(CORP "flags=-RNG\nfail C_Sign CKR_GENERAL_ERROR\n");
    assert_non_null(strstr(sign(&host, token), "CKR_GENERAL_ERROR"));
    assert_int_equal(control_count("C_GenerateRandom", NULL), 0);
    control_script(
        CORP "flags=-RNG\nfail C_Sign CKR_GENERAL_ERROR\nfail C_OpenSession CKR_DEVICE_ERROR\n");
    rig_ask_signatures(&host, token, 1);
    expect_end(&host, "CKR_DEVICE_ERROR");
}

/* Two readers, and the card in one of them broke. */
static void test_one_that_others_need_goes_on(void **state)
{
    struct host_token *corp, *home;
    struct host host;

    (void)state;
    corp = rig_start_unlocked(&host, BOTH);
    home = host_token(&host, "home");
    assert_int_equal(host_login_auto(&host, home, true).type, CS_HOST_DONE);
    control_script(BOTH "fail C_Sign CKR_GENERAL_ERROR slot=0\n"
                        "fail C_GenerateRandom CKR_GENERAL_ERROR slot=0\n");
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(sign(&host, corp), "CKR_GENERAL_ERROR"));
    assert_string_equal(verify_sign(&host, home, &rig_home_key, ID).text, "");
    /* One that is locked loses nothing. */
    assert_int_equal(host_logout(&host, home, false).type, CS_HOST_DONE);
    rig_ask_signatures(&host, corp, 1);
    expect_end(&host, "it has lost token 'corp' (CKR_GENERAL_ERROR)");
}

static void test_one_that_lost_two_devices_ends(void **state)
{
    struct host_token *corp;
    struct host host;

    (void)state;
    corp = rig_start_unlocked(&host, BOTH);
    assert_int_equal(host_login_auto(&host, host_token(&host, "home"), true).type, CS_HOST_DONE);
    control_script(BOTH LOST);
    rig_ask_signatures(&host, corp, 1);
    expect_end(&host, "it has lost token 'corp' (CKR_GENERAL_ERROR)");
}

/* Another key may work, and the next touch may come in time. */
static void test_a_signature_that_fails_is_not_the_module(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, BOTH);
    control_script(BOTH "fail C_Sign CKR_FUNCTION_FAILED\n");
    for (int i = 0; i < 5; i++)
        assert_non_null(strstr(sign(&host, token), "CKR_FUNCTION_FAILED"));
    control_script(
        BOTH "fail C_Sign CKR_FUNCTION_FAILED\nfail C_GenerateRandom CKR_RANDOM_NO_RNG\n");
    assert_non_null(strstr(sign(&host, token), "CKR_FUNCTION_FAILED"));
    control_script(BOTH);
    assert_string_equal(sign(&host, token), "");
    rig_end(&host);
}

static void test_a_refusal_asks_nothing_more(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, BOTH);
    control_script(BOTH "fail C_Sign CKR_KEY_FUNCTION_NOT_PERMITTED\n"
                        "fail C_GenerateRandom CKR_GENERAL_ERROR\n");
    assert_non_null(strstr(sign(&host, token), "CKR_KEY_FUNCTION_NOT_PERMITTED"));
    assert_int_equal(control_count("C_GenerateRandom", NULL), 0);
    rig_end(&host);
}

/* Or a broken card would log the others of its module out for ever. */
static void test_one_that_never_worked_goes_on(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host,
        BOTH "fail C_Login CKR_DEVICE_ERROR slot=0\nfail C_GenerateRandom CKR_DEVICE_ERROR\n",
        &rig_by_command);
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_TOKEN_FAILED);
    assert_int_equal(host_login_auto(&host, host_token(&host, "home"), true).type, CS_HOST_DONE);
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_TOKEN_FAILED);
    rig_end(&host);
}

static void test_a_login_that_fails_is_asked_about_too(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO};
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, BOTH);
    assert_int_equal(host_logout(&host, token, false).type, CS_HOST_DONE);
    control_script(BOTH "fail C_Login CKR_DEVICE_ERROR\nfail C_GenerateRandom CKR_DEVICE_ERROR\n");
    m.slot = token->slot;
    m.on_request = true;
    host_ask_login(&host, &m, -1);
    expect_end(&host, "CKR_DEVICE_ERROR");
}

static void test_one_that_lists_nothing_twice_ends(void **state)
{
    struct host_answer answer;
    struct host host;

    (void)state;
    rig_start(&host, BOTH, NULL);
    control_script(BOTH "fail C_GetSlotList CKR_DEVICE_ERROR once\n");
    answer = host_refresh(&host);
    assert_int_equal(answer.code, CS_ERR_MODULE_FAILED);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    control_script(BOTH "fail C_GetSlotList CKR_DEVICE_ERROR elder\n");
    assert_int_equal(host_refresh(&host).code, CS_ERR_MODULE_FAILED);
    host_ask(&host, CS_HOST_REFRESH);
    expect_end(&host, "the module cannot list its slots (CKR_DEVICE_ERROR)");
}

static void test_one_that_lists_nothing_and_signs_goes_on(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, BOTH);
    control_script(BOTH "fail C_GetSlotList CKR_DEVICE_ERROR\n");
    for (int i = 0; i < 3; i++)
        assert_int_equal(host_refresh(&host).code, CS_ERR_MODULE_FAILED);
    assert_string_equal(sign(&host, token), "");
    assert_int_equal(host_logout(&host, token, false).type, CS_HOST_DONE);
    host_ask(&host, CS_HOST_REFRESH);
    expect_end(&host, "the module cannot list its slots (CKR_DEVICE_ERROR)");
}

/* The reader's daemon is not there yet. */
static void test_one_that_lists_nothing_at_first_goes_on(void **state)
{
    struct host host;

    (void)state;
    control_script(BOTH "fail C_GetSlotList CKR_DEVICE_ERROR\n");
    host_start(&host, FAULT_MODULE, NULL);
    assert_int_equal(host.n_tokens, 0);
    assert_string_equal(host.trouble, "the module cannot list its slots (CKR_DEVICE_ERROR)");
    for (int i = 0; i < 3; i++)
        assert_int_equal(host_refresh(&host).code, CS_ERR_MODULE_FAILED);
    control_script(BOTH);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_string_equal(host.trouble, "");
    host_token(&host, "corp");
    rig_end(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_lost_its_device_ends),
        TEST(a_token_without_random_numbers_is_asked_for_a_session),
        TEST(one_that_others_need_goes_on),
        TEST(one_that_lost_two_devices_ends),
        TEST(a_signature_that_fails_is_not_the_module),
        TEST(a_refusal_asks_nothing_more),
        TEST(one_that_never_worked_goes_on),
        TEST(a_login_that_fails_is_asked_about_too),
        TEST(one_that_lists_nothing_twice_ends),
        TEST(one_that_lists_nothing_and_signs_goes_on),
        TEST(one_that_lists_nothing_at_first_goes_on),
    };

    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
