/* SPDX-License-Identifier: Apache-2.0 */
/* The token host on modules and tokens that are less simple than SoftHSM. */
#include "host.h"
#include "odd.h"
#include "softhsm.h"
#include "verify.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct softhsm_key key;
#define ID CS_BYTES("\x01", 1)

static const struct cs_host_configure by_command = {
    .n_sources = 1, .sources = {{.command = {(const uint8_t *)"printf\0001234", 12}}}};

static int set_up(void **state)
{
    struct softhsm_object object;

    (void)state;
    softhsm_begin();
    key = softhsm_key_new("EC-P-256");
    object = SOFTHSM_ROW(&key, SOFTHSM_ALL, cs_bytes_of("key"), ID);
    softhsm_add_token("odd", &object, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_key_free(&key);
    softhsm_end();
    return 0;
}

static struct host_token *start(
    struct host *host, const char *words, const struct cs_host_configure *configure)
{
    odd_plays(words);
    host_start(host, ODD_MODULE, configure);
    return host_token(host, "odd");
}

static void test_bad_slots_do_not_spoil_the_rest(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "bad-slot", NULL);
    assert_int_equal(host.n_tokens, 1);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
    assert_int_equal(host_stop(&host), 0);
}

static void test_reader_gets_a_null_pin(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "reader", &by_command);
    assert_true(token->flags & CS_TOKEN_PROTECTED_PATH);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_int_equal(odd_logins(), 1);
    assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
    assert_int_equal(host_stop(&host), 0);
}

static void test_pin_counters_are_heeded(void **state)
{
    struct cs_host_login_request force = {.how = CS_HOST_LOGIN_FORCE, .on_request = 1};
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "low", &by_command);
    assert_true(token->flags & CS_TOKEN_PIN_COUNT_LOW);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_int_equal(host_stop(&host), 0);

    token = start(&host, "final", &by_command);
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_FINAL_TRY);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).code, CS_ERR_PIN_FINAL_TRY);
    assert_int_equal(odd_logins(), 0);
    force.slot = token->slot;
    assert_int_equal(host_answer(&host, host_ask_login(&host, &force, -1)).type, CS_HOST_DONE);
    assert_int_equal(host_stop(&host), 0);

    token = start(&host, "blocked", &by_command);
    force.slot = token->slot;
    assert_int_equal(
        host_answer(&host, host_ask_login(&host, &force, -1)).code, CS_ERR_PIN_BLOCKED);
    assert_int_equal(odd_logins(), 0);
    assert_int_equal(host_stop(&host), 0);
}

static void test_always_authenticate_is_one_unbroken_job(void **state)
{
    struct cs_bytes spki = softhsm_spki(&key);
    struct cs_host_sign_request m = {.spki = spki, .cka_id = ID, .scheme = 0x0403};
    struct host_token *token;
    uint8_t digest[32] = {3};
    struct host host;

    (void)state;
    token = start(&host, "always", &by_command);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_int_equal(token->objects[2].flags, CS_HOST_OBJECT_ALWAYS_AUTHENTICATE);
    m.slot = token->slot;
    m.data = CS_BYTES(digest, sizeof(digest));
    /* The module fails whatever comes between the three calls of one of them. */
    for (int i = 0; i < 20; i++)
        host_ask_sign(&host, &m);
    host_ask(&host, CS_HOST_REFRESH);
    for (int i = 0; i < 21; i++) {
        uint32_t id;
        struct host_answer answer = host_next_answer(&host, &id);

        assert_string_equal(answer.text, "");
    }
    assert_int_equal(odd_logins(), 21);
    OPENSSL_free((void *)spki.data);
    assert_int_equal(host_stop(&host), 0);
}

