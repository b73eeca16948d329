/* SPDX-License-Identifier: Apache-2.0 */
/* The token host on tokens that do what real ones do: count PINs, ask on a keypad, go and come. */
#include "control.h"
#include "host.h"
#include "module/name.h"
#include "softhsm.h"
#include "verify.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static struct softhsm_key key, home_key;
#define ID CS_BYTES("\x01", 1)
#define CORP "slot 0 token=corp "

static const struct cs_host_configure by_command = {
    .n_sources = 1, .sources = {{.command = {(const uint8_t *)"printf\0001234", 12}}}};
static const struct cs_host_configure by_wrong_command = {
    .n_sources = 1, .sources = {{.command = {(const uint8_t *)"printf\0009999", 12}}}};

static int set_up(void **state)
{
    struct softhsm_object object, home;

    (void)state;
    softhsm_begin();
    control_begin(softhsm_folder());
    key = softhsm_key_new("EC-P-256");
    home_key = softhsm_key_new("EC-P-256");
    object = SOFTHSM_ROW(&key, SOFTHSM_ALL, cs_bytes_of("key"), ID);
    home = SOFTHSM_ROW(&home_key, SOFTHSM_ALL, cs_bytes_of("key"), ID);
    softhsm_add_token("corp", &object, 1);
    softhsm_add_token("home", &home, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_key_free(&key);
    softhsm_key_free(&home_key);
    softhsm_end();
    return 0;
}

static int fresh(void **state)
{
    (void)state;
    control_clear();
    control_forgive();
    return 0;
}

static struct host_token *start(
    struct host *host, const char *script, const struct cs_host_configure *configure)
{
    control_script("%s\n", script);
    host_start(host, FAULT_MODULE, configure);
    return host_token(host, "corp");
}

static struct host_token *start_unlocked(struct host *host, const char *script)
{
    struct host_token *token = start(host, script, &by_command);

    assert_int_equal(host_login_auto(host, token, true).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(host, token, &key, ID).text, "");
    return token;
}

/* Ends the host, and looks whether it kept its word to the module all the time. */
static void end(struct host *host)
{
    assert_int_equal(host_stop(host), 0);
    assert_int_equal(control_count(" !", NULL), 0);
}

static void sign_all(struct host *host, const char *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t id;

        assert_string_equal(host_next_answer(host, &id).text, expected);
    }
}

static void ask_signatures(struct host *host, const struct host_token *token, size_t n)
{
    const struct softhsm_key *its = strcmp(token->label, "home") == 0 ? &home_key : &key;
    struct cs_bytes spki = softhsm_spki(its);
    uint8_t digest[32] = {3};
    struct cs_host_sign_request m = {.slot = token->slot,
        .spki = spki,
        .cka_id = ID,
        .scheme = 0x0403,
        .data = CS_BYTES(digest, sizeof(digest))};

    for (size_t i = 0; i < n; i++)
        host_ask_sign(host, &m);
    OPENSSL_free((void *)spki.data);
}

static void test_slots_that_are_not_good_do_not_spoil_the_rest(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start_unlocked(&host, "slot 3 bad\nslot 2 uninitialised\nslot 1 absent\n" CORP);
    assert_int_equal(host.n_tokens, 1);
    control_script("slot 3 bad=CKR_GENERAL_ERROR\nslot 1 bad=CKR_FUNCTION_FAILED\n" CORP);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_false(token->gone);
    assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    end(&host);
}

static void test_names_may_be_anything(void **state)
{
    struct host host;

    (void)state;
    control_script("slot 0 token=corp label=%%01%%1b[31m%%00b manufacturer=%%ff%%fe model=a:b\n"
                   "slot 1 token=home label=\n");
    host_start(&host, FAULT_MODULE, &by_command);
    assert_int_equal(host.n_tokens, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(host_login_auto(&host, &host.tokens[i], true).type, CS_HOST_DONE);
        assert_string_equal(
            verify_sign(&host, &host.tokens[i], i == 0 ? &key : &home_key, ID).text, "");
    }
    end(&host);
}

static void test_a_wrong_pin_is_sent_once(void **state)
{
    struct host_token *token;
    struct host_answer answer;
    struct host host;

    (void)state;
    token = start(&host, CORP "tries=3", &by_wrong_command);
    for (int i = 0; i < 4; i++)
        assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_INCORRECT);
    for (int i = 0; i < 4; i++)
        assert_int_equal(host_login(&host, token, "9999").code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(control_count("C_Login slot=0", NULL), 1);
    assert_true(token->flags & CS_TOKEN_PIN_COUNT_LOW);
    /* With one try left even another PIN needs a person who insists. */
    answer = host_login(&host, token, "8888");
    assert_int_equal(answer.code, CS_ERR_PIN_INCORRECT);
    assert_non_null(strstr(answer.text, "one more wrong PIN blocks"));
    assert_true(token->flags & CS_TOKEN_PIN_FINAL_TRY);
    assert_int_equal(host_login(&host, token, "7777").code, CS_ERR_PIN_FINAL_TRY);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).code, CS_ERR_PIN_FINAL_TRY);
    assert_int_equal(control_count("C_Login slot=0", NULL), 2);
    end(&host);
}

