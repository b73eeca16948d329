/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/hosts/host: a token host that answers what it was not asked, twice, too late or not at all,
 * breaks the framing, sends descriptors, hangs up, dies or will not die. Each question is answered
 * once; a host that broke a rule is given up with a sentence, one that broke none is not; nothing
 * is left of either. The agent's end of the talk is the real one; the process is ours, and so is
 * the clock. The input is a row of choices.
 */
#include "fuzz.h"

#include "fake-clock.h"
#include "fake-process.h"
#include "octets.h"
#include "hosts/job.h"
#include "base/log.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define QUESTIONS_MAX 48
#define TIMEOUT 1 /* of the module, seconds */
#define PERSON_MAX 3
#define HANG_UP 2 /* one that has hung up is killed by then */
#define SLOT 1
#define N(list) (sizeof(list) / sizeof((list)[0]))

struct question {
    struct cs_job *job; /* NULL: done, or given up */
    uint32_t id;
    enum cs_host_message_type type;
    unsigned life;
    uint8_t next; /* what its asker does when it is done */
    bool given_up;
    bool answered; /* by the host */
    int code;
};

/* What becomes of the host, by what it did in this life. */
enum verdict { FINE, BROKEN, ANY };

static uv_loop_t loop;
static struct cs_inventory inventory;
static struct cs_audit audit;
static struct cs_host *host;
static struct question questions[QUESTIONS_MAX];
static size_t n_questions;
static enum verdict verdict;
static unsigned life;          /* that it is about */
static bool scanned, reported; /* in this life; a token is */
static bool stopping;
static uint8_t eager; /* what is asked as soon as something changes; 0: nothing */

/* What the agent makes of it */

static bool is_up(void)
{
    enum cs_host_state state = cs_host_get_state(host);

    return state == CS_HOST_STATE_STARTING || state == CS_HOST_STATE_RUNNING;
}

static void on_log(enum cs_log_level level, const char *line)
{
    (void)level;
    FUZZ_CHECK(line[0] && cs_text_is_clean(cs_bytes_of(line)));
}

static bool is_failure_of_host(int code)
{
    return code == CS_ERR_MODULE_FAILED || code == CS_ERR_CLOSED;
}

static void check_answer(const struct question *question, const struct cs_answer *answer)
{
    FUZZ_CHECK(answer->code <= 0 && answer->code >= CS_ERR_CLOSED);
    FUZZ_CHECK(cs_text_is_clean(cs_bytes_of(answer->text)));
    FUZZ_CHECK((answer->code < 0) == (answer->text[0] != '\0'));
    FUZZ_CHECK(answer->signature.len == 0 || question->type == CS_HOST_SIGN);
    FUZZ_CHECK(verdict == ANY || is_failure_of_host(answer->code) ||
               (question->answered && answer->code == question->code));
}

static void stop_host(void)
{
    verdict = ANY;
    stopping = true;
    cs_host_stop(host);
}

static void ask(struct question *question, uint8_t how, size_t size);

/* Answers lead to other questions, and those who waited go and take others with them. */
static void react(const struct question *question)
{
    struct question *other = &questions[question->next % QUESTIONS_MAX];

    if (question->next < 0x40)
        return;
    if (question->next == 0xff) {
        stop_host();
        return;
    }
    if (question->next < 0x80) {
        if (n_questions < QUESTIONS_MAX)
            ask(&questions[n_questions++], question->next & 0x3f,
                question->next & 0x20 ? 6 * CS_LIMIT_OUTPUT_PAUSE : 32);
    } else if (other->job && question->next < 0xc0) {
        cs_job_cancel(other->job);
    } else if (other->job) {
        cs_job_abandon(other->job);
        other->job = NULL;
        other->given_up = true;
    }
}

static void on_done(void *user, const struct cs_answer *answer)
{
    struct question *question = user;

    FUZZ_CHECK(question->job && !question->given_up);
    question->job = NULL;
    check_answer(question, answer);
    react(question);
}

