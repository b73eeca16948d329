/* SPDX-License-Identifier: Apache-2.0 */
/* agent/consent/question: what is a yes, and for how long, with prompts of a few words of shell. */
#include "consent/question.h"

#include <countersign/error.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char folder[] = "/tmp/cs-test-question-XXXXXX", program[64];
static struct cs_question *question;
static uv_loop_t loop;
static unsigned n_told;
static int code;
static bool for_session;
static char text[128];

static int setup(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(program, sizeof(program), "%s/prompt", folder);
    n_told = 0;
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    unlink(program);
    rmdir(folder);
    return uv_loop_close(&loop);
}

static void on_done(void *user, int said, bool session, const char *why)
{
    assert_ptr_equal(user, &loop);
    n_told++;
    code = said;
    for_session = session;
    snprintf(text, sizeof(text), "%s", why);
}

/* Of a prompt that has read its request. */
static int ask(const char *script)
{
    const struct cs_prompt_request request = {.kind = CS_PROMPT_CONSENT, .timeout = 20};
    struct cs_fault fault = {0};
    FILE *file = fopen(program, "w");

    assert_non_null(file);
    fprintf(file, "#!/bin/sh\ncat >/dev/null\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(program, 0755), 0);
    return cs_question_ask(&loop, program, &request, on_done, &loop, &question, &fault);
}

static void test_a_clear_yes_is_one(void **state)
{
    static const struct {
        const char *script;
        int code;
        bool for_session;
    } rows[] = {
        {"printf '\\0'", 0, false},
        {"printf '\\005'", 0, true},
        {"printf '\\001'", CS_ERR_DENIED, false},
        {"printf '\\003'", CS_ERR_TIMEOUT, false},
        {"printf '\\002'", CS_ERR_LOCKED, false},
        {"printf '\\004'", CS_ERR_LOCKED, false},
        {"printf '\\006'", CS_ERR_LOCKED, false},
        {"printf yes", CS_ERR_LOCKED, false},
        {"", CS_ERR_LOCKED, false},
        {"printf '\\0'; exit 1", CS_ERR_LOCKED, false},
        {"printf '\\005'; exit 2", CS_ERR_LOCKED, false},
        {"printf '\\0'; kill -KILL $$", CS_ERR_LOCKED, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        n_told = 0;
        assert_int_equal(ask(rows[i].script), 0);
        uv_run(&loop, UV_RUN_DEFAULT);
        if (n_told != 1 || code != rows[i].code || for_session != rows[i].for_session)
            fail_msg("%s: told %u times, %d %d", rows[i].script, n_told, code, for_session);
    }
}

static void test_why_nobody_can_be_asked_is_told(void **state)
{
    (void)state;
    assert_int_equal(ask("printf '\\002the pinentry is broken'"), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(text, "the pinentry is broken");
}

static void test_what_is_withdrawn_is_not_told(void **state)
{
    (void)state;
    assert_int_equal(ask("printf '\\0'; sleep 60"), 0);
    cs_question_withdraw(question);
    uv_run(&loop, UV_RUN_DEFAULT); /* to the end of the process and all it left */
    assert_int_equal(n_told, 0);
}

static void test_what_does_not_start_is_told_at_once(void **state)
{
    const struct cs_prompt_request request = {.kind = CS_PROMPT_CONSENT};
    struct cs_fault fault = {0};

    (void)state;
    assert_int_equal(
        cs_question_ask(&loop, "/no/such/prompt", &request, on_done, &loop, &question, &fault),
        CS_ERR_LOCKED);
    assert_non_null(strstr(fault.text, "/no/such/prompt does not start"));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(n_told, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_clear_yes_is_one),
        TEST(test_why_nobody_can_be_asked_is_told),
        TEST(test_what_is_withdrawn_is_not_told),
        TEST(test_what_does_not_start_is_told_at_once),
    };

    return cmocka_run_group_tests_name("question", tests, NULL, NULL);
}
