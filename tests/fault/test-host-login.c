/* SPDX-License-Identifier: Apache-2.0 */
/* The token host where PINs are counted, typed on a keypad, or wanted for every signature. */
#include "rig.h"

#include <countersign/error.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_a_wrong_pin_is_sent_once(void **state)
{
    struct host_token *token;
    struct host_answer answer;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "tries=3", &rig_by_wrong_command);
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
    rig_end(&host);
}

/* Nor again when the token was pulled and is back: it has counted. */
static void test_a_wrong_pin_is_remembered_while_the_token_is_away(void **state)
{
    static const char *const scripts[] = {CORP "tries=5\n", "slot 0 token=home\n"};
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, scripts[0], &rig_by_wrong_command);
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_INCORRECT);
    for (int i = 0; i < 3; i++) {
        control_script("%s", i == 1 ? scripts[1] : "slot 0 absent\n");
        assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
        assert_true(token->gone);
        control_script("%s", scripts[0]);
        assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
        token = host_token(&host, "corp");
        assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_INCORRECT);
        assert_int_equal(control_count("C_Login slot=0", NULL), 1);
    }
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    rig_end(&host);
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
    token = rig_start(&host, CORP "tries=1", &rig_by_command);
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_FINAL_TRY);
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    assert_int_equal(insist(&host, token).type, CS_HOST_DONE);
    rig_end(&host);

    token = rig_start(&host, CORP "tries=1", &rig_by_wrong_command);
    assert_int_equal(insist(&host, token).code, CS_ERR_PIN_INCORRECT);
    assert_true(token->flags & CS_TOKEN_PIN_BLOCKED);
    control_clear();
    assert_int_equal(insist(&host, token).code, CS_ERR_PIN_BLOCKED);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).code, CS_ERR_PIN_BLOCKED);
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    rig_end(&host);
}

/* The card judged the PIN, and then the reader failed: nobody knows what it said. */
static void test_a_pin_whose_answer_was_lost_is_not_sent_again(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "tries=3\nfail C_Login CKR_DEVICE_ERROR after once", NULL);
    assert_int_equal(host_login(&host, token, "9999").code, CS_ERR_TOKEN_FAILED);
    assert_int_equal(control_count("C_Login slot=0", NULL), 1);
    rig_end(&host);
}

static void test_the_reader_asks_for_the_pin(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO, .on_request = 1};
    struct host_token *token, *home;
    struct host host;
    uint32_t id;

    (void)state;
    token = rig_start(&host, CORP "keypad tries=3\nslot 1 token=home", &rig_by_command);
    home = host_token(&host, "home");
    assert_true(token->flags & CS_TOKEN_PROTECTED_PATH);
    m.slot = token->slot;
    id = host_ask_login(&host, &m, -1);
    control_wait(1, "@keypad slot=0");
    /* Others do not wait for that person. */
    assert_int_equal(host_login_auto(&host, home, true).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(&host, home, &rig_home_key, ID).text, "");
    control_type(0, "pin " SOFTHSM_PIN);
    assert_int_equal(host_answer(&host, id).type, CS_HOST_DONE);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    assert_int_equal(control_count("C_Login slot=0", "pin=null", NULL), 1);
    assert_int_equal(control_count("C_Login slot=0", NULL), 1);
    rig_end(&host);
}

static void test_the_reader_refuses_or_is_left_alone(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "keypad tries=3", &rig_by_command);
    control_type(0, "cancel");
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_CANCELLED);
    control_type(0, "pin 0000");
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_INCORRECT);
    assert_true(token->flags & CS_TOKEN_PIN_COUNT_LOW);
    assert_int_equal(control_count("C_Login slot=0", NULL), 2);
    rig_end(&host);
}

static void test_a_token_that_is_pulled_while_its_pin_is_typed(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO, .on_request = 1};
    struct host_token *token;
    struct host host;
    uint32_t id;

    (void)state;
    token = rig_start(&host, CORP "keypad", NULL);
    m.slot = token->slot;
    id = host_ask_login(&host, &m, -1);
    control_wait(1, "@keypad");
    control_script("slot 0 absent\n");
    assert_int_equal(host_answer(&host, id).code, CS_ERR_TOKEN_ABSENT);
    rig_end(&host);
}

/* The PIN of one token is not for the other, however quick the hand. */
static void test_another_token_lies_in_the_slot(void **state)
{
    struct host_token *old;
    struct host host;

    (void)state;
    old = rig_start(&host, CORP "tries=3", &rig_by_wrong_command);
    control_script("slot 0 token=home tries=3\n");
    assert_int_equal(host_login(&host, old, "9999").code, CS_ERR_TOKEN_ABSENT);
    assert_int_equal(control_count("C_Login slot=0", NULL), 0);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_true(old->gone);
    assert_non_null(host_token(&host, "home"));
    rig_end(&host);
}