static void test_always_authenticate_with_a_wrong_pin(void **state)
{
    static const struct cs_host_configure wrong = {
        .n_sources = 1, .sources = {{.command = {(const uint8_t *)"printf\0009999", 12}}}};
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "always", &wrong);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    answer = verify_sign(&host, token, &key, ID);
    assert_int_equal(answer.code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(odd_logins(), 2);
    /* It is not sent again. */
    answer = verify_sign(&host, token, &key, ID);
    assert_int_equal(answer.code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(odd_logins(), 2);
    assert_int_equal(host_stop(&host), 0);
}

static void test_dead_handles_are_found_again(void **state)
{
    /* SESSION_HANDLE_INVALID, SESSION_CLOSED, OBJECT_HANDLE_INVALID, KEY_HANDLE_INVALID,
     * DEVICE_ERROR, DEVICE_REMOVED, TOKEN_NOT_PRESENT, OPERATION_ACTIVE */
    static const char *const codes[] = {"b3", "b0", "82", "60", "30", "32", "e0", "90"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
        odd_set_file("fail", codes[i]);
        assert_string_equal(verify_sign(&host, token, &key, ID).text, "");
        assert_false(odd_has_file("fail"));
    }
    assert_int_equal(odd_logins(), 1);
    assert_int_equal(host_stop(&host), 0);
}

static void test_other_failures_are_not_repeated(void **state)
{
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    odd_set_file("fail", "68");
    answer = verify_sign(&host, token, &key, ID);
    assert_int_equal(answer.code, CS_ERR_SCHEME);
    assert_int_equal(answer.ckr, 0x68);
    assert_non_null(strstr(answer.text, "CKR_KEY_FUNCTION_NOT_PERMITTED"));
    odd_set_file("fail", "80001234");
    answer = verify_sign(&host, token, &key, ID);
    assert_int_equal(answer.code, CS_ERR_TOKEN_FAILED);
    assert_int_equal(answer.ckr, 0x80001234);
    assert_int_equal(host_stop(&host), 0);
}

static void test_a_login_that_was_lost_shows(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    odd_set_file("fail", "101");
    assert_int_equal(verify_sign(&host, token, &key, ID).code, CS_ERR_LOCKED);
    assert_false(token->flags & CS_TOKEN_UNLOCKED);
    assert_int_equal(host_stop(&host), 0);
}

static void test_module_without_locks_sees_one_thread(void **state)
{
    struct cs_bytes spki = softhsm_spki(&key);
    struct cs_host_sign_request m = {.spki = spki, .cka_id = ID, .scheme = 0x0403};
    struct host_token *token;
    uint8_t digest[32] = {3};
    struct host host;

    (void)state;
    token = start(&host, "cant-lock", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    m.slot = token->slot;
    m.data = CS_BYTES(digest, sizeof(digest));
    for (int i = 0; i < 20; i++)
        host_ask_sign(&host, &m);
    for (int i = 0; i < 20; i++) {
        uint32_t id;

        assert_string_equal(host_next_answer(&host, &id).text, "");
    }
    OPENSSL_free((void *)spki.data);
    assert_int_equal(host_stop(&host), 0);
}

static void test_few_sessions_are_shared(void **state)
{
    struct cs_bytes spki = softhsm_spki(&key);
    struct cs_host_sign_request m = {.spki = spki, .cka_id = ID, .scheme = 0x0403};
    struct host_token *token;
    uint8_t digest[32] = {3};
    struct host host;

    (void)state;
    token = start(&host, "two-sessions", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    m.slot = token->slot;
    m.data = CS_BYTES(digest, sizeof(digest));
    for (int i = 0; i < 100; i++)
        host_ask_sign(&host, &m);
    for (int i = 0; i < 100; i++) {
        uint32_t id;

        assert_string_equal(host_next_answer(&host, &id).text, "");
    }
    OPENSSL_free((void *)spki.data);
    assert_int_equal(host_stop(&host), 0);
}

static void test_token_that_returns_has_another_number(void **state)
{
    struct host_token *token;
    struct host host;
    uint32_t number;

    (void)state;
    token = start(&host, "", NULL);
    number = token->slot;
    odd_set_file("gone", "");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_true(token->gone);
    assert_int_equal(verify_sign(&host, token, &key, ID).code, CS_ERR_TOKEN_ABSENT);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).code, CS_ERR_TOKEN_ABSENT);
    odd_remove_file("gone");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    token = host_token(&host, "odd");
    assert_true(token->slot > number);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
    assert_int_equal(host_stop(&host), 0);
}

static void test_a_signature_notices_that_the_token_went(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
    odd_set_file("gone", "");
    assert_int_equal(verify_sign(&host, token, &key, ID).code, CS_ERR_TOKEN_ABSENT);
    /* The report needed no asking. */
    host_wait_gone(&host, token);
    assert_int_equal(host_stop(&host), 0);
}

static void test_token_that_needs_no_login(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "no-login", NULL);
    assert_int_equal(token->flags, CS_TOKEN_INITIALIZED | CS_TOKEN_UNLOCKED);
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), 1);
    assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
    /* A lock holds all the same. */
    assert_int_equal(host_logout(&host, token, true).type, CS_HOST_DONE);
    assert_int_equal(token->flags, CS_TOKEN_INITIALIZED | CS_TOKEN_HELD);
    assert_int_equal(verify_sign(&host, token, &key, ID).code, CS_ERR_LOCKED);
    assert_int_equal(host_login_auto(&host, token, false).code, CS_ERR_LOCKED);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_int_equal(token->flags, CS_TOKEN_INITIALIZED | CS_TOKEN_UNLOCKED);
    assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
    assert_int_equal(odd_logins(), 0);
    assert_int_equal(host_stop(&host), 0);
}

