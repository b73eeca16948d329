/* SPDX-License-Identifier: Apache-2.0 */
/* agent/job: what a token host was asked; when it counts as hung. */
#include "hosts/job.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static int answered[4];

static void on_done(void *user, const struct cs_answer *answer)
{
    *(int *)user = answer->code ? answer->code : 1;
}

static struct cs_job *ask(struct cs_jobs *jobs, int which, uint64_t when)
{
    struct cs_job *job = cs_jobs_add(jobs, NULL);

    assert_non_null(job);
    job->asked = when;
    job->limit = 1000;
    job->done = on_done;
    job->user = &answered[which];
    answered[which] = 0;
    return job;
}

static void test_answers_find_their_job(void **state)
{
    struct cs_jobs jobs;
    struct cs_job *one, *two;
    uint32_t id;

    (void)state;
    cs_jobs_init(&jobs);
    one = ask(&jobs, 0, 0);
    two = ask(&jobs, 1, 0);
    id = one->id;
    assert_true(one->id != 0 && two->id != 0 && one->id != two->id);
    assert_ptr_equal(cs_jobs_find(&jobs, two->id), two);
    cs_jobs_answer(&jobs, one, &(const struct cs_answer){.text = ""});
    assert_int_equal(answered[0], 1);
    assert_int_equal(answered[1], 0);
    assert_null(cs_jobs_find(&jobs, id));
    cs_jobs_fail(&jobs, CS_ERR_MODULE_FAILED, "gone");
    assert_int_equal(answered[1], CS_ERR_MODULE_FAILED);
    assert_true(cs_jobs_is_empty(&jobs));
}

static void test_numbers_in_use_are_not_given_again(void **state)
{
    struct cs_jobs jobs;
    struct cs_job *old;

    (void)state;
    cs_jobs_init(&jobs);
    old = ask(&jobs, 0, 0);
    jobs.last_id = UINT32_MAX;
    assert_int_equal(ask(&jobs, 1, 0)->id, old->id + 1);
    cs_jobs_fail(&jobs, CS_ERR_CLOSED, "");
}

static void test_who_gave_up_hears_nothing(void **state)
{
    struct cs_jobs jobs;
    struct cs_job *job;

    (void)state;
    cs_jobs_init(&jobs);
    job = ask(&jobs, 0, 0);
    job->done = NULL;
    cs_jobs_answer(&jobs, job, &(const struct cs_answer){.text = ""});
    assert_int_equal(answered[0], 0);
}

/* A token that waits for a touch, and not a person who is asked, nor a queue that moves. */
static void test_who_is_silent(void **state)
{
    const uint64_t long_enough = CS_LIMIT_SILENCE_TIME;
    struct cs_jobs jobs;
    struct cs_job *login, *asks, *signature;

    (void)state;
    cs_jobs_init(&jobs);
    login = ask(&jobs, 0, 0);
    login->type = CS_HOST_LOGIN;
    asks = ask(&jobs, 1, 0);
    asks->type = CS_HOST_SIGN;
    asks->asks_person = true;
    assert_null(cs_jobs_silent(&jobs, long_enough));
    signature = ask(&jobs, 2, 100);
    signature->type = CS_HOST_SIGN;
    assert_null(cs_jobs_silent(&jobs, 99 + long_enough));
    assert_ptr_equal(cs_jobs_silent(&jobs, 100 + long_enough), signature);
    cs_jobs_note_answer(&jobs, login, 1000);
    assert_null(cs_jobs_silent(&jobs, 999 + long_enough));
    assert_ptr_equal(cs_jobs_silent(&jobs, 1000 + long_enough), signature);
    signature->cancelled = true;
    assert_null(cs_jobs_silent(&jobs, 1000 + long_enough));
    cs_jobs_fail(&jobs, CS_ERR_CLOSED, "");
}

static void test_a_queue_that_moves_is_no_hang(void **state)
{
    struct cs_jobs jobs;

    (void)state;
    cs_jobs_init(&jobs);
    assert_null(cs_jobs_overdue(&jobs, 1000000));
    ask(&jobs, 0, 100);
    assert_null(cs_jobs_overdue(&jobs, 1100));
    assert_non_null(cs_jobs_overdue(&jobs, 1101));
    jobs.last_answer = 900;
    assert_null(cs_jobs_overdue(&jobs, 1101));
    assert_non_null(cs_jobs_overdue(&jobs, 1901));
    cs_jobs_fail(&jobs, CS_ERR_CLOSED, "");
}

