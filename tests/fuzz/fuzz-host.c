/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/hosts/host: a token host that answers what it was not asked, twice, too late or not at all,
 * breaks the framing, sends descriptors, hangs up, dies or will not die. Each question is answered
 * once; a host that broke a rule is given up with a sentence, one that broke none is not; nothing
 * is left of either. The agent's end of the talk is the real one; the process is ours, and so is
 * the clock. The input is a row of choices.
 */
#include "fuzz.h"

#include "fake-process.h"
#include "host-excess.h"
#include "host-life.h"
#include "host-question.h"
#include "limit.h"
#include "octets.h"
#include "token-host/host-message.h"

#include <countersign/error.h>
#include <sys/socket.h>

/* One that has hung up is killed by then; one that is to make room for another later. */
#define HANG_UP 2
#define RENEWED 4

/* What the host says */

static size_t choose_descriptors(uint8_t n)
{
    return n < 0xc0 ? 0 : n % (FUZZ_DESCRIPTORS_MAX + 1);
}

/* To a question, or to one that there is not. */
static void answer(struct fuzz_input *input)
{
    uint8_t which = fuzz_next(input), how = fuzz_next(input), code = fuzz_next(input);
    struct host_question *question = host_question_get(which);
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
    host_life_say(type, id, cs_buf_bytes(&body), choose_descriptors(how));
    cs_buf_deinit(&body);
    host_life_judge(good ? HOST_FINE : HOST_BROKEN);
    if (good && known && host_life.verdict == HOST_FINE) {
        question->answered = true;
        question->code = type == CS_HOST_FAILED ? cs_error_from_wire((unsigned)-failed.code) : 0;
    }
}

/* As it should be, if it may come now. */
static void report(struct fuzz_input *input)
{
    uint8_t what = fuzz_next(input), how = fuzz_next(input);
    struct cs_bytes text = fuzz_octets(input);
    bool good = how < 0xf0 && cs_bytes_is_string(text), was_reported = host_life.reported;
    uint32_t id = how < 0xf0 ? 0 : how;
    struct cs_buf body = CS_BUF_INIT(8192);
    uint16_t type;

    switch (what % 6) {
    case 0:
        type = CS_HOST_READY;
        cs_host_ready_put(&body, &(struct cs_host_ready){.manufacturer = text});
        good = how < 0xf0 && !host_life.loaded;
        host_life.loaded |= good;
        break;
    case 1:
        type = CS_HOST_SCANNED;
        good = how < 0xf0 && !host_life.scanned;
        host_life.scanned |= good;
        break;
    case 2:
        type = CS_HOST_PIN_REFUSED;
        cs_host_refused_put(&body, &(struct cs_host_refused){.slot = what / 6,
                                       .known = how >> 7,
                                       .failed = {.code = CS_ERR_PIN_INCORRECT, .text = text}});
        if (how & 1) {
            static const uint8_t source[CS_HOST_SOURCE_SIZE];

            type = CS_HOST_PIN_TRIED;
            cs_buf_reset(&body);
            cs_host_tried_put(&body, &(struct cs_host_tried){.slot = what / 6,
                                         .source = CS_BYTES(source, sizeof(source))});
            good = how < 0xf0;
        } else if (how & 2) {
            type = CS_HOST_TROUBLE;
            cs_buf_reset(&body);
            cs_host_trouble_put(&body, &(struct cs_host_trouble){text});
        }
        break;
    case 3:
        type = CS_HOST_TOKEN_GONE;
        cs_host_number_put(&body, HOST_QUESTION_SLOT);
        good = how < 0xf0 && was_reported;
        host_life.reported &= !good;
        break;
    case 4:
        type = CS_HOST_TOKEN_STATE;
        cs_host_token_state_put(&body,
            &(struct cs_host_token_state){.slot = HOST_QUESTION_SLOT, .flags = how, .why = text});
        good &= was_reported;
        break;
    default:
        host_life_say_token(HOST_QUESTION_SLOT, true);
        host_life.reported = true;
        return;
    }
    host_life_say(type, id, cs_buf_bytes(&body), choose_descriptors(how));
    cs_buf_deinit(&body);
    host_life_judge(good ? HOST_FINE : HOST_BROKEN);
}

/* Whatever the input holds. */
static void say_something(struct fuzz_input *input)
{
    uint8_t how = fuzz_next(input);
    uint16_t type = 0x0180 | fuzz_next(input) % 0x20;
    struct cs_bytes octets = fuzz_octets(input);

    if (how & 1)
        host_life_say_octets(octets, choose_descriptors(how));
    else
        host_life_say(type, how & 2 ? (uint32_t)(how >> 4) : 0, octets, choose_descriptors(how));
    host_life_judge(HOST_ANY);
}

/* What the agent does */

/* Some that wait to be sent, and one that is too long. */
static size_t choose_size(uint8_t n)
{
    if (n < 0xf8)
        return n;
    return n < 0xff ? (n & 7) * CS_LIMIT_OUTPUT_PAUSE : CS_FRAME_MAX;
}

static void ask(struct fuzz_input *input)
{
    uint8_t how = fuzz_next(input), next = fuzz_next(input), size = fuzz_next(input);

    host_question_ask(how, next, choose_size(size));
}

static void disturb(struct fuzz_input *input)
{
    uint8_t which = fuzz_next(input), how = fuzz_next(input);

    host_question_disturb(which, how);
}

/* The process of the host, not its words */

/* Silence in which only the clock goes on. */
static void be_silent(uint8_t how)
{
    if (how >= 0xc0) /* the machine slept */
        host_life_wait(how);
    else
        for (unsigned i = 0; i <= how % 8u; i++)
            host_life_wait(1);
}

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
        if (how & 8)
            host_life_renew();
        else
            host_life_stop();
        return;
    }
    host_life_judge(HOST_ANY);
}

static void settle(void)
{
    host_life_settle();
    host_question_check();
}

static void one(struct fuzz_input *input)
{
    uint8_t what = fuzz_next(input);

    switch (what % 10) {
    case 0:
    case 1:
        ask(input);
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
        disturb(input);
        break;
    case 7:
        misbehave(fuzz_next(input));
        break;
    case 8:
        if (what < 0x20)
            host_excess(fuzz_next(input));
        else
            host_question_ask_eagerly(fuzz_next(input));
        break;
    default:
        settle();
    }
}

/* Of a host that says nothing any more. */
static void check_deadlines(void)
{
    const int end = host_life.renewing ? RENEWED : HANG_UP;

    host_question_calm();
    for (int i = 0; i < end || host_question_is_any_open(); i++) {
        FUZZ_CHECK(i < HOST_TIMEOUT + HOST_QUESTION_PERSON + 4);
        host_life_wait(1);
        host_life_check();
        host_question_check();
    }
    FUZZ_CHECK(
        host_life.stopping || fake_process.fd >= 0 || !fake_process.alive || fake_process.killed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};

    host_question_begin();
    host_life_begin(host_question_on_changed);
    while (input.left > 0)
        one(&input);
    settle();
    check_deadlines();
    host_life_end();
    return 0;
}