/* Another token is put in its place while somebody types, and while it is asked for a signature. */
static void test_another_token_is_put_into_the_slot_meanwhile(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_FD, .on_request = 1};
    struct host_token *old;
    struct host host;
    uint32_t id;
    int fds[2];

    (void)state;
    old = rig_start(&host, CORP "tries=3", NULL);
    control_clear();
    m.slot = old->slot;
    assert_int_equal(pipe(fds), 0);
    id = host_ask_login(&host, &m, fds[0]);
    control_wait(1, "C_GetTokenInfo");
    control_script("slot 0 token=home tries=3\n");
    assert_int_equal(write(fds[1], SOFTHSM_PIN, strlen(SOFTHSM_PIN)), strlen(SOFTHSM_PIN));
    close(fds[1]);
    assert_int_equal(host_answer(&host, id).code, CS_ERR_TOKEN_ABSENT);
    assert_int_equal(control_count("C_Login", NULL), 0);
    rig_end(&host);

    old = rig_start_unlocked(&host, CORP);
    control_script("slot 0 token=home\n");
    assert_int_equal(verify_sign(&host, old, &rig_key, ID).code, CS_ERR_TOKEN_ABSENT);
    host_wait_gone(&host, old);
    assert_non_null(host_token(&host, "home"));
    assert_int_equal(host_logout(&host, old, true).type, CS_HOST_DONE); /* it is locked, surely */
    rig_end(&host);

    old = rig_start_unlocked(&host, CORP);
    control_script("slot 0 token=home\n");
    control_clear();
    assert_int_equal(host_logout(&host, old, true).type, CS_HOST_DONE);
    assert_int_equal(control_count("C_Logout", "rv=CKR_OK", NULL), 0);
    rig_end(&host);
}

/* The token may be open: nobody is to believe that it is not. */
static void test_a_lock_that_fails_is_not_believed(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    control_script(CORP "\nfail C_Logout CKR_GENERAL_ERROR\n"
                        "fail C_CloseAllSessions CKR_GENERAL_ERROR\n");
    assert_true(host_logout(&host, token, true).code < 0);
    assert_true(token->flags & CS_TOKEN_UNLOCKED);
    control_script(CORP "\n");
    assert_int_equal(host_logout(&host, token, true).type, CS_HOST_DONE);
    assert_false(token->flags & CS_TOKEN_UNLOCKED);
    rig_end(&host);
}

/* It is locked behind a login that is slow, and meanwhile somebody else has the PIN's command run.
 */
static void test_a_lock_ends_what_began_before_it(void **state)
{
    static const char command[] =
        "sh\0-c\0echo >>$COUNTERSIGN_FAULT_DIR/log got; printf " SOFTHSM_PIN;
    const struct cs_host_configure configure = {
        .n_sources = 1, .sources = {{.command = {(const uint8_t *)command, sizeof(command)}}}};
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_FD, .on_request = 1};
    struct cs_host_logout_request out = {.hold = 1};
    struct host_token *token;
    struct host host;
    uint32_t slow, waiting, locking, id;
    int fds[2], n_left = 3;

    (void)state;
    token = rig_start(&host, CORP "\nhang C_Login once then=CKR_FUNCTION_FAILED", &configure);
    m.slot = out.slot = token->slot;
    slow = host_ask_login(&host, &m, host_pin_fd(SOFTHSM_PIN));
    control_wait(1, "@hang");
    assert_int_equal(pipe(fds), 0);
    waiting = host_ask_login(&host, &m, fds[0]);
    locking = host_ask_logout(&host, &out);
    /* The lock has begun, and waits for the slow one. */
    assert_int_equal(host_answer(&host, waiting).code, CS_ERR_CANCELLED);
    m.how = CS_HOST_LOGIN_AUTO;
    m.on_request = 0;
    host_ask_login(&host, &m, -1);
    control_wait(1, "got");
    control_script(CORP);
    while (n_left-- > 0) {
        struct host_answer answer = host_next_answer(&host, &id);

        assert_true(id != slow || answer.code == CS_ERR_TOKEN_FAILED);
        assert_true(id != locking || answer.code == 0);
    }
    assert_true(token->flags & CS_TOKEN_HELD);
    assert_false(token->flags & CS_TOKEN_UNLOCKED);
    close(fds[1]);
    rig_end(&host);
}

/* In that order, and no other call for the token in between. */
static void assert_unbroken(size_t n)
{
    static const char *const job[] = {"C_SignInit ", "C_Login ", "C_Sign "};
    char *log = control_log(), *rest = log, *line;
    size_t at = 0;

    while ((line = strsep(&rest, "\n"))) {
        if (!strstr(line, " slot=0 "))
            continue;
        if (at == 0 && !strstr(line, job[0]))
            continue;
        if (!strstr(line, job[at]))
            fail_msg("no %sbut %s", job[at], line);
        at++;
        n -= at / 3;
        at %= 3;
    }
    assert_int_equal(at, 0);
    assert_int_equal(n, 0);
    free(log);
}

