/* SPDX-License-Identifier: Apache-2.0 */
/* The token host and PINs that come at the same time: each was got while the token had tries
 * enough, and none had been refused. */
#include "rig.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define N 5

/* Tells that it runs, and gives the PIN when the test says go. */
#define COMMAND                                                                                    \
    "sh\0-c\0cd $COUNTERSIGN_FAULT_DIR; echo >>log got; "                                          \
    "while [ ! -e ../go ]; do sleep 0.02; done; printf 9999"

static const struct cs_host_configure by_command_that_waits = {
    .n_sources = 1, .sources = {{.command = {(const uint8_t *)COMMAND, sizeof(COMMAND)}}}};

/* As many logins, or changes of the PIN, of which each waits for its PIN. */
static void begin(struct host *host, const struct host_token *token, bool changes, int ends[N])
{
    const struct cs_host_login_request m = {
        .slot = token->slot, .how = CS_HOST_LOGIN_FD, .on_request = 1};

    control_clear();
    for (int i = 0; i < N; i++) {
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        ends[i] = fds[1];
        if (changes)
            host_ask_pin_change(host, &m, (const int[]){fds[0], host_pin_fd("5678")});
        else
            host_ask_login(host, &m, fds[0]);
    }
    /* All have seen the token's counters. */
    control_wait(N, "C_GetTokenInfo");
}

static void give(const int ends[N], const char *const pins[N])
{
    for (int i = 0; i < N; i++) {
        assert_int_equal(write(ends[i], pins[i], strlen(pins[i])), (ssize_t)strlen(pins[i]));
        close(ends[i]);
    }
}

/* How many of the answers have this code. */
static size_t count_answers(struct host *host, int code)
{
    size_t n = 0;
    uint32_t id;

    for (int i = 0; i < N; i++)
        n += host_next_answer(host, &id).code == code;
    return n;
}

static void test_the_same_wrong_pin_is_sent_once(void **state)
{
    static const char *const pins[N] = {"9999", "9999", "9999", "9999", "9999"};
    static const char *const calls[] = {"C_Login slot=0", "C_SetPIN slot=0"};
    int ends[N];

    (void)state;
    for (int changes = 0; changes < 2; changes++) {
        struct host host;
        struct host_token *token = rig_start(&host, CORP "tries=9", NULL);

        begin(&host, token, changes, ends);
        give(ends, pins);
        assert_int_equal(count_answers(&host, CS_ERR_PIN_INCORRECT), N);
        assert_int_equal(control_count(calls[changes], NULL), 1);
        rig_end(&host);
    }
}

static void test_wrong_pins_leave_the_last_try(void **state)
{
    static const char *const pins[N] = {"0001", "0002", "0003", "0004", "0005"};
    int ends[N];

    (void)state;
    for (int changes = 0; changes < 2; changes++) {
        struct host host;
        struct host_token *token = rig_start(&host, CORP "tries=3", NULL);

        begin(&host, token, changes, ends);
        give(ends, pins);
        assert_int_equal(count_answers(&host, CS_ERR_PIN_INCORRECT), 2);
        assert_true(token->flags & CS_TOKEN_PIN_FINAL_TRY);
        assert_false(token->flags & CS_TOKEN_PIN_BLOCKED);
        rig_end(&host);
        control_forgive();
    }
}

/* The token is open, and the PIN of the configuration is not its own any more. */
static void test_signatures_that_want_a_pin_send_a_wrong_one_once(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = rig_start(&host, CORP "always-authenticate tries=3", &by_command_that_waits);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    control_clear();
    rig_ask_signatures(&host, token, N);
    control_wait(N, "got");
    control_script(CORP "always-authenticate tries=3\ndelay C_Login 500\n");
    rig_write("go", "");
    assert_int_equal(count_answers(&host, CS_ERR_PIN_INCORRECT), N);
    assert_int_equal(control_count("C_Login slot=0", NULL), 1);
    assert_false(token->flags & CS_TOKEN_PIN_BLOCKED);
    rig_end(&host);
}

/* Who had it entered goes while the token looks at it, and a lock of the screen, which is for what
 * is open or about to be, would find nothing. */
static void test_a_login_that_nobody_waits_for_any_more_ends(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_FD, .on_request = 1};
    struct host_token *token;
    struct host host;
    uint32_t id;

    (void)state;
    token = rig_start(&host, CORP, NULL);
    m.slot = token->slot;
    for (int wanted = 0; wanted < 2; wanted++) {
        control_script(CORP "\nhang C_Login once\n");
        control_clear();
        id = host_ask_login(&host, &m, host_pin_fd(SOFTHSM_PIN));
        control_wait(1, "@hang");
        host_cancel(&host, id);
        assert_int_equal(host_answer(&host, id).code, CS_ERR_CANCELLED);
        if (wanted) /* by somebody else */
            id = host_ask_login(&host, &m, host_pin_fd(SOFTHSM_PIN));
        control_script(CORP "\n");
        if (wanted)
            assert_int_equal(host_answer(&host, id).type, CS_HOST_DONE);
        else
            control_wait(1, "C_Logout");
        assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
        assert_int_equal((token->flags & CS_TOKEN_UNLOCKED) != 0, wanted);
    }
    rig_end(&host);
}

/* The lock says why the token is locked, whichever of the two comes first. */
static void test_a_login_that_a_lock_gives_up_tells_of_the_lock(void **state)
{
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_FD, .on_request = 1};
    struct cs_host_logout_request out = {.why = cs_bytes_of("the screen was locked")};
    struct host_token *token;
    struct host host;
    uint32_t id, locking;

    (void)state;
    token = rig_start(&host, CORP "\nhang C_Login once", NULL);
    m.slot = out.slot = token->slot;
    id = host_ask_login(&host, &m, host_pin_fd(SOFTHSM_PIN));
    control_wait(1, "@hang");
    host_cancel(&host, id);
    assert_int_equal(host_answer(&host, id).code, CS_ERR_CANCELLED);
    locking = host_ask_logout(&host, &out);
    control_script(CORP "\n");
    assert_int_equal(host_answer(&host, locking).type, CS_HOST_DONE);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    assert_false(token->flags & CS_TOKEN_UNLOCKED);
    assert_string_equal(token->why, "the screen was locked");
    rig_end(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_wrong_pin_is_sent_once),
        TEST(wrong_pins_leave_the_last_try),
        TEST(signatures_that_want_a_pin_send_a_wrong_one_once),
        TEST(a_login_that_nobody_waits_for_any_more_ends),
        TEST(a_login_that_a_lock_gives_up_tells_of_the_lock),
    };

    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