/* However long it is: each waits for those before it. */
static void test_a_long_queue_is_no_hang(void **state)
{
    const uint64_t end = 3 * 1000 * CS_LIMIT_JOB_TIME_FACTOR;
    struct cs_job *job, *last;
    struct cs_jobs jobs;
    uint64_t now = 100;

    (void)state;
    cs_jobs_init(&jobs);
    for (; now < end; now += 900) {
        ask(&jobs, 0, 100);
        last = ask(&jobs, 1, now);
        job = TAILQ_FIRST(&jobs.list);
        cs_jobs_note_answer(&jobs, job, now);
        cs_jobs_answer(&jobs, job, &(const struct cs_answer){.text = ""});
        assert_null(cs_jobs_overdue(&jobs, now + 900));
        /* What was given up is answered out of its turn. */
        last->cancelled = true;
        cs_jobs_note_answer(&jobs, last, now);
        cs_jobs_answer(&jobs, last, &(const struct cs_answer){.text = ""});
        assert_null(cs_jobs_overdue(&jobs, now + 900));
    }
    cs_jobs_fail(&jobs, CS_ERR_CLOSED, "");
}

/* The host answers that by itself. */
static void test_what_is_given_up_hides_no_hang(void **state)
{
    struct cs_jobs jobs;
    struct cs_job *job;

    (void)state;
    cs_jobs_init(&jobs);
    ask(&jobs, 0, 100);
    job = ask(&jobs, 1, 1000);
    job->cancelled = true;
    cs_jobs_note_answer(&jobs, job, 1100);
    cs_jobs_answer(&jobs, job, &(const struct cs_answer){.code = CS_ERR_CANCELLED, .text = ""});
    assert_non_null(cs_jobs_overdue(&jobs, 1101));
    cs_jobs_fail(&jobs, CS_ERR_CLOSED, "");
}

static void test_no_job_is_overtaken_for_ever(void **state)
{
    const uint64_t end = 100 + 1000 * CS_LIMIT_JOB_TIME_FACTOR;
    struct cs_jobs jobs;
    uint64_t now = 100;
    struct cs_job *job;

    (void)state;
    cs_jobs_init(&jobs);
    ask(&jobs, 0, now);
    for (; now <= end; now += 500) {
        job = ask(&jobs, 1, now);
        assert_null(cs_jobs_overdue(&jobs, now));
        cs_jobs_note_answer(&jobs, job, now);
        cs_jobs_answer(&jobs, job, &(const struct cs_answer){.text = ""});
    }
    assert_ptr_equal(cs_jobs_overdue(&jobs, now), TAILQ_FIRST(&jobs.list));
    cs_jobs_fail(&jobs, CS_ERR_CLOSED, "");
}

static void test_the_frame_says_what_was_asked(void **state)
{
    const struct cs_host_logout_request m = {.slot = 3, .hold = 1, .why = cs_bytes_of("why")};
    const struct cs_host_question question = {.type = CS_HOST_LOGOUT, .logout = &m, .fd = -1};
    struct cs_buf buf = CS_BUF_INIT(1024);
    struct cs_host_logout_request back;
    struct cs_frame frame;
    struct cs_jobs jobs;
    struct cs_job *job;
    size_t size;

    (void)state;
    cs_jobs_init(&jobs);
    job = ask(&jobs, 0, 0);
    assert_int_equal(cs_job_put(job, &question, &buf), 0);
    assert_int_equal(cs_frame_parse(cs_buf_bytes(&buf), &frame, &size), 1);
    assert_int_equal(frame.type, CS_HOST_LOGOUT);
    assert_int_equal(frame.id, job->id);
    assert_int_equal(cs_host_logout_get(frame.body, &back), 0);
    assert_int_equal(back.slot, 3);
    cs_buf_deinit(&buf);
    cs_jobs_fail(&jobs, CS_ERR_CLOSED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_find_their_job),
        cmocka_unit_test(test_numbers_in_use_are_not_given_again),
        cmocka_unit_test(test_who_gave_up_hears_nothing),
        cmocka_unit_test(test_who_is_silent),
        cmocka_unit_test(test_a_queue_that_moves_is_no_hang),
        cmocka_unit_test(test_a_long_queue_is_no_hang),
        cmocka_unit_test(test_what_is_given_up_hides_no_hang),
        cmocka_unit_test(test_no_job_is_overtaken_for_ever),
        cmocka_unit_test(test_the_frame_says_what_was_asked),
    };

    return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