static void test_a_key_that_asks_always_is_one_unbroken_job(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_FD, .on_request = 1};
    struct host_token *token, *home;
    unsigned n_refused = 0;
    struct host host;
    uint32_t id;

    (void)state;
    token = rig_start_unlocked(&host, CORP "always-authenticate\nslot 1 token=home");
    home = host_token(&host, "home");
    assert_int_equal(host_login_auto(&host, home, true).type, CS_HOST_DONE);
    control_script(CORP "always-authenticate\nslot 1 token=home\ndelay C_Login 20\n");
    control_clear();
    rig_ask_signatures(&host, token, 12);
    rig_ask_signatures(&host, home, 12);
    host_ask(&host, CS_HOST_REFRESH);
    m.slot = token->slot;
    for (int i = 0; i < 4; i++)
        host_ask_pin_change(&host, &m, (const int[]){host_pin_fd("9999"), host_pin_fd("5678")});
    for (int i = 0; i < 29; i++)
        n_refused += host_next_answer(&host, &id).code == CS_ERR_PIN_INCORRECT;
    assert_int_equal(n_refused, 4);
    assert_int_equal(control_count("user=CONTEXT_SPECIFIC", NULL), 12);
    assert_int_equal(control_count("C_Sign slot=0", "rv=CKR_OK", NULL), 12);
    assert_unbroken(12);
    rig_end(&host);
}

static void test_a_key_that_asks_always_spares_the_last_try(void **state)
{
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "always-authenticate tries=2", &rig_by_wrong_command);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_PIN_INCORRECT);
    assert_true(token->flags & CS_TOKEN_PIN_FINAL_TRY);
    answer = verify_sign(&host, token, &rig_key, ID);
    assert_int_equal(answer.code, CS_ERR_PIN_FINAL_TRY);
    assert_non_null(strstr(answer.text, "'countersign lock'"));
    assert_int_equal(control_count("user=CONTEXT_SPECIFIC", NULL), 1);
    rig_end(&host);
}

static void test_a_key_that_asks_always_on_the_reader(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "keypad always-authenticate", NULL);
    control_type(0, "pin " SOFTHSM_PIN);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    control_type(0, "pin " SOFTHSM_PIN);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    control_type(0, "cancel");
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_CANCELLED);
    control_type(0, "pin " SOFTHSM_PIN);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    rig_end(&host);
}

/* A slow card was being read when somebody unlocked it: that reading knows it locked. */
static void test_a_login_beside_a_slow_reading_lasts(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO, .on_request = 1};
    struct host_token *token;
    struct host host;
    uint32_t id;

    (void)state;
    token = rig_start(&host, CORP, &rig_by_command);
    control_script(CORP "\nhang C_FindObjectsInit once\n");
    host_ask(&host, CS_HOST_REFRESH);
    control_wait(1, "@hang");
    m.slot = token->slot;
    host_ask_login(&host, &m, -1);
    host_wait_unlocked(&host, token);
    control_script(CORP);
    for (int i = 0; i < 2; i++)
        assert_int_equal(host_next_answer(&host, &id).type, CS_HOST_DONE);
    assert_true(token->flags & CS_TOKEN_UNLOCKED);
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    rig_end(&host);
}

/* The token was locked and unlocked while a signature was slow to hear that nobody is logged in. */
static void test_a_login_beside_a_slow_signature_lasts(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    control_script(CORP "\nhang C_SignInit once then=CKR_USER_NOT_LOGGED_IN\n");
    rig_ask_signatures(&host, token, 1);
    control_wait(1, "@hang");
    assert_int_equal(host_logout(&host, token, false).type, CS_HOST_DONE);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    control_script(CORP);
    rig_sign_all(&host, "", 1);
    assert_true(token->flags & CS_TOKEN_UNLOCKED);
    rig_end(&host);
}

/* A token that says it needs no login, and then that there is none: no signature comes of it. */
static void test_a_token_that_contradicts_itself_signs_nothing(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start_unlocked(&host, CORP);
    control_script(CORP "flags=-LOGIN_REQUIRED\nfail C_SignInit CKR_USER_NOT_LOGGED_IN\n");
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_true(token->flags & CS_TOKEN_UNLOCKED);
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_LOCKED);
    rig_end(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_pin_is_sent_once),
        TEST(a_wrong_pin_is_remembered_while_the_token_is_away),
        TEST(the_last_try_is_for_who_insists),
        TEST(a_pin_whose_answer_was_lost_is_not_sent_again),
        TEST(the_reader_asks_for_the_pin),
        TEST(the_reader_refuses_or_is_left_alone),
        TEST(a_token_that_is_pulled_while_its_pin_is_typed),
        TEST(another_token_lies_in_the_slot),
        TEST(another_token_is_put_into_the_slot_meanwhile),
        TEST(a_lock_that_fails_is_not_believed),
        TEST(a_lock_ends_what_began_before_it),
        TEST(a_key_that_asks_always_is_one_unbroken_job),
        TEST(a_key_that_asks_always_spares_the_last_try),
        TEST(a_key_that_asks_always_on_the_reader),
        TEST(a_login_beside_a_slow_reading_lasts),
        TEST(a_login_beside_a_slow_signature_lasts),
        TEST(a_token_that_contradicts_itself_signs_nothing),
    };

    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
