/* SPDX-License-Identifier: Apache-2.0 */
/* The token host when slots are bad, handles die, tokens go, and modules fail, hang or crash. */
#include "module/name.h"
#include "rig.h"

#include <countersign/error.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static void test_slots_that_are_not_good_do_not_spoil_the_rest(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, "slot 3 bad\nslot 2 uninitialised\nslot 1 absent\n" CORP);
    assert_int_equal(host.n_tokens, 1);
    control_script("slot 3 bad=CKR_GENERAL_ERROR\nslot 1 bad=CKR_FUNCTION_FAILED\n" CORP);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_false(token->gone);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    rig_end(&host);
}

static void test_names_may_be_anything(void **state)
{
    struct host host;

    (void)state;
    control_script("slot 0 token=corp label=%%01%%1b[31m%%00b manufacturer=%%ff%%fe model=a:b\n"
                   "slot 1 token=home label=\n");
    host_start(&host, FAULT_MODULE, &rig_by_command);
    assert_int_equal(host.n_tokens, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(host_login_auto(&host, &host.tokens[i], true).type, CS_HOST_DONE);
        assert_string_equal(
            verify_sign(&host, &host.tokens[i], i == 0 ? &rig_key : &rig_home_key, ID).text, "");
    }
    rig_end(&host);
}

static void test_a_module_without_locks_sees_one_call_at_a_time(void **state)
{
    struct host_token *token, *home;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, "option no-locking\n" CORP "\nslot 1 token=home\ndelay * 1");
    home = host_token(&host, "home");
    assert_int_equal(host_login_auto(&host, home, true).type, CS_HOST_DONE);
    rig_ask_signatures(&host, token, 10);
    host_ask(&host, CS_HOST_REFRESH);
    rig_ask_signatures(&host, home, 10);
    rig_sign_all(&host, "", 21);
    rig_end(&host);
}

/* Each code once, at each of the two calls of a signature: a handle died, not the token. */
static void test_a_dead_handle_is_mended_by_one_retry(void **state)
{
    static const char *const codes[] = {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR",
        "CKR_DEVICE_REMOVED", "CKR_OBJECT_HANDLE_INVALID", "CKR_KEY_HANDLE_INVALID",
        "CKR_SESSION_CLOSED", "CKR_TOKEN_NOT_PRESENT", "CKR_OPERATION_ACTIVE"};
    static const char *const functions[] = {"C_SignInit", "C_Sign"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        for (size_t j = 0; j < 2; j++) {
            control_script(CORP "\nfail %s %s once\n", functions[j], codes[i]);
            control_clear();
            assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
            assert_int_equal(control_count(functions[j], "rv=", codes[i], NULL), 1);
            assert_int_equal(control_count("C_SignInit", NULL), 2);
            /* And no more than one: the second failure is told. */
            control_script(CORP "\nfail %s %s\n", functions[j], codes[i]);
            control_clear();
            assert_string_not_equal(verify_sign(&host, token, &rig_key, ID).text, "");
            assert_int_equal(control_count("C_SignInit", NULL), 2);
        }
    }
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    rig_end(&host);
}

/* After a resume everything is stale at once: sessions, objects, login. */
static void test_a_resume_is_healed(void **state)
{
    static const char *const codes[] = {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR",
        "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_SESSION_CLOSED"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    for (int i = 0; i < (int)(sizeof(codes) / sizeof(codes[0])); i++) {
        control_script(CORP "resume=%d gone=%s\n", i + 1, codes[i]);
        assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_LOCKED);
        assert_false(token->flags & CS_TOKEN_UNLOCKED);
        assert_string_equal(host_login_auto(&host, token, false).text, "");
        assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    }
    rig_end(&host);
}

/* The machine slept while the token was locked; its idle sessions are all dead. */
static void test_a_resume_is_healed_by_an_unlock(void **state)
{
    static const char *const codes[] = {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR",
        "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_SESSION_CLOSED"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP "\ndelay C_Sign 2");
    for (int i = 0; i < (int)(sizeof(codes) / sizeof(codes[0])); i++) {
        rig_ask_signatures(&host, token, 16);
        rig_sign_all(&host, "", 16);
        assert_int_equal(host_logout(&host, token, false).type, CS_HOST_DONE);
        control_script(CORP "resume=%d gone=%s\ndelay C_Sign 2\n", i + 1, codes[i]);
        assert_string_equal(host_login_auto(&host, token, true).text, "");
        assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    }
    rig_end(&host);
}

static void test_many_programs_sign_through_a_resume(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP "\ndelay C_Sign 2");
    rig_ask_signatures(&host, token, 16);
    rig_sign_all(&host, "", 16);
    for (int i = 1; i < 4; i++) {
        control_script(CORP "resume=%d gone=CKR_DEVICE_REMOVED\ndelay C_Sign 2", i);
        rig_ask_signatures(&host, token, 16);
        for (int n = 0; n < 16; n++) {
            uint32_t id;

            assert_int_equal(host_next_answer(&host, &id).code, CS_ERR_LOCKED);
        }
        assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
        rig_ask_signatures(&host, token, 16);
        rig_sign_all(&host, "", 16);
    }
    rig_end(&host);
}

