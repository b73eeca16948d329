/* SPDX-License-Identifier: Apache-2.0 */
/* agent/consent/consent: who is asked what, and what an answer holds for, with a person and a clock
 * of the test's own. */
#include "consent/consent.h"
#include "consent/question.h"
#include "hosts/supervisor.h"
#include "base/cleanup.h"
#include "limit.h"

#include <countersign/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* The clock */

static uint64_t now;

/* Stands before that of libuv. */
uint64_t uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return now;
}

/* The person, who is asked one thing at a time. These stand in the place of question.c. */

struct cs_question {
    cs_question_done *done;
    void *user;
    uint32_t flags;
    char program[64], display[64];
};

static struct cs_question *asked;
static unsigned n_asked;

int cs_question_ask(uv_loop_t *loop, const char *program, const struct cs_prompt_request *request,
    cs_question_done *done, void *user, struct cs_question **questionp, struct cs_fault *fault)
{
    (void)loop, (void)program, (void)fault;
    assert_null(asked);
    asked = calloc(1, sizeof(*asked));
    assert_non_null(asked);
    asked->done = done;
    asked->user = user;
    asked->flags = request->flags;
    snprintf(asked->program, sizeof(asked->program), "%.*s", (int)request->program.len,
        (const char *)request->program.data);
    for (uint32_t i = 0; i < request->environment.n; i++)
        if (cs_bytes_equal(request->environment.entries[i].name, cs_bytes_of("DISPLAY")))
            snprintf(asked->display, sizeof(asked->display), "%.*s",
                (int)request->environment.entries[i].value.len,
                (const char *)request->environment.entries[i].value.data);
    *questionp = asked;
    n_asked++;
    return 0;
}

void cs_question_withdraw(struct cs_question *question)
{
    assert_ptr_equal(question, asked);
    free(question);
    asked = NULL;
}

static void say(int code, bool for_session)
{
    struct cs_question *question = asked;

    assert_non_null(question);
    asked = NULL;
    question->done(question->user, code, for_session, "why");
    free(question);
}

/* The agent */

static struct cs_config config;
static struct cs_supervisor supervisor; /* without hosts it has settled */
static struct cs_audit audit;
static struct cs_watchers watchers;
static struct cs_consents consents;
static struct cs_caller caller;

static void start(const char *display)
{
    if (display)
        setenv("DISPLAY", display, 1);
    else
        unsetenv("DISPLAY");
    consents = (struct cs_consents){.config = &config, .audit = &audit, .supervisor = &supervisor};
    TAILQ_INIT(&watchers);
    cs_consents_start(&consents, &watchers);
}

static int setup(void **state)
{
    (void)state;
    unsetenv("WAYLAND_DISPLAY");
    unsetenv("XDG_RUNTIME_DIR");
    now = 1000;
    n_asked = 0;
    config = (struct cs_config){.prompt = true};
    audit = (struct cs_audit){.journal.fd = -1};
    caller = (struct cs_caller){.procfs = CS_PROCFS_NONE, .environment = CS_BUF_INIT(CS_FRAME_MAX)};
    start(":7");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_consents_stop(&consents);
    assert_null(asked);
    cs_buf_deinit(&caller.environment);
    return 0;
}

/* Who waits */

struct waiter {
    struct cs_consent_waiter waiter;
    bool told;
    int code;
    char text[64];
};

static void on_done(struct cs_consent_waiter *waiter, int code, const char *text)
{
    struct waiter *one = waiter->user;

    assert_false(one->told);
    one->told = true;
    one->code = code;
    snprintf(one->text, sizeof(one->text), "%s", text);
}

static const struct cs_subject curl = {.program = "/usr/bin/curl",
    .name = "/usr/bin/curl",
    .label = "alice",
    .token = "corp",
    .token_uri = "pkcs11:token=corp",
    .server = "",
    .what = "tls",
    .id = {1}};
static const struct cs_subject wget = {.program = "/usr/bin/wget",
    .name = "/usr/bin/wget",
    .label = "bob",
    .token = "home",
    .token_uri = "pkcs11:token=home",
    .server = "",
    .what = "tls",
    .id = {2}};

/* A waiter outlives its test: a question may be open at the end of it. */
static int wait_for(struct waiter *one, const struct cs_subject *subject, bool each_time)
{
    char text[128];

    *one = (struct waiter){.waiter = {.caller = &caller, .done = on_done, .user = one}};
    return cs_consent_wait(&consents, subject, each_time, &one->waiter, text, sizeof(text));
}