static struct host_answer insist(struct host *host, const struct host_token *token)
{
    struct cs_host_login_request force = {
        .slot = token->slot, .how = CS_HOST_LOGIN_FORCE, .on_request = 1};

    return host_answer(host, host_ask_login(host, &force, -1));
}

static void test_the_last_try_is_for_who_insists(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, CORP "tries=1", &by_command);
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_FINAL_TRY);
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    assert_int_equal(insist(&host, token).type, CS_HOST_DONE);
    end(&host);

    token = start(&host, CORP "tries=1", &by_wrong_command);
    assert_int_equal(insist(&host, token).code, CS_ERR_PIN_INCORRECT);
    assert_true(token->flags & CS_TOKEN_PIN_BLOCKED);
    control_clear();
    assert_int_equal(insist(&host, token).code, CS_ERR_PIN_BLOCKED);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).code, CS_ERR_PIN_BLOCKED);
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    end(&host);
}

/* The card judged the PIN, and then the reader failed: nobody knows what it said. */
static void test_a_pin_whose_answer_was_lost_is_not_sent_again(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, CORP "tries=3\nfail C_Login CKR_DEVICE_ERROR after once", NULL);
    assert_int_equal(host_login(&host, token, "9999").code, CS_ERR_TOKEN_FAILED);
    assert_int_equal(control_count("C_Login slot=0", NULL), 1);
    end(&host);
}

static void test_the_reader_asks_for_the_pin(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO, .on_request = 1};
    struct host_token *token, *home;
    struct host host;
    uint32_t id;

    (void)state;
    token = start(&host, CORP "keypad tries=3\nslot 1 token=home", &by_command);
    home = host_token(&host, "home");
    assert_true(token->flags & CS_TOKEN_PROTECTED_PATH);
    m.slot = token->slot;
    id = host_ask_login(&host, &m, -1);
    control_wait(1, "@keypad slot=0");
    /* Others do not wait for that person. */
    assert_int_equal(host_login_auto(&host, home, true).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(&host, home, &home_key, ID).text, "");
    control_type(0, "pin " SOFTHSM_PIN);
    assert_int_equal(host_answer(&host, id).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    assert_int_equal(control_count("C_Login slot=0", "pin=null", NULL), 1);
    assert_int_equal(control_count("C_Login slot=0", NULL), 1);
    end(&host);
}

static void test_the_reader_refuses_or_is_left_alone(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, CORP "keypad tries=3", &by_command);
    control_type(0, "cancel");
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_CANCELLED);
    control_type(0, "pin 0000");
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_INCORRECT);
    assert_true(token->flags & CS_TOKEN_PIN_COUNT_LOW);
    assert_int_equal(control_count("C_Login slot=0", NULL), 2);
    end(&host);
}

static void test_a_key_that_asks_always_is_one_unbroken_job(void **state)
{
    struct host_token *token, *home;
    struct host host;

    (void)state;
    token = start_unlocked(&host, CORP "always-authenticate\nslot 1 token=home");
    home = host_token(&host, "home");
    assert_int_equal(host_login_auto(&host, home, true).type, CS_HOST_DONE);
    control_clear();
    ask_signatures(&host, token, 12);
    ask_signatures(&host, home, 12);
    host_ask(&host, CS_HOST_REFRESH);
    sign_all(&host, "", 25);
    assert_int_equal(control_count("user=CONTEXT_SPECIFIC", NULL), 12);
    assert_int_equal(control_count("C_Sign slot=0", "rv=CKR_OK", NULL), 12);
    end(&host);
}

static void test_a_key_that_asks_always_on_the_reader(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, CORP "keypad always-authenticate", NULL);
    control_type(0, "pin " SOFTHSM_PIN);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    control_type(0, "pin " SOFTHSM_PIN);
    assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    control_type(0, "cancel");
    assert_int_equal(verify_sign(&host, token, &key, ID).code, CS_ERR_CANCELLED);
    control_type(0, "pin " SOFTHSM_PIN);
    assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    end(&host);
}

