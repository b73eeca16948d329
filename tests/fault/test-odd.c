/* SPDX-License-Identifier: Apache-2.0 */
/* The token host on modules and tokens that are less simple than SoftHSM, though nothing fails. */
#include "rig.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Through a card in several readers, or a network: no more sessions than that. */
static void test_few_sessions_are_shared(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP "sessions=2");
    rig_ask_signatures(&host, token, 100);
    rig_sign_all(&host, "", 100);
    rig_end(&host);
}

/* Or what passes in a moment would cost a PIN. */
static void test_a_login_outlives_the_session_that_failed(void **state)
{
    static const char *const slots[] = {CORP, CORP "sessions=1"};
    struct host_token *token;
    struct host host;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        control_clear();
        token = rig_start_unlocked(&host, slots[i]);
        control_script("%s\nfail C_Sign CKR_DEVICE_ERROR once\n", slots[i]);
        assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, i == 0 ? 0 : CS_ERR_LOCKED);
        assert_int_equal(control_count("C_Login", NULL), 1);
        assert_int_equal(control_count("C_CloseSession", NULL), 1);
        rig_end(&host);
    }
}

static void test_a_token_that_needs_no_login(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "open=" SOFTHSM_PIN, NULL);
    assert_int_equal(token->flags, CS_TOKEN_INITIALIZED | CS_TOKEN_UNLOCKED);
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), 1);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    /* A lock holds all the same. */
    assert_int_equal(host_logout(&host, token, true).type, CS_HOST_DONE);
    assert_int_equal(token->flags, CS_TOKEN_INITIALIZED | CS_TOKEN_HELD);
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_LOCKED);
    assert_int_equal(host_login_auto(&host, token, false).code, CS_ERR_LOCKED);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_int_equal(token->flags, CS_TOKEN_INITIALIZED | CS_TOKEN_UNLOCKED);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    rig_end(&host);
}

static void test_unknown_attributes_are_left_alone(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP "terse");
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), 1);
    assert_int_equal(token->objects[2].cka_id.len, 1);
    rig_end(&host);
}

static void test_a_wrong_pin_for_a_key_that_asks_always(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "always-authenticate", &rig_by_wrong_command);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    /* It is not sent again. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_PIN_INCORRECT);
        assert_int_equal(control_count("user=CONTEXT_SPECIFIC", NULL), 1);
    }
    rig_end(&host);
}

/* It is unlocked, so to unlock it is no help. */
static void test_nobody_to_ask_for_a_key_that_asks_always(void **state)
{
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "always-authenticate", NULL);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    answer = verify_sign(&host, token, &rig_key, ID);
    assert_int_equal(answer.code, CS_ERR_LOCKED);
    assert_string_equal(answer.text,
        "this key wants the PIN of token 'corp' for every signature, and nobody can be asked for "
        "it: configure where the PIN comes from");
    rig_end(&host);
}

static void test_what_the_module_says_is_told(void **state)
{
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    control_script(CORP "\nfail C_SignInit CKR_KEY_FUNCTION_NOT_PERMITTED\n");
    answer = verify_sign(&host, token, &rig_key, ID);
    assert_int_equal(answer.code, CS_ERR_SCHEME);
    assert_int_equal(answer.ckr, 0x68);
    assert_non_null(strstr(answer.text, "CKR_KEY_FUNCTION_NOT_PERMITTED"));
    control_script(CORP "\nfail C_SignInit 0x80001234\n");
    answer = verify_sign(&host, token, &rig_key, ID);
    assert_int_equal(answer.code, CS_ERR_TOKEN_FAILED);
    assert_int_equal(answer.ckr, 0x80001234);
    rig_end(&host);
}

/* The module finds its script in another place by them. */
static void test_init_args_reach_the_module(void **state)
{
    static const char *const scripts[] = {"", "option no-locking\n"};
    char control[256], args[300];
    struct host host;

    (void)state;
    snprintf(control, sizeof(control), "%s", control_directory());
    snprintf(args, sizeof(args), "dir=%s/other", control);
    for (size_t i = 0; i < 2; i++) {
        control_script("slot 0 absent\n");
        control_use(args + strlen("dir="));
        control_script("%sslot 0 token=corp\nslot 1 token=home\n", scripts[i]);
        host_spawn(&host, FAULT_MODULE, args);
        host_configure(&host, NULL);
        host_wait_scanned(&host);
        assert_int_equal(host.n_tokens, 2);
        rig_end(&host);
        control_use(control);
    }
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

static void test_a_token_that_cannot_be_used_is_reported(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "\nslot 1 bad=CKR_TOKEN_NOT_RECOGNIZED\nslot 2 absent", NULL);
    assert_false(token->gone);
    assert_string_equal(host.trouble,
        "slot 1 is passed over: the token is not initialised, or not one that the module knows "
        "(CKR_TOKEN_NOT_RECOGNIZED)");
    control_script(
        CORP "\nslot 1 token=home\nslot 2 absent\nfail C_OpenSession CKR_SESSION_COUNT slot=1\n");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_string_equal(host.trouble,
        "slot 1 is passed over: token 'home': the token has no session left: close other programs "
        "that use it (CKR_SESSION_COUNT, 0xb1)");
    control_script(CORP "\nslot 1 absent\n");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_string_equal(host.trouble, "");
    rig_end(&host);
}