/* Asks for it, and has the person say so. */
static struct waiter ask(const struct cs_subject *subject, bool each_time, int code, bool session)
{
    static struct waiter one;

    assert_int_equal(wait_for(&one, subject, each_time), 0);
    say(code, session);
    assert_true(one.told);
    assert_int_equal(one.code, code);
    return one;
}

static void tell(enum cs_event_kind kind, const char *uri)
{
    cs_event_tell(&watchers,
        &(const struct cs_event){.kind = kind, .subject = cs_bytes_of(uri), .text = "a reason"});
}

static void test_a_yes_for_the_session_is_not_asked_for_again(void **state)
{
    static struct waiter one;

    (void)state;
    assert_false(cs_consent_has(&consents, &curl));
    assert_string_equal(ask(&curl, false, 0, true).text, CS_CONSENTED_SESSION);
    assert_true(cs_consent_has(&consents, &curl));
    assert_int_equal(wait_for(&one, &curl, false), 1);
    assert_int_equal(TAILQ_FIRST(&consents.grants.list)->uses, 1);
    now += 1000ull * 24 * 3600 * 1000;
    assert_int_equal(wait_for(&one, &curl, false), 1);
    assert_int_equal(n_asked, 1);
}

static void test_a_yes_for_once_is_for_once(void **state)
{
    static struct waiter one;

    (void)state;
    assert_string_equal(ask(&curl, false, 0, false).text, CS_CONSENTED_ONCE);
    assert_false(cs_consent_has(&consents, &curl));
    assert_int_equal(wait_for(&one, &curl, false), 0);
}

/* Where each time is asked for, an answer for the session is none. */
static void test_each_time_is_each_time(void **state)
{
    static struct waiter one;

    (void)state;
    ask(&curl, true, 0, true);
    assert_false(cs_consent_has(&consents, &curl));
    ask(&curl, false, 0, true);
    assert_int_equal(wait_for(&one, &curl, true), 0);
    assert_true(asked->flags & CS_PROMPT_EACH_TIME);
}

static void test_one_question_for_all_who_ask_the_same(void **state)
{
    static struct waiter one, two, other;

    (void)state;
    assert_int_equal(wait_for(&one, &curl, false), 0);
    assert_int_equal(wait_for(&two, &curl, false), 0);
    assert_int_equal(wait_for(&other, &wget, false), 0);
    assert_int_equal(n_asked, 1);
    say(0, false);
    assert_true(one.told && two.told && !other.told);
    assert_string_equal(asked->program, "/usr/bin/wget");
    say(CS_ERR_DENIED, false);
    assert_int_equal(other.code, CS_ERR_DENIED);
}

static void test_who_is_asked_each_time_shares_no_question(void **state)
{
    static struct waiter one, two, three;

    (void)state;
    assert_int_equal(wait_for(&one, &curl, false), 0);
    assert_int_equal(wait_for(&two, &curl, true), 0);
    assert_int_equal(wait_for(&three, &curl, true), 0);
    say(0, false);
    assert_true(one.told && !two.told && !three.told);
    /* Nor does anybody share it with them. */
    assert_int_equal(wait_for(&one, &curl, false), 0);
    say(0, false);
    assert_true(two.told && !three.told && !one.told);
    say(0, false);
    assert_true(three.told && !one.told);
    say(0, false);
    assert_true(one.told);
}

static void test_programs_that_nobody_knows_share_no_question(void **state)
{
    struct cs_subject unknown = curl;
    static struct waiter one, two;

    (void)state;
    unknown.program = "";
    assert_int_equal(wait_for(&one, &unknown, false), 0);
    assert_int_equal(wait_for(&two, &unknown, false), 0);
    say(0, true);
    assert_true(one.told && !two.told);
    say(0, false);
    assert_true(two.told);
}

static void test_a_no_holds_for_a_moment(void **state)
{
    static const int codes[] = {CS_ERR_DENIED, CS_ERR_TIMEOUT};
    static struct waiter one;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ask(&curl, false, codes[i], false);
        assert_false(cs_consent_has(&consents, &curl));
        assert_int_equal(wait_for(&one, &curl, false), CS_ERR_DENIED);
        assert_int_equal(wait_for(&one, &curl, true), CS_ERR_DENIED);
        now += CS_LIMIT_REFUSAL_TIME - 1;
        assert_int_equal(wait_for(&one, &curl, false), CS_ERR_DENIED);
        assert_null(asked);
        now++;
    }
    ask(&curl, false, CS_ERR_LOCKED, false); /* nobody said anything */
    ask(&curl, false, 0, false);
}