static void test_a_module_without_locks_sees_one_call_at_a_time(void **state)
{
    struct host_token *token, *home;
    struct host host;

    (void)state;
    token = start_unlocked(&host, "option no-locking\n" CORP "\nslot 1 token=home\ndelay * 1");
    home = host_token(&host, "home");
    assert_int_equal(host_login_auto(&host, home, true).type, CS_HOST_DONE);
    ask_signatures(&host, token, 10);
    host_ask(&host, CS_HOST_REFRESH);
    ask_signatures(&host, home, 10);
    sign_all(&host, "", 21);
    end(&host);
}

/* Each code once, at each of the two calls of a signature: a handle died, not the token. */
static void test_a_dead_handle_is_mended_by_one_retry(void **state)
{
    static const char *const codes[] = {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR",
        "CKR_DEVICE_REMOVED", "CKR_OBJECT_HANDLE_INVALID", "CKR_KEY_HANDLE_INVALID"};
    static const char *const functions[] = {"C_SignInit", "C_Sign"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = start_unlocked(&host, CORP);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        for (size_t j = 0; j < 2; j++) {
            control_script(CORP "\nfail %s %s once\n", functions[j], codes[i]);
            control_clear();
            assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
            assert_int_equal(control_count(functions[j], "rv=", codes[i], NULL), 1);
            assert_int_equal(control_count("C_SignInit", NULL), 2);
            /* And no more than one: the second failure is told. */
            control_script(CORP "\nfail %s %s\n", functions[j], codes[i]);
            control_clear();
            assert_string_not_equal(verify_sign(&host, token, &key, ID).text, "");
            assert_int_equal(control_count("C_SignInit", NULL), 2);
        }
    }
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    end(&host);
}