/* Many a card is older than TLS 1.3, which wants PSS, and has RSA alone. */
static void test_pss_of_a_token_that_has_none(void **state)
{
    static const uint16_t schemes[] = {0x0804, 0x0805, 0x0806, 0x0401};
    static const char *const words[] = {"", "always-authenticate"};
    struct softhsm_key rsa = softhsm_key_new("RSA-3072");
    struct softhsm_object object = SOFTHSM_ROW(&rsa, SOFTHSM_ALL, cs_bytes_of("rsa"), ID);
    struct cs_bytes spki = softhsm_spki(&rsa);
    const uint8_t digest[64] = {7};
    struct host_token *token;
    struct host host;

    (void)state;
    softhsm_add_token("old", &object, 1);
    for (size_t i = 0; i < 2; i++) {
        control_script(CORP "\nslot 1 token=old no-pss %s\n", words[i]);
        host_start(&host, FAULT_MODULE, &rig_by_command);
        token = host_token(&host, "old");
        assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
        control_clear();
        for (size_t j = 0; j < sizeof(schemes) / sizeof(schemes[0]); j++) {
            const struct cs_scheme *scheme = cs_scheme_by_code(schemes[j]);
            struct cs_bytes data = CS_BYTES(digest, cs_hash_size(scheme->hash));
            struct host_answer answer = host_sign(&host, token, spki, ID, schemes[j], data);

            assert_string_equal(answer.text, "");
            assert_true(verify_answer(rsa.key, scheme, data, &answer));
        }
        /* It is asked for what it has not got once. */
        assert_int_equal(control_count("C_SignInit", "rv=CKR_MECHANISM_INVALID", NULL), 1);
        /* A key may know what others of the token do not, and not what they know. */
        control_script(
            CORP "\nslot 1 token=old %s\nfail C_SignInit CKR_MECHANISM_INVALID once\n", words[i]);
        for (size_t j = 0; j < 2; j++) {
            struct cs_bytes data = CS_BYTES(digest, 32);

            assert_string_equal(host_sign(&host, token, spki, ID, schemes[0], data).text, "");
        }
        assert_int_equal(control_count("C_SignInit", "rv=CKR_MECHANISM_INVALID", NULL), 2);
        rig_end(&host);
    }
    OPENSSL_free((void *)spki.data);
    softhsm_key_free(&rsa);
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
    rig_start(&host, CORP "\nslot 1 token=boaster", NULL);
    token = host_token(&host, "boaster");
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(sign_rsa(&host, token, &rsa).type, CS_HOST_SIGNED);
    control_script("option boastful\n" CORP "\nslot 1 token=boaster\n");
    answer = sign_rsa(&host, token, &rsa);
    assert_int_equal(answer.code, CS_ERR_TOKEN_FAILED);
    assert_non_null(strstr(answer.text, "a signature that is none"));
    answer = host_refresh(&host);
    assert_int_equal(answer.code, CS_ERR_MODULE_FAILED);
    assert_non_null(strstr(answer.text, "cannot list its slots"));
    control_script(CORP "\nslot 1 token=boaster\n");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_int_equal(sign_rsa(&host, token, &rsa).type, CS_HOST_SIGNED);
    rig_end(&host);
    softhsm_key_free(&rsa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(few_sessions_are_shared),
        TEST(a_login_outlives_the_session_that_failed),
        TEST(a_token_that_cannot_be_used_is_reported),
        TEST(a_token_that_needs_no_login),
        TEST(unknown_attributes_are_left_alone),
        TEST(a_wrong_pin_for_a_key_that_asks_always),
        TEST(nobody_to_ask_for_a_key_that_asks_always),
        TEST(what_the_module_says_is_told),
        TEST(init_args_reach_the_module),
        TEST(pss_of_a_token_that_has_none),
        TEST(more_than_there_was_room_for),
    };

    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
