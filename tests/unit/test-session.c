/* SPDX-License-Identifier: Apache-2.0 */
/* token-host/session: the pool, with a module that uses the numbers of dead sessions again, as
 * OpenSC does, whose handles are addresses. */
#include "token-host/session.h"
#include "token-host/token.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SESSIONS 8

static bool is_open[SESSIONS];
static void (*meanwhile)(void); /* what others do while the next session is being opened */

static CK_RV open_session(
    CK_SLOT_ID slot, CK_FLAGS flags, void *user, CK_NOTIFY notify, CK_SESSION_HANDLE *sessionp)
{
    CK_SESSION_HANDLE session = 0;

    (void)slot, (void)flags, (void)user, (void)notify;
    if (meanwhile)
        meanwhile();
    while (is_open[session])
        session++;
    is_open[session] = true;
    *sessionp = session;
    return CKR_OK;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
    is_open[session] = false;
    return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    .C_OpenSession = open_session, .C_CloseSession = close_session};

CK_FUNCTION_LIST *cs_module_functions(struct cs_module *module)
{
    (void)module;
    return &functions;
}

void cs_module_enter(struct cs_module *module)
{
    (void)module;
}

void cs_module_leave(struct cs_module *module)
{
    (void)module;
}

CK_RV cs_token_see(const struct cs_token *token, CK_TOKEN_INFO *info)
{
    (void)token, (void)info;
    return CKR_OK;
}

static struct cs_token token;

static int begin(void **state)
{
    (void)state;
    memset(is_open, 0, sizeof(is_open));
    pthread_rwlock_init(&token.calls, NULL);
    cs_sessions_init(&token.sessions, &token);
    return 0;
}

static int end(void **state)
{
    (void)state;
    cs_sessions_deinit(&token.sessions);
    pthread_rwlock_destroy(&token.calls);
    return 0;
}

static void test_the_last_one_that_failed_keeps_the_login(void **state)
{
    CK_SESSION_HANDLE first, second;

    (void)state;
    assert_int_equal(cs_session_take(&token.sessions, false, &first), CKR_OK);
    cs_session_give(&token.sessions, first, CKR_DEVICE_ERROR);
    assert_true(is_open[first]);
    assert_int_equal(cs_session_take(&token.sessions, false, &second), CKR_OK);
    assert_int_not_equal(first, second);
    assert_true(is_open[second] && !is_open[first]);
}

static CK_SESSION_HANDLE lent;

static void fail_lent(void)
{
    meanwhile = NULL;
    cs_session_give(&token.sessions, lent, CKR_DEVICE_ERROR);
    assert_true(is_open[lent]);
}

static void test_one_that_is_being_opened_keeps_no_login(void **state)
{
    CK_SESSION_HANDLE second;

    (void)state;
    assert_int_equal(cs_session_take(&token.sessions, false, &lent), CKR_OK);
    meanwhile = fail_lent;
    assert_int_equal(cs_session_take(&token.sessions, false, &second), CKR_OK);
    assert_int_not_equal(lent, second);
    assert_true(is_open[second] && !is_open[lent]);
}

static void test_one_that_was_opened_in_its_place_is_not_closed_for_it(void **state)
{
    CK_SESSION_HANDLE first, second;

    (void)state;
    assert_int_equal(cs_session_take(&token.sessions, false, &first), CKR_OK);
    cs_session_give(&token.sessions, first, CKR_DEVICE_ERROR);
    is_open[first] = false; /* the card was reset */
    assert_int_equal(cs_session_take(&token.sessions, false, &second), CKR_OK);
    assert_int_equal(first, second);
    assert_true(is_open[second]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_last_one_that_failed_keeps_the_login, begin, end),
        cmocka_unit_test_setup_teardown(test_one_that_is_being_opened_keeps_no_login, begin, end),
        cmocka_unit_test_setup_teardown(
            test_one_that_was_opened_in_its_place_is_not_closed_for_it, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
