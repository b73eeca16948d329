/* SPDX-License-Identifier: Apache-2.0 */
/* The token host while its module is slow: what goes first, what is done once for many, and what is
 * not done at all. */
#include "rig.h"

#include <countersign/error.h>

#define N 8
#define ALONE "option no-locking\n" CORP "\n" /* one call at a time */

static struct host_token *start(struct host *host, const char *script, const char *hang)
{
    struct host_token *token = rig_start_unlocked(host, script);

    control_script("%s\nhang %s once\n", script, hang);
    control_clear();
    return token;
}

/* Until the host has read what came before: that there is no such scheme nobody has to wait for. */
static void wait_read(struct host *host, const struct host_token *token)
{
    const struct cs_host_sign_request m = {.slot = token->slot, .scheme = 0xfefe};

    assert_int_equal(host_answer(host, host_ask_sign(host, &m)).code, CS_ERR_SCHEME);
}

static void test_a_lock_goes_before_what_waits(void **state)
{
    struct cs_host_logout_request out = {.hold = 1};
    struct host_token *token;
    size_t n_signed = 0;
    struct host host;
    uint32_t id, locking;

    (void)state;
    token = start(&host, ALONE, "C_SignInit");
    rig_ask_signatures(&host, token, N);
    control_wait(1, "@hang");
    out.slot = token->slot;
    locking = host_ask_logout(&host, &out);
    wait_read(&host, token);
    control_script(ALONE);
    for (int i = 0; i < N + 1; i++) {
        struct host_answer answer = host_next_answer(&host, &id);

        n_signed += answer.type == CS_HOST_SIGNED;
        assert_true(id != locking || answer.type == CS_HOST_DONE);
    }
    assert_int_equal(n_signed, 1);
    rig_end(&host);
}

static void test_what_nobody_waits_for_is_not_signed(void **state)
{
    struct host_token *token;
    struct host host;
    uint32_t last, id;

    (void)state;
    token = start(&host, ALONE, "C_SignInit");
    rig_ask_signatures(&host, token, N);
    last = host.last_id;
    control_wait(1, "@hang");
    for (uint32_t i = 0; i < N; i++)
        host_cancel(&host, last - i);
    for (int i = 0; i < N - 1; i++)
        assert_int_equal(host_next_answer(&host, &id).code, CS_ERR_CANCELLED);
    control_script(ALONE);
    assert_string_equal(host_answer(&host, last - N + 1).text, ""); /* it had begun */
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    assert_int_equal(control_count("C_Sign slot=0", NULL), 2);
    rig_end(&host);
}

static void test_one_look_serves_all_who_wait_for_it(void **state)
{
    struct host_token *token;
    struct host host;
    size_t n_lists;
    uint32_t id;

    (void)state;
    token = start(&host, CORP, "C_GetSlotList");
    for (int i = 0; i < N; i++)
        host_ask(&host, CS_HOST_REFRESH);
    control_wait(1, "@hang");
    /* Nor do they take all threads. */
    assert_string_equal(verify_sign(&host, token, &rig_key, ID).text, "");
    control_script(CORP);
    for (int i = 0; i < N; i++)
        assert_int_equal(host_next_answer(&host, &id).type, CS_HOST_DONE);
    /* Two calls each; those that came before the first began are served by that. */
    n_lists = control_count("C_GetSlotList ", NULL);
    assert_true(n_lists >= 2 && n_lists <= 2 * 2);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    rig_end(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_goes_before_what_waits),
        TEST(what_nobody_waits_for_is_not_signed),
        TEST(one_look_serves_all_who_wait_for_it),
    };

    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