static void test_a_login_that_was_lost_shows(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    control_script(CORP "logged-out=1\n");
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_LOCKED);
    assert_false(token->flags & CS_TOKEN_UNLOCKED);
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    control_script(CORP "logged-out=1\nfail C_SignInit CKR_USER_NOT_LOGGED_IN once\n");
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_LOCKED);
    assert_false(token->flags & CS_TOKEN_UNLOCKED);
    rig_end(&host);
}

static void test_a_token_is_pulled_and_comes_back(void **state)
{
    struct host_token *token, *old;
    struct host host;

    (void)state;
    old = rig_start_unlocked(&host, CORP);
    control_script("slot 0 absent gone=CKR_DEVICE_REMOVED\n");
    assert_int_equal(verify_sign(&host, old, &rig_key, ID).code, CS_ERR_TOKEN_ABSENT);
    host_wait_gone(&host, old); /* without a refresh: the signature has noticed it */
    assert_int_equal(host_login(&host, old, SOFTHSM_PIN).code, CS_ERR_TOKEN_ABSENT);
    control_script(CORP);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    token = host_token(&host, "corp");
    assert_true(token->slot > old->slot);
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_LOCKED);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    rig_end(&host);
}

static bool is_usual(int code, bool pulled)
{
    return code == 0 || code == CS_ERR_LOCKED || (pulled && code == CS_ERR_TOKEN_ABSENT);
}

/* All that a host's threads share, at once: signatures, a login, a lock, a look at the slots. */
static void test_signatures_beside_all_else(void **state)
{
    struct cs_host_logout_request lock = {.why = CS_BYTES("by the test", 11)};
    struct cs_host_login_request unlock = {.how = CS_HOST_LOGIN_AUTO, .on_request = true};
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP "\ndelay C_Sign 2");
    for (int i = 0; i < 12; i++) {
        bool pulled = i % 3 == 2;
        uint32_t id;

        lock.slot = unlock.slot = token->slot;
        rig_ask_signatures(&host, token, 16);
        if (pulled)
            control_script("slot 0 absent gone=CKR_DEVICE_REMOVED\n");
        host_ask_logout(&host, &lock);
        host_ask(&host, CS_HOST_REFRESH);
        host_ask_login(&host, &unlock, -1);
        rig_ask_signatures(&host, token, 16);
        for (int n = 0; n < 16 + 3 + 16; n++)
            assert_true(is_usual(host_next_answer(&host, &id).code, pulled));
        control_script(CORP "\ndelay C_Sign 2");
        assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
        token = host_token(&host, "corp");
        assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
        assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    }
    rig_end(&host);
}