static void test_a_module_that_hangs_does_not_outlive_the_agent(void **state)
{
    struct cs_bytes spki = softhsm_spki(&key);
    struct cs_host_sign_request m = {.spki = spki, .cka_id = ID, .scheme = 0x0403};
    struct host_token *token;
    uint8_t digest[32] = {3};
    struct host host;

    (void)state;
    token = start(&host, "", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    m.slot = token->slot;
    m.data = CS_BYTES(digest, sizeof(digest));
    odd_set_file("hang", "");
    for (int i = 0; i < 20; i++)
        host_ask_sign(&host, &m);
    /* It still hears what needs no module. */
    assert_int_equal(host_answer(&host, host_ask(&host, CS_HOST_LOGIN)).code, CS_ERR_PROTOCOL);
    assert_int_equal(host_stop(&host), 0);
    OPENSSL_free((void *)spki.data);
}

static void test_unknown_attributes_are_left_alone(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, "terse", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), 1);
    assert_int_equal(token->objects[2].cka_id.len, 1);
    assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
    assert_int_equal(host_stop(&host), 0);
}

static void test_init_args_reach_the_module(void **state)
{
    struct host host;

    (void)state;
    odd_plays("wants-args");
    host_spawn(&host, ODD_MODULE, "odd");
    host_configure(&host, NULL);
    host_wait_scanned(&host);
    assert_int_equal(host.n_tokens, 1);
    assert_int_equal(host_stop(&host), 0);
    odd_plays("wants-args,cant-lock");
    host_spawn(&host, ODD_MODULE, "odd");
    host_configure(&host, NULL);
    host_wait_scanned(&host);
    assert_int_equal(host.n_tokens, 1);
    assert_int_equal(host_stop(&host), 0);
}

static struct host_answer sign_rsa(
    struct host *host, struct host_token *token, const struct softhsm_key *rsa)
{
    struct cs_bytes spki = softhsm_spki(rsa);
    const uint8_t digest[32] = {0};
    struct host_answer answer;

    answer = host_sign(host, token, spki, ID, 0x0804, CS_BYTES(digest, sizeof(digest)));
    OPENSSL_free((void *)spki.data);
    return answer;
}

/* Whatever lies behind the buffer would go to the client. */
static void test_more_than_there_was_room_for(void **state)
{
    struct softhsm_key rsa = softhsm_key_new("RSA-2048");
    struct softhsm_object object = SOFTHSM_ROW(&rsa, SOFTHSM_ALL, cs_bytes_of("rsa"), ID);
    struct host_token *token;
    struct host_answer answer;
    struct host host;

    (void)state;
    softhsm_add_token("boaster", &object, 1);
    start(&host, "", NULL);
    token = host_token(&host, "boaster");
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(sign_rsa(&host, token, &rsa).type, CS_HOST_SIGNED);
    odd_set_file("boast", "");
    answer = sign_rsa(&host, token, &rsa);
    assert_int_equal(answer.code, CS_ERR_TOKEN_FAILED);
    assert_non_null(strstr(answer.text, "a signature that is none"));
    answer = host_refresh(&host);
    assert_int_equal(answer.code, CS_ERR_MODULE_FAILED);
    assert_non_null(strstr(answer.text, "cannot list its slots"));
    odd_remove_file("boast");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_int_equal(sign_rsa(&host, token, &rsa).type, CS_HOST_SIGNED);
    assert_int_equal(host_stop(&host), 0);
    softhsm_key_free(&rsa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_slots_do_not_spoil_the_rest),
        cmocka_unit_test(test_reader_gets_a_null_pin),
        cmocka_unit_test(test_pin_counters_are_heeded),
        cmocka_unit_test(test_always_authenticate_is_one_unbroken_job),
        cmocka_unit_test(test_always_authenticate_with_a_wrong_pin),
        cmocka_unit_test(test_dead_handles_are_found_again),
        cmocka_unit_test(test_other_failures_are_not_repeated),
        cmocka_unit_test(test_a_login_that_was_lost_shows),
        cmocka_unit_test(test_module_without_locks_sees_one_thread),
        cmocka_unit_test(test_few_sessions_are_shared),
        cmocka_unit_test(test_token_that_returns_has_another_number),
        cmocka_unit_test(test_a_signature_notices_that_the_token_went),
        cmocka_unit_test(test_token_that_needs_no_login),
        cmocka_unit_test(test_a_module_that_hangs_does_not_outlive_the_agent),
        cmocka_unit_test(test_unknown_attributes_are_left_alone),
        cmocka_unit_test(test_init_args_reach_the_module),
        cmocka_unit_test(test_more_than_there_was_room_for),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