/* After a resume everything is stale at once: sessions, objects, login. */
static void test_a_resume_is_healed(void **state)
{
    static const char *const codes[] = {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR",
        "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_SESSION_CLOSED"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = start_unlocked(&host, CORP);
    for (int i = 0; i < (int)(sizeof(codes) / sizeof(codes[0])); i++) {
        control_script(CORP "resume=%d gone=%s\n", i + 1, codes[i]);
        assert_int_equal(verify_sign(&host, token, &key, ID).code, CS_ERR_LOCKED);
        assert_false(token->flags & CS_TOKEN_UNLOCKED);
        assert_string_equal(host_login_auto(&host, token, false).text, "");
        assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    }
    end(&host);
}

/* The machine slept while the token was locked; its idle sessions are all dead. */
static void test_a_resume_is_healed_by_an_unlock(void **state)
{
    static const char *const codes[] = {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR",
        "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_SESSION_CLOSED"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = start_unlocked(&host, CORP "\ndelay C_Sign 2");
    for (int i = 0; i < (int)(sizeof(codes) / sizeof(codes[0])); i++) {
        ask_signatures(&host, token, 16);
        sign_all(&host, "", 16);
        assert_int_equal(host_logout(&host, token, false).type, CS_HOST_DONE);
        control_script(CORP "resume=%d gone=%s\ndelay C_Sign 2\n", i + 1, codes[i]);
        assert_string_equal(host_login_auto(&host, token, true).text, "");
        assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    }
    end(&host);
}

static void test_many_programs_sign_through_a_resume(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start_unlocked(&host, CORP "\ndelay C_Sign 2");
    ask_signatures(&host, token, 16);
    sign_all(&host, "", 16);
    for (int i = 1; i < 4; i++) {
        control_script(CORP "resume=%d gone=CKR_DEVICE_REMOVED\ndelay C_Sign 2", i);
        ask_signatures(&host, token, 16);
        for (int n = 0; n < 16; n++) {
            uint32_t id;

            assert_int_equal(host_next_answer(&host, &id).code, CS_ERR_LOCKED);
        }
        assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
        ask_signatures(&host, token, 16);
        sign_all(&host, "", 16);
    }
    end(&host);
}

static void test_a_login_that_was_lost_shows(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start_unlocked(&host, CORP);
    control_script(CORP "logged-out=1\n");
    assert_int_equal(verify_sign(&host, token, &key, ID).code, CS_ERR_LOCKED);
    assert_false(token->flags & CS_TOKEN_UNLOCKED);
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    end(&host);
}

static void test_a_token_is_pulled_and_comes_back(void **state)
{
    struct host_token *token, *old;
    struct host host;

    (void)state;
    old = start_unlocked(&host, CORP);
    control_script("slot 0 absent gone=CKR_DEVICE_REMOVED\n");
    assert_int_equal(verify_sign(&host, old, &key, ID).code, CS_ERR_TOKEN_ABSENT);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_true(old->gone);
    control_script(CORP);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    token = host_token(&host, "corp");
    assert_ptr_not_equal(token, old);
    assert_int_equal(verify_sign(&host, token, &key, ID).code, CS_ERR_LOCKED);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    end(&host);
}

/* The PIN of one token is not for the other, however quick the hand. */
static void test_another_token_lies_in_the_slot(void **state)
{
    struct host_token *old;
    struct host host;

    (void)state;
    old = start(&host, CORP "tries=3", &by_wrong_command);
    control_script("slot 0 token=home tries=3\n");
    assert_int_equal(host_login(&host, old, "9999").code, CS_ERR_TOKEN_ABSENT);
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_true(old->gone);
    assert_non_null(host_token(&host, "home"));
    end(&host);
}

static void test_a_token_that_is_pulled_while_its_pin_is_typed(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO, .on_request = 1};
    struct host_token *token;
    struct host host;
    uint32_t id;

    (void)state;
    token = start(&host, CORP "keypad", NULL);
    m.slot = token->slot;
    id = host_ask_login(&host, &m, -1);
    control_wait(1, "@keypad");
    control_script("slot 0 absent\n");
    assert_int_equal(host_answer(&host, id).code, CS_ERR_TOKEN_ABSENT);
    end(&host);
}

/* Every code that there is, at both calls of a signature: an error, and the next one is good. */
static void test_every_code_is_survived(void **state)
{
    static const char *const functions[] = {"C_SignInit", "C_Sign"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = start_unlocked(&host, CORP);
    for (CK_RV rv = 1; rv <= CKR_FUNCTION_REJECTED; rv++) {
        if (strncmp(fault_rv_name(rv), "0x", 2) == 0)
            continue;
        for (size_t i = 0; i < 2; i++) {
            struct host_answer answer;

            control_script(CORP "\nfail %s 0x%lx times=2\n", functions[i], rv);
            answer = verify_sign(&host, token, &key, ID);
            assert_int_equal(answer.type, CS_HOST_FAILED);
            assert_true(answer.code < 0 && strlen(answer.text) > 10);
            control_script(CORP);
            if (!(token->flags & CS_TOKEN_UNLOCKED))
                assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
            assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
        }
    }
    end(&host);
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
    token = start_unlocked(&host, CORP);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        for (size_t j = 0; j < sizeof(codes) / sizeof(codes[0]); j++) {
            control_script(CORP "\nfail %s %s times=2\n", functions[i], codes[j]);
            host_logout(&host, token, false);
            host_login_auto(&host, token, true);
            verify_sign(&host, token, &key, ID);
            host_refresh(&host);
            control_script(CORP);
            assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
            token = host_token(&host, "corp");
            assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
            assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
        }
    }
    end(&host);
}

static void test_a_crash_is_the_end_of_this_host_alone(void **state)
{
    struct host_token *token;
    struct host host, other;
    int status;

    (void)state;
    token = start_unlocked(&host, CORP "\ncrash C_Sign at=3");
    host_start(&other, SOFTHSM_MODULE, NULL);
    ask_signatures(&host, token, 2);
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
    token = start_unlocked(&host, CORP "\nhang C_Sign at=2 once");
    ask_signatures(&host, token, 1);
    control_wait(1, "@hang");
    assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
    control_script(CORP);
    assert_string_equal(host_next_answer(&host, &id).text, "");
    end(&host);
}

/* The agent's end closes while a call never returns. */
static void test_a_hang_does_not_keep_the_host_alive(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start_unlocked(&host, CORP "\nhang C_Sign forever at=2");
    ask_signatures(&host, token, 1);
    control_wait(1, "@hang");
    host_stop(&host);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(slots_that_are_not_good_do_not_spoil_the_rest),
        TEST(names_may_be_anything),
        TEST(a_wrong_pin_is_sent_once),
        TEST(the_last_try_is_for_who_insists),
        TEST(a_pin_whose_answer_was_lost_is_not_sent_again),
        TEST(the_reader_asks_for_the_pin),
        TEST(the_reader_refuses_or_is_left_alone),
        TEST(a_key_that_asks_always_is_one_unbroken_job),
        TEST(a_key_that_asks_always_on_the_reader),
        TEST(a_module_without_locks_sees_one_call_at_a_time),
        TEST(a_dead_handle_is_mended_by_one_retry),
        TEST(a_resume_is_healed),
        TEST(a_resume_is_healed_by_an_unlock),
        TEST(many_programs_sign_through_a_resume),
        TEST(a_login_that_was_lost_shows),
        TEST(a_token_is_pulled_and_comes_back),
        TEST(another_token_lies_in_the_slot),
        TEST(a_token_that_is_pulled_while_its_pin_is_typed),
        TEST(every_code_is_survived),
        TEST(some_codes_are_survived_everywhere),
        TEST(a_crash_is_the_end_of_this_host_alone),
        TEST(a_hang_holds_up_its_own_request_alone),
        TEST(a_hang_does_not_keep_the_host_alive),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