/* Every code that there is, at both calls of a signature: an error, and the next one is good. */
static void test_every_code_is_survived(void **state)
{
    static const char *const functions[] = {"C_SignInit", "C_Sign"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    for (CK_RV rv = 1; rv <= CKR_FUNCTION_REJECTED; rv++) {
        if (strncmp(fault_rv_name(rv), "0x", 2) == 0)
            continue;
        for (size_t i = 0; i < 2; i++) {
            struct host_answer answer;

            control_script(CORP "\nfail %s 0x%lx times=2\n", functions[i], rv);
            answer = verify_sign(&host, token, &rig_key, ID);
            assert_int_equal(answer.type, CS_HOST_FAILED);
            assert_true(answer.code < 0 && strlen(answer.text) > 10);
            control_script(CORP);
            if (!(token->flags & CS_TOKEN_UNLOCKED))
                assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
            assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
        }
    }
    rig_end(&host);
}

/* The same where a token is looked at and opened. */
static void test_some_codes_are_survived_everywhere(void **state)
{
    static const char *const functions[] = {"C_OpenSession", "C_Login", "C_Logout",
        "C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue",
        "C_GetSessionInfo", "C_GetTokenInfo", "C_GetSlotList", "C_CloseSession"};
    static const char *const codes[] = {"CKR_HOST_MEMORY", "CKR_GENERAL_ERROR",
        "CKR_FUNCTION_FAILED", "CKR_DEVICE_ERROR", "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT",
        "CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_COUNT", "CKR_USER_NOT_LOGGED_IN",
        "CKR_OBJECT_HANDLE_INVALID", "CKR_OPERATION_ACTIVE", "CKR_BUFFER_TOO_SMALL",
        "CKR_PIN_EXPIRED", "CKR_FUNCTION_NOT_SUPPORTED", "0x80000001"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        for (size_t j = 0; j < sizeof(codes) / sizeof(codes[0]); j++) {
            control_script(CORP "\nfail %s %s times=2\n", functions[i], codes[j]);
            host_logout(&host, token, false);
            host_login_auto(&host, token, true);
            verify_sign(&host, token, &rig_key, ID);
            host_refresh(&host);
            control_script(CORP);
            assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
            token = host_token(&host, "corp");
            assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
            assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
        }
    }
    rig_end(&host);
}

/* One that fails once is there all the same; one that fails again hides none of the others. */
static void test_an_object_that_cannot_be_read_is_read_again(void **state)
{
    static const char fails[] =
        CORP "\nfail C_GetAttributeValue CKR_FUNCTION_FAILED at=%d times=%d";
    struct host_token *token;
    struct host host;
    char script[128];
    size_t n;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    n = token->n_objects;
    assert_true(n > 1);
    for (int at = 1; at <= 5; at++) {
        snprintf(script, sizeof(script), fails, at, 1);
        control_script("%s\n", script);
        assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
        assert_int_equal(host_token(&host, "corp")->n_objects, n);
    }
    control_script(CORP "\nfail C_GetAttributeValue CKR_FUNCTION_FAILED every=%d\n", 3);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_true(host_token(&host, "corp")->n_objects > 0);
    assert_true(host_token(&host, "corp")->n_objects < n);
    control_script(CORP "\n");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_int_equal(host_token(&host, "corp")->n_objects, n);
    rig_end(&host);
}

/* Calls for attributes of a refresh in which none gets an answer. */
static size_t count_attempts(struct host *host, const char *code)
{
    control_script(CORP "\nfail C_GetAttributeValue %s\n", code);
    control_clear();
    assert_int_equal(host_refresh(host).type, CS_HOST_DONE);
    return control_count("C_GetAttributeValue", NULL);
}

static void test_what_no_time_will_mend_is_not_asked_for_again(void **state)
{
    struct host host;
    size_t once;

    (void)state;
    rig_start_unlocked(&host, CORP);
    once = count_attempts(&host, "CKR_ACTION_PROHIBITED");
    assert_true(once > 1);
    assert_int_equal(count_attempts(&host, "CKR_FUNCTION_FAILED"), 2 * once);
    rig_end(&host);
}

/* The agent is told while the token is first read, so it must be told when that was in vain. */
static void test_a_first_reading_may_break_off(void **state)
{
    static const struct {
        const char *code;
        size_t n_tokens; /* at first */
    } cases[] = {{"CKR_SESSION_HANDLE_INVALID", 1}, {"CKR_GENERAL_ERROR", 0}};
    struct host_token *token;
    struct host host;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        control_script(CORP "\nfail C_FindObjectsInit %s at=3 once\n", cases[i].code);
        host_start(&host, FAULT_MODULE, &rig_by_command);
        assert_int_equal(host.n_void, 1);
        assert_int_equal(host.n_tokens, cases[i].n_tokens);
        assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
        token = host_token(&host, "corp");
        assert_int_equal(token->reports, 1);
        assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
        assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
        assert_int_equal(host.n_void, 1);
        rig_end(&host);
    }
}

static void test_a_crash_is_the_end_of_this_host_alone(void **state)
{
    struct host_token *token;
    struct host host, other;
    int status;

    (void)state;
    token = rig_start_unlocked(&host, CORP "\ncrash C_Sign at=3");
    host_start(&other, SOFTHSM_MODULE, NULL);
    rig_ask_signatures(&host, token, 2);
    status = host_wait_end(&host);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSEGV : WEXITSTATUS(status) != 0);
    assert_int_equal(host_refresh(&other).type, CS_HOST_DONE);
    assert_int_equal(host_stop(&other), 0);
}

static void test_a_hang_holds_up_its_own_request_alone(void **state)
{
    struct host_token *token;
    struct host host;
    uint32_t id;

    (void)state;
    token = rig_start_unlocked(&host, CORP "\nhang C_Sign at=2 once");
    rig_ask_signatures(&host, token, 1);
    control_wait(1, "@hang");
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    control_script(CORP);
    assert_string_equal(host_next_answer(&host, &id).text, "");
    rig_end(&host);
}

/* The agent's end closes while a call never returns. */
static void test_a_hang_does_not_keep_the_host_alive(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP "\nhang C_Sign forever at=2");
    rig_ask_signatures(&host, token, 1);
    control_wait(1, "@hang");
    host_stop(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(slots_that_are_not_good_do_not_spoil_the_rest),
        TEST(names_may_be_anything),
        TEST(a_module_without_locks_sees_one_call_at_a_time),
        TEST(a_dead_handle_is_mended_by_one_retry),
        TEST(a_resume_is_healed),
        TEST(a_resume_is_healed_by_an_unlock),
        TEST(many_programs_sign_through_a_resume),
        TEST(a_login_that_was_lost_shows),
        TEST(a_token_is_pulled_and_comes_back),
        TEST(signatures_beside_all_else),
        TEST(every_code_is_survived),
        TEST(some_codes_are_survived_everywhere),
        TEST(an_object_that_cannot_be_read_is_read_again),
        TEST(what_no_time_will_mend_is_not_asked_for_again),
        TEST(a_first_reading_may_break_off),
        TEST(a_crash_is_the_end_of_this_host_alone),
        TEST(a_hang_holds_up_its_own_request_alone),
        TEST(a_hang_does_not_keep_the_host_alive),
    };

    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
