/* SPDX-License-Identifier: Apache-2.0 */
/* Answers lead to other questions, and those who waited go and take others with them. */
#include "host-question.h"
#include "fuzz.h"
#include "host-life.h"
#include "limit.h"
#include "text.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <string.h>

#define QUESTIONS_MAX 48
#define N(list) (sizeof(list) / sizeof((list)[0]))

static struct host_question questions[QUESTIONS_MAX];
static size_t n_questions;
static uint8_t eager;

/* The end of a question */

static bool is_failure_of_host(int code)
{
    return code == CS_ERR_MODULE_FAILED || code == CS_ERR_CLOSED;
}

static void check_answer(const struct host_question *question, const struct cs_answer *answer)
{
    FUZZ_CHECK(answer->code <= 0 && answer->code >= CS_ERR_CLOSED);
    FUZZ_CHECK(cs_text_is_clean(cs_bytes_of(answer->text)));
    FUZZ_CHECK((answer->code < 0) == (answer->text[0] != '\0'));
    FUZZ_CHECK(answer->signature.len == 0 || question->type == CS_HOST_SIGN);
    FUZZ_CHECK(host_life.verdict == HOST_ANY || is_failure_of_host(answer->code) ||
               (question->answered && answer->code == question->code));
}

static void give_up(struct host_question *question)
{
    question->job = NULL;
    question->given_up = true;
}

static void react(const struct host_question *question)
{
    struct host_question *other = &questions[question->next % QUESTIONS_MAX];

    if (question->next < 0x40)
        return;
    if (question->next == 0xff) {
        host_life_stop();
    } else if (question->next < 0x80) {
        host_question_ask(
            question->next & 0x3f, 0, question->next & 0x20 ? 6 * CS_LIMIT_OUTPUT_PAUSE : 32);
    } else if (other->job && question->next < 0xc0) {
        cs_job_cancel(other->job);
    } else if (other->job) {
        cs_job_abandon(other->job);
        give_up(other);
    }
}

static void on_done(void *user, const struct cs_answer *answer)
{
    struct host_question *question = user;

    FUZZ_CHECK(question->job && !question->given_up);
    question->job = NULL;
    check_answer(question, answer);
    react(question);
}

/* Its beginning */

static void give_descriptors(struct cs_host_question *asked, int fds[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
    if (n == 1)
        asked->fd = fds[0];
    if (n == 2)
        asked->fds = fds;
}

void host_question_ask(uint8_t how, uint8_t next, size_t size)
{
    static const enum cs_host_message_type types[] = {CS_HOST_SIGN, CS_HOST_LOGIN, CS_HOST_LOGOUT,
        CS_HOST_REFRESH, CS_HOST_PIN_CHANGE, CS_HOST_CANCEL};
    static uint8_t data[CS_FRAME_MAX];
    enum cs_host_message_type type = types[how % N(types)];
    struct cs_host_sign_request sign = {.slot = HOST_QUESTION_SLOT, .data = CS_BYTES(data, size)};
    struct cs_host_login_request login = {.slot = HOST_QUESTION_SLOT};
    struct cs_host_logout_request logout = {.slot = HOST_QUESTION_SLOT};
    struct cs_host_question asked = {.type = type,
        .fd = -1,
        .person_time = how % (HOST_QUESTION_PERSON + 1) * 1000u,
        .at_reader = how & 8};
    bool possible = host_life_is_up() && !host_life.stopping;
    struct host_question *question;
    int fds[2], r;

    if (n_questions == QUESTIONS_MAX)
        return;
    question = &questions[n_questions++];
    *question = (struct host_question){.type = type, .life = fake_process.lives, .next = next};
    if (type == CS_HOST_SIGN)
        asked.sign = &sign;
    else if (type == CS_HOST_LOGOUT)
        asked.logout = &logout;
    else
        asked.login = &login;
    if (how & 16 && (type == CS_HOST_LOGIN || type == CS_HOST_PIN_CHANGE)) {
        login.how = CS_HOST_LOGIN_FD;
        give_descriptors(&asked, fds, type == CS_HOST_LOGIN ? 1 : 2);
    }
    r = cs_host_ask(host_life.host, &asked, on_done, question, &question->job);
    if (r < 0)
        question->given_up = true;
    else
        question->id = question->job->id;
    if (type == CS_HOST_CANCEL || (type == CS_HOST_SIGN && size > CS_FRAME_MAX - 64))
        FUZZ_CHECK(r < 0);
    else
        FUZZ_CHECK((r == 0) == possible);
}

void host_question_ask_eagerly(uint8_t how)
{
    eager = how;
}

void host_question_on_changed(void *user)
{
    (void)user;
    if (eager)
        host_question_ask(eager, 0, 32);
}

void host_question_begin(void)
{
    eager = 0;
    n_questions = 0;
    memset(questions, 0, sizeof(questions));
}

/* What becomes of it meanwhile */

void host_question_disturb(uint8_t which, uint8_t how)
{
    struct host_question *question = &questions[which % QUESTIONS_MAX];

    if (!question->job)
        return;
    if (how % 4 < 2) {
        cs_job_cancel(question->job);
        return;
    }
    if (how % 4 == 2)
        cs_job_abandon(question->job);
    else
        cs_job_forget(question->job);
    give_up(question);
}

void host_question_calm(void)
{
    eager = 0;
    for (size_t i = 0; i < n_questions; i++)
        questions[i].next = 0;
}

struct host_question *host_question_get(uint8_t which)
{
    return n_questions > 0 ? &questions[which % n_questions] : NULL;
}

bool host_question_is_any_open(void)
{
    for (size_t i = 0; i < n_questions; i++)
        if (questions[i].job)
            return true;
    return false;
}

void host_question_check(void)
{
    for (size_t i = 0; i < n_questions; i++) {
        FUZZ_CHECK(host_life_is_up() || !questions[i].job);
        FUZZ_CHECK(host_life.verdict != HOST_FINE || !questions[i].answered || !questions[i].job);
    }
}