/* Whatever waits for its turn to be asked the same. */
static void test_a_no_is_for_all_who_wait_to_be_asked(void **state)
{
    static struct waiter one, two, three, other;
    struct cs_subject unknown = curl;

    (void)state;
    assert_int_equal(wait_for(&one, &curl, true), 0);
    assert_int_equal(wait_for(&two, &curl, true), 0);
    assert_int_equal(wait_for(&other, &wget, true), 0);
    assert_int_equal(wait_for(&three, &curl, false), 0);
    say(CS_ERR_DENIED, false);
    assert_int_equal(one.code, CS_ERR_DENIED);
    assert_int_equal(two.code, CS_ERR_DENIED);
    assert_string_equal(asked->program, "/usr/bin/wget");
    say(0, false);
    assert_int_equal(other.code, 0);
    assert_int_equal(three.code, CS_ERR_DENIED);
    assert_null(asked);
    assert_int_equal(n_asked, 2);
    /* So it is where nobody knows the program. */
    unknown.program = "";
    assert_int_equal(wait_for(&one, &unknown, false), 0);
    assert_int_equal(wait_for(&two, &unknown, false), 0);
    say(CS_ERR_TIMEOUT, false);
    assert_int_equal(two.code, CS_ERR_DENIED);
    assert_null(asked);
    assert_int_equal(consents.grants.n, 2);
}

static void test_nobody_who_answers_which_to_show_is_asked_what_waits(void **state)
{
    struct cs_subject show = curl, other = wget;
    static struct waiter one, two;

    (void)state;
    show.what = other.what = CS_SUBJECT_SHOW;
    assert_int_equal(wait_for(&one, &show, false), 0);
    assert_int_equal(wait_for(&two, &other, false), 0);
    say(CS_ERR_TIMEOUT, false);
    assert_int_equal(two.code, CS_ERR_LOCKED);
    assert_null(asked);
}

/* Or who was refused could lock the token and, where the configuration has its PIN, unlock it. */
static void test_a_no_outlives_a_lock(void **state)
{
    static struct waiter one;

    (void)state;
    ask(&curl, false, CS_ERR_DENIED, false);
    tell(CS_EVENT_TOKEN_LOCKED, curl.token_uri);
    assert_int_equal(wait_for(&one, &curl, false), CS_ERR_DENIED);
    tell(CS_EVENT_TOKEN_REMOVED, curl.token_uri);
    assert_int_equal(wait_for(&one, &curl, false), 0);
}

static void test_answers_end_with_the_login_of_their_token(void **state)
{
    (void)state;
    ask(&curl, false, 0, true);
    ask(&wget, false, 0, true);
    tell(CS_EVENT_TOKEN_UNLOCKED, curl.token_uri);
    assert_true(cs_consent_has(&consents, &curl));
    tell(CS_EVENT_TOKEN_LOCKED, curl.token_uri);
    assert_false(cs_consent_has(&consents, &curl));
    assert_true(cs_consent_has(&consents, &wget));
    tell(CS_EVENT_TOKEN_REMOVED, wget.token_uri);
    assert_false(cs_consent_has(&consents, &wget));
}

static void test_a_question_ends_with_its_token(void **state)
{
    static struct waiter one, two;

    (void)state;
    assert_int_equal(wait_for(&one, &curl, false), 0);
    assert_int_equal(wait_for(&two, &wget, false), 0);
    tell(CS_EVENT_TOKEN_LOCKED, curl.token_uri);
    assert_false(one.told);
    tell(CS_EVENT_TOKEN_REMOVED, curl.token_uri);
    assert_int_equal(one.code, CS_ERR_TOKEN_ABSENT);
    assert_false(two.told);
    assert_string_equal(asked->program, "/usr/bin/wget");
    say(0, false);
    assert_int_equal(two.code, 0);
}

static void introduce(const char *display)
{
    struct cs_environment environment = {.n = 1};

    environment.entries[0].name = cs_bytes_of("DISPLAY");
    environment.entries[0].value = cs_bytes_of(display);
    assert_int_equal(cs_caller_introduce(&caller, cs_bytes_of("curl"), &environment), 0);
}