static void give_descriptors(struct cs_host_question *question, int fds[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
    if (n == 1)
        question->fd = fds[0];
    if (n == 2)
        question->fds = fds;
}

static void ask(struct question *question, uint8_t how, size_t size)
{
    static const enum cs_host_message_type types[] = {CS_HOST_SIGN, CS_HOST_LOGIN, CS_HOST_LOGOUT,
        CS_HOST_REFRESH, CS_HOST_PIN_CHANGE, CS_HOST_CANCEL};
    static uint8_t data[CS_FRAME_MAX];
    enum cs_host_message_type type = types[how % N(types)];
    struct cs_host_sign_request sign = {.slot = SLOT, .data = CS_BYTES(data, size)};
    struct cs_host_login_request login = {.slot = SLOT};
    struct cs_host_logout_request logout = {.slot = SLOT};
    struct cs_host_question asked = {.type = type,
        .fd = -1,
        .person_time = how % (PERSON_MAX + 1) * 1000u,
        .at_reader = how & 8};
    bool possible = is_up() && !stopping;
    int fds[2], r;

    *question = (struct question){.type = type, .life = fake_process.lives};
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
    r = cs_host_ask(host, &asked, on_done, question, &question->job);
    if (r < 0)
        question->given_up = true;
    else
        question->id = question->job->id;
    if (type == CS_HOST_CANCEL || (type == CS_HOST_SIGN && size > CS_FRAME_MAX - 64))
        FUZZ_CHECK(r < 0);
    else
        FUZZ_CHECK((r == 0) == possible);
}

static void on_changed(void *user)
{
    (void)user;
    if (eager && n_questions < QUESTIONS_MAX)
        ask(&questions[n_questions++], eager, 32);
}

/* What must be so at any time */

static void look_for_new_life(void)
{
    if (life == fake_process.lives)
        return;
    life = fake_process.lives;
    verdict = FINE;
    scanned = reported = false;
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
    look_for_new_life();
}

static void check(void)
{
    struct cs_msg_module m;

    cs_host_describe(host, &m);
    FUZZ_CHECK(cs_text_is_clean(m.error));
    FUZZ_CHECK((m.pid == 0) == !fake_process.alive);
    FUZZ_CHECK(is_up() || inventory.n_tokens == 0);
    FUZZ_CHECK(cs_host_get_state(host) != CS_HOST_STATE_FAILED || m.error.len > 0);
    FUZZ_CHECK(cs_host_get_state(host) != CS_HOST_STATE_FAILED || !fake_process.alive ||
               fake_process.killed);
    FUZZ_CHECK(verdict != BROKEN || !is_up());
    if (verdict == FINE && fake_process.alive)
        FUZZ_CHECK(
            cs_host_get_state(host) == (scanned ? CS_HOST_STATE_RUNNING : CS_HOST_STATE_STARTING));
    for (size_t i = 0; i < n_questions; i++) {
        FUZZ_CHECK(is_up() || !questions[i].job);
        FUZZ_CHECK(verdict != FINE || !questions[i].answered || !questions[i].job);
    }
}

/* Turns the loop until each has read what the other said. */
static void settle(void)
{
    int unread, rest = 3;

    for (unsigned turns = 0; rest > 0; turns++) {
        FUZZ_CHECK(turns < 10000);
        rest--;
        turn();
        if (fake_process_listen() ||
            (fake_process.fd >= 0 && ioctl(fake_process.fd, SIOCOUTQ, &unread) == 0 && unread > 0 &&
                is_up()))
            rest = 3;
    }
    check();
}

/* What the host says */

/* The first thing that it does wrong counts. */
static void judge(enum verdict now)
{
    if (verdict == FINE)
        verdict = now;
}

static void say_octets(struct cs_bytes octets, size_t n_fds)
{
    if (!fake_process_say_octets(octets, n_fds))
        judge(ANY);
}

static void say(uint16_t type, uint32_t id, struct cs_bytes body, size_t n_fds)
{
    if (!fake_process_say(type, id, body, n_fds))
        judge(ANY);
}

/* In which the host says nothing. */
static void wait_seconds(unsigned n)
{
    judge(ANY);
    fake_clock_advance(n);
    for (int i = 0; i < 3; i++)
        turn();
}

/* What the input chooses */

static size_t choose_descriptors(uint8_t n)
{
    return n < 0xc0 ? 0 : n % (FUZZ_DESCRIPTORS_MAX + 1);
}

/* To a question, or to one that there is not. */
static void answer(struct fuzz_input *input)
{
    uint8_t which = fuzz_next(input), how = fuzz_next(input), code = fuzz_next(input);
    struct question *question = n_questions > 0 ? &questions[which % n_questions] : NULL;
    bool known = question && which < 0xf0 && question->id > 0 && !question->answered &&
                 question->life == fake_process.lives;
    uint32_t id = which < 0xf0 && question ? question->id : which == 0xff ? 0 : 1000u + which;
    struct cs_host_failed failed = {.code = -(code % 40)};
    struct cs_buf body = CS_BUF_INIT(8192);
    uint16_t type = CS_HOST_FAILED;
    bool good = known;

    if (how % 4 == 0) { /* as it should be */
        type = question && question->type == CS_HOST_SIGN ? CS_HOST_SIGNED : CS_HOST_DONE;
    } else if (how % 4 == 1) {
        type = code & 1 ? CS_HOST_SIGNED : CS_HOST_DONE;
        good &= (type == CS_HOST_SIGNED) == (known && question->type == CS_HOST_SIGN);
    }
    if (type == CS_HOST_FAILED) {
        failed.text = fuzz_octets(input);
        cs_host_failed_put(&body, &failed);
        good = (known || id == 0) && failed.code < 0 && cs_bytes_is_string(failed.text);
    } else if (type == CS_HOST_SIGNED) {
        cs_buf_put_bytes(&body, fuzz_octets(input));
    }
    say(type, id, cs_buf_bytes(&body), choose_descriptors(how));
    cs_buf_deinit(&body);
    judge(good ? FINE : BROKEN);
    if (good && known && verdict == FINE) {
        question->answered = true;
        question->code = type == CS_HOST_FAILED ? cs_error_from_wire((unsigned)-failed.code) : 0;
    }
}

/* TOKEN_BEGIN and TOKEN_END. */
static void report_token(uint32_t slot, bool whole)
{
    const struct cs_host_token token = {
        .slot = slot, .label = cs_bytes_of("corp"), .serial = cs_bytes_of("0123")};
    struct cs_buf body = CS_BUF_INIT(1024);

    cs_host_token_put(&body, &token);
    say(CS_HOST_TOKEN_BEGIN, 0, cs_buf_bytes(&body), 0);
    cs_buf_reset(&body);
    cs_host_number_put(&body, slot);
    if (whole)
        say(CS_HOST_TOKEN_END, 0, cs_buf_bytes(&body), 0);
    cs_buf_deinit(&body);
}

/* As it should be, if it may come now. */
static void report(struct fuzz_input *input)
{
    uint8_t what = fuzz_next(input), how = fuzz_next(input);
    struct cs_bytes text = fuzz_octets(input);
    bool good = how < 0xf0 && cs_bytes_is_string(text), was_reported = reported;
    uint32_t id = how < 0xf0 ? 0 : how;
    struct cs_buf body = CS_BUF_INIT(8192);
    uint16_t type;

    switch (what % 6) {
    case 0:
        type = CS_HOST_READY;
        cs_host_ready_put(&body, &(struct cs_host_ready){.manufacturer = text});
        good = how < 0xf0;
        break;
    case 1:
        type = CS_HOST_SCANNED;
        good = how < 0xf0 && !scanned;
        scanned |= good;
        break;
    case 2:
        type = CS_HOST_PIN_REFUSED;
        cs_host_failed_put(
            &body, &(struct cs_host_failed){.code = CS_ERR_PIN_INCORRECT, .text = text});
        break;
    case 3:
        type = CS_HOST_TOKEN_GONE;
        cs_host_number_put(&body, SLOT);
        good = how < 0xf0 && was_reported;
        reported &= !good;
        break;
    case 4:
        type = CS_HOST_TOKEN_STATE;
        cs_host_token_state_put(
            &body, &(struct cs_host_token_state){.slot = SLOT, .flags = how, .why = text});
        good &= was_reported;
        break;
    default:
        report_token(SLOT, true);
        reported = true;
        return;
    }
    say(type, id, cs_buf_bytes(&body), choose_descriptors(how));
    cs_buf_deinit(&body);
    judge(good ? FINE : BROKEN);
}

/* Whatever the input holds. */
static void say_something(struct fuzz_input *input)
{
    uint8_t how = fuzz_next(input);
    uint16_t type = 0x0180 | fuzz_next(input) % 0x20;
    struct cs_bytes octets = fuzz_octets(input);

    if (how & 1)
        say_octets(octets, choose_descriptors(how));
    else
        say(type, how & 2 ? (uint32_t)(how >> 4) : 0, octets, choose_descriptors(how));
    judge(ANY);
}

/* More than may be. */

static void say_too_long(void)
{
    static const uint8_t header[CS_FRAME_HEADER] = {0xff, 0xff, 0xff, 0xff};

    say_octets(CS_BYTES(header, sizeof(header)), 0);
}

/* A message that there is not, as long as may be. */
static void say_unknown(void)
{
    static uint8_t frame[CS_FRAME_HEADER + CS_FRAME_MAX] = {0, CS_FRAME_MAX >> 16};
    const size_t step = 64 * 1024;

    for (size_t at = 0; at < sizeof(frame); at += step) {
        size_t left = sizeof(frame) - at;

        say_octets(CS_BYTES(frame + at, left < step ? left : step), 0);
        settle();
    }
}

/* Few of them whole: each of these is compared with all that there are. */
static void report_tokens(uint32_t n_whole)
{
    for (uint32_t slot = 0; slot <= CS_LIMIT_TOKENS_PER_HOST; slot++) {
        report_token(slot + 100, slot < n_whole);
        if (slot % 64 == 63)
            settle();
    }
}

static void report_objects(void)
{
    const struct cs_host_object object = {
        .slot = 100, .object_class = CS_HOST_PRIVATE_KEY, .key_type = CS_KEY_EC};
    struct cs_buf body = CS_BUF_INIT(4096);

    report_token(100, false);
    cs_host_object_put(&body, &object);
    for (size_t i = 0; i <= CS_LIMIT_OBJECTS_PER_TOKEN; i++) {
        say(CS_HOST_OBJECT, 0, cs_buf_bytes(&body), 0);
        if (i % 64 == 63)
            settle();
    }
    cs_buf_deinit(&body);
}

static void overdo(uint8_t how)
{
    settle();
    if (verdict != FINE || !is_up())
        return;
    verdict = ANY; /* meanwhile */
    if (how % 8 == 0)
        say_too_long();
    else if (how % 8 == 1)
        say_unknown();
    else if (how % 8 == 2)
        report_objects();
    else
        report_tokens(how % 16);
    verdict = BROKEN;
}

/* The agent does something to a question. */
static void disturb(uint8_t which, uint8_t how)
{
    struct question *question = &questions[which % QUESTIONS_MAX];

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
    question->job = NULL;
    question->given_up = true;
}

/* Some that wait to be sent, and one that is too long. */
static size_t choose_size(uint8_t n)
{
    if (n < 0xf8)
        return n;
    return n < 0xff ? (n & 7) * CS_LIMIT_OUTPUT_PAUSE : CS_FRAME_MAX;
}

static void ask_something(struct fuzz_input *input)
{
    uint8_t how = fuzz_next(input), next = fuzz_next(input), size = fuzz_next(input);

    if (n_questions == QUESTIONS_MAX)
        return;
    ask(&questions[n_questions], how, choose_size(size));
    questions[n_questions++].next = next;
}

/* Silence in which only the clock goes on. */
static void be_silent(uint8_t how)
{
    if (how >= 0xc0) /* the machine slept */
        wait_seconds(how);
    else
        for (unsigned i = 0; i <= how % 8u; i++)
            wait_seconds(1);
}

/* The process of the host, not its words. */
static void misbehave(uint8_t how)
{
    switch (how % 8) {
    case 0:
    case 1:
        fake_process_end(how);
        break;
    case 2:
        fake_process_hang_up();
        break;
    case 3:
        if (fake_process.fd >= 0)
            shutdown(fake_process.fd, how & 8 ? SHUT_RD : SHUT_WR);
        break;
    case 4:
        fake_process.stubborn = !fake_process.stubborn;
        return;
    case 5:
        fake_process.absent = !fake_process.absent;
        return;
    case 6:
        be_silent(how);
        return;
    default:
        stop_host();
        return;
    }
    judge(ANY);
}

static void one(struct fuzz_input *input)
{
    uint8_t what = fuzz_next(input);

    switch (what % 10) {
    case 0:
    case 1:
        ask_something(input);
        break;
    case 2:
    case 3:
        answer(input);
        break;
    case 4:
        report(input);
        break;
    case 5:
        say_something(input);
        break;
    case 6:
        disturb(fuzz_next(input), fuzz_next(input));
        break;
    case 7:
        misbehave(fuzz_next(input));
        break;
    case 8:
        if (what < 0x20)
            overdo(fuzz_next(input));
        else
            eager = fuzz_next(input);
        break;
    default:
        settle();
    }
}

/* The end */

static bool is_anything_open(void)
{
    for (size_t i = 0; i < n_questions; i++)
        if (questions[i].job)
            return true;
    return false;
}

/* Of a host that says nothing any more. */
static void check_deadlines(void)
{
    eager = 0;
    for (size_t i = 0; i < n_questions; i++)
        questions[i].next = 0;
    for (int i = 0; i < HANG_UP || is_anything_open(); i++) {
        FUZZ_CHECK(i < TIMEOUT + PERSON_MAX + 4);
        wait_seconds(1);
        check();
    }
    FUZZ_CHECK(stopping || fake_process.fd >= 0 || !fake_process.alive || fake_process.killed);
}

static void end(void)
{
    fake_process.stubborn = false;
    if (fake_process.killed)
        fake_process_end(-9);
    stop_host();
    for (int i = 0; cs_host_get_state(host) != CS_HOST_STATE_STOPPED; i++) {
        FUZZ_CHECK(i < 6);
        wait_seconds(1);
    }
    check();
    FUZZ_CHECK(!fake_process.alive && inventory.n_tokens == 0);
    cs_host_free(host);
    turn();
    turn();
    FUZZ_CHECK(!uv_loop_alive(&loop));
    fake_process_hang_up();
    cs_inventory_deinit(&inventory);
}

static void begin(void)
{
    static struct cs_config config = {.module_timeout = TIMEOUT * 1000u};
    static const struct cs_module module = {(char *)"made", (char *)"/made.so", NULL};
    static const struct cs_host_setting setting = {.loop = &loop,
        .program = "/",
        .config = &config,
        .prompt_program = "/",
        .inventory = &inventory,
        .audit = &audit,
        .changed = on_changed};

    fake_process = (struct fake_process){.fd = -1};
    stopping = false;
    eager = 0;
    n_questions = 0;
    life = 0;
    memset(questions, 0, sizeof(questions));
    cs_inventory_init(&inventory);
    FUZZ_CHECK(cs_host_new(&setting, &module, 0, &host) == 0);
    cs_host_start(host);
    look_for_new_life();
}

static void start(void)
{
    static uv_async_t first; /* with it the loop gets a descriptor for all that come later */

    FUZZ_CHECK(uv_loop_init(&loop) == 0 && uv_async_init(&loop, &first, NULL) == 0);
    uv_close((uv_handle_t *)&first, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    cs_log_init(on_log, CS_LOG_DEBUG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct fuzz_input input = {data, size};
    int open_before;

    if (!started)
        start();
    started = true;
    open_before = fuzz_count_descriptors();
    begin();
    while (input.left > 0)
        one(&input);
    settle();
    check_deadlines();
    end();
    FUZZ_CHECK(fuzz_count_descriptors() == open_before);
    return 0;
}
