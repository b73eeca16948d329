/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked is written down as for a real prompt, and must be fit to be read there. */
#include "fake-question.h"
#include "consent/question.h"
#include "fuzz.h"
#include "text.h"

#include <countersign/error.h>

struct cs_question {
    cs_question_done *done;
    void *user;
};

static struct cs_question *asked; /* one at a time */
static bool absent;               /* the prompt does not start */

static void check_request(const struct cs_prompt_request *request)
{
    struct cs_buf buf = CS_BUF_INIT(CS_PROMPT_REQUEST_MAX);
    struct cs_prompt_request heard;

    cs_prompt_request_put(&buf, request);
    FUZZ_CHECK(buf.error == 0);
    FUZZ_CHECK(cs_prompt_request_get(cs_buf_bytes(&buf), &heard) == 0);
    FUZZ_CHECK(heard.kind == CS_PROMPT_CONSENT && heard.environment.n == request->environment.n);
    FUZZ_CHECK(cs_text_is_clean(heard.token) && cs_text_is_clean(heard.program));
    FUZZ_CHECK(cs_text_is_clean(heard.key) && cs_text_is_clean(heard.host));
    FUZZ_CHECK(cs_text_is_clean(heard.certificate) && cs_text_is_clean(heard.command));
    cs_buf_deinit(&buf);
}

int cs_question_ask(uv_loop_t *loop, const char *program, const struct cs_prompt_request *request,
    cs_question_done *done, void *user, struct cs_question **questionp, struct cs_fault *fault)
{
    (void)loop, (void)program;
    FUZZ_CHECK(!asked);
    check_request(request);
    if (absent) {
        absent = false;
        return cs_fail(fault, CS_ERR_LOCKED, "it does not start");
    }
    asked = calloc(1, sizeof(*asked));
    FUZZ_CHECK(asked);
    asked->done = done;
    asked->user = user;
    *questionp = asked;
    return 0;
}

void cs_question_withdraw(struct cs_question *question)
{
    FUZZ_CHECK(question == asked);
    free(asked);
    asked = NULL;
}

/* The next question may come from within. */
bool fake_question_answer(uint8_t how)
{
    static const int codes[] = {0, 0, CS_ERR_DENIED, CS_ERR_TIMEOUT, CS_ERR_LOCKED};
    size_t n = how % (sizeof(codes) / sizeof(codes[0]));
    struct cs_question *question = asked;

    absent = question && how >= 0x80;
    asked = NULL;
    if (question)
        question->done(question->user, codes[n], n == 1, n == 4 ? "no display" : "");
    free(question);
    absent = false;
    return question != NULL;
}