/* A program could answer itself where it says that its person sits. */
static void test_the_agents_display_comes_before_the_programs(void **state)
{
    static struct waiter one;

    (void)state;
    introduce(":66");
    assert_int_equal(wait_for(&one, &curl, false), 0);
    assert_string_equal(asked->display, ":7");
    assert_false(asked->flags & CS_PROMPT_ELSEWHERE);
    cs_consents_stop(&consents);
    start(NULL);
    assert_int_equal(wait_for(&one, &curl, false), 0);
    assert_string_equal(asked->display, ":66");
    assert_true(asked->flags & CS_PROMPT_ELSEWHERE);
}

static void test_nobody_can_be_asked(void **state)
{
    static struct waiter one;

    (void)state;
    config.prompt = false;
    assert_int_equal(wait_for(&one, &curl, false), CS_ERR_LOCKED);
    config.prompt = true;
    cs_consents_stop(&consents);
    start(NULL);
    assert_int_equal(wait_for(&one, &curl, false), CS_ERR_LOCKED);
    assert_int_equal(n_asked, 0);
}

static void test_so_many_questions_wait_at_most(void **state)
{
    static struct waiter waiting[CS_LIMIT_CONSENTS], one, other;
    struct cs_subject subject = curl;

    (void)state;
    for (unsigned i = 0; i < CS_LIMIT_CONSENTS; i++) {
        subject.id[31] = (uint8_t)i;
        assert_int_equal(wait_for(&waiting[i], &subject, false), 0);
    }
    assert_int_equal(wait_for(&one, &wget, false), CS_ERR_BUSY); /* nobody has said no */
    assert_int_equal(wait_for(&one, &subject, false), 0);        /* asks nothing new */
    say(0, false);
    assert_int_equal(wait_for(&other, &wget, false), 0);
}

static void test_answers_are_revoked_by_their_numbers(void **state)
{
    struct cs_subject third = wget;
    static struct waiter one;

    (void)state;
    third.what = "csr";
    ask(&curl, false, 0, true);
    ask(&wget, false, 0, true);
    ask(&third, false, CS_ERR_DENIED, false);
    assert_int_equal(cs_consent_revoke(&consents, 9, NULL), CS_ERR_NOT_FOUND);
    assert_int_equal(cs_consent_revoke(&consents, 3, NULL), CS_ERR_NOT_FOUND); /* a no */
    assert_int_equal(cs_consent_revoke(&consents, 1, NULL), 1);
    assert_false(cs_consent_has(&consents, &curl));
    assert_true(cs_consent_has(&consents, &wget));
    assert_int_equal(cs_consent_revoke(&consents, 0, NULL), 1);
    assert_false(cs_consent_has(&consents, &wget));
    assert_int_equal(cs_consent_revoke(&consents, 0, NULL), 0);
    assert_int_equal(wait_for(&one, &third, false), CS_ERR_DENIED);
}

static void test_who_leaves_is_not_told(void **state)
{
    static struct waiter one, two, other;

    (void)state;
    assert_int_equal(wait_for(&one, &curl, false), 0);
    assert_int_equal(wait_for(&two, &curl, false), 0);
    assert_int_equal(wait_for(&other, &wget, false), 0);
    cs_consent_leave(&one.waiter);
    assert_string_equal(asked->program, "/usr/bin/curl");
    cs_consent_leave(&two.waiter);
    assert_string_equal(asked->program, "/usr/bin/wget");
    say(0, false);
    assert_true(!one.told && !two.told && other.told);
    assert_true(cs_consents_are_none(&consents));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_yes_for_the_session_is_not_asked_for_again),
        TEST(test_a_yes_for_once_is_for_once),
        TEST(test_each_time_is_each_time),
        TEST(test_one_question_for_all_who_ask_the_same),
        TEST(test_who_is_asked_each_time_shares_no_question),
        TEST(test_programs_that_nobody_knows_share_no_question),
        TEST(test_a_no_holds_for_a_moment),
        TEST(test_a_no_is_for_all_who_wait_to_be_asked),
        TEST(test_nobody_who_answers_which_to_show_is_asked_what_waits),
        TEST(test_a_no_outlives_a_lock),
        TEST(test_answers_end_with_the_login_of_their_token),
        TEST(test_a_question_ends_with_its_token),
        TEST(test_the_agents_display_comes_before_the_programs),
        TEST(test_nobody_can_be_asked),
        TEST(test_so_many_questions_wait_at_most),
        TEST(test_answers_are_revoked_by_their_numbers),
        TEST(test_who_leaves_is_not_told),
    };

    return cmocka_run_group_tests_name("consent", tests, NULL, NULL);
}
