/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token host says is read strictly: whatever breaks the rules ends the talk, and with it the
 * host. Used by host.c.
 */
#include "hosts/host-talk.h"
#include "base/error.h"
#include "base/log.h"
#include "base/renewed.h"

#include <countersign/error.h>
#include <stdio.h>

/* What it says */

static int take_ready(struct cs_host_talk *talk, struct cs_bytes body)
{
    struct cs_host_ready m;
    char manufacturer[CS_TEXT_MAX], description[CS_TEXT_MAX];

    if (talk->loaded || cs_host_ready_get(body, &m) < 0)
        return CS_ERR_PROTOCOL;
    talk->loaded = true;
    cs_info("module '%s' is loaded: %s, %s", talk->reports.module,
        cs_text_clean(m.description, description, sizeof(description)),
        cs_text_clean(m.manufacturer, manufacturer, sizeof(manufacturer)));
    return 0;
}

static int take_scanned(struct cs_host_talk *talk, struct cs_bytes body)
{
    if (body.len > 0 || talk->scanned)
        return CS_ERR_PROTOCOL;
    talk->scanned = true;
    talk->on->scanned(talk->user);
    return 0;
}

static int take_signed(struct cs_host_talk *talk, struct cs_job *job, struct cs_bytes body)
{
    struct cs_msg_signed m;
    struct cs_answer answer = {.text = ""};

    if (!job || job->type != CS_HOST_SIGN || cs_msg_signed_get(body, &m) < 0)
        return CS_ERR_PROTOCOL;
    answer.signature = m.signature;
    cs_jobs_answer(&talk->jobs, job, &answer);
    return 0;
}

static int take_done(struct cs_host_talk *talk, struct cs_job *job, struct cs_bytes body)
{
    const struct cs_answer answer = {.text = ""};

    if (!job || job->type == CS_HOST_SIGN || body.len > 0)
        return CS_ERR_PROTOCOL;
    cs_jobs_answer(&talk->jobs, job, &answer);
    return 0;
}

/* With id 0: why it is about to give up. */
static int take_failed(
    struct cs_host_talk *talk, uint32_t id, struct cs_job *job, struct cs_bytes body)
{
    struct cs_host_failed m;
    struct cs_answer answer;
    char text[1024];

    if (cs_host_failed_get(body, &m) < 0 || (!job && id != 0))
        return CS_ERR_PROTOCOL;
    cs_text_clean(m.text, text, sizeof(text));
    if (!job) {
        talk->on->explained(talk->user, cs_bytes_of(text[0] ? text : cs_error_text(m.code)));
        return 0;
    }
    answer = (struct cs_answer){.code = cs_error_from_wire((unsigned)-m.code)};
    answer.text = text[0] ? text : cs_error_text(answer.code);
    cs_jobs_answer(&talk->jobs, job, &answer);
    return 0;
}

/* NULL if it has gone meanwhile: its host remembers of it what there is. */
static const struct cs_token *token_in(const struct cs_host_talk *talk, uint32_t slot)
{
    return cs_inventory_token(talk->setting->inventory, talk->reports.host, slot);
}

static int take_refused(struct cs_host_talk *talk, struct cs_bytes body)
{
    const struct cs_token *token;
    struct cs_host_refused m;
    char text[1024];

    if (cs_host_refused_get(body, &m) < 0)
        return CS_ERR_PROTOCOL;
    cs_text_clean(m.failed.text, text, sizeof(text));
    cs_audit_note(talk->setting->audit, "pin-refused", NULL, text);
    token = token_in(talk, m.slot);
    if (token && m.known)
        cs_memory_refuse(&talk->reports.memory, token);
    return 0;
}

static int take_tried(struct cs_host_talk *talk, struct cs_bytes body)
{
    const struct cs_token *token;
    struct cs_host_tried m;

    if (cs_host_tried_get(body, &m) < 0)
        return CS_ERR_PROTOCOL;
    token = token_in(talk, m.slot);
    if (token)
        cs_memory_try(&talk->reports.memory, token, m.source);
    return 0;
}

static int take_trouble(struct cs_host_talk *talk, const struct cs_frame *frame)
{
    int r = cs_reports_take(&talk->reports, frame);

    if (r == 0)
        talk->on->troubled(talk->user);
    return r;
}

static int take_frame(struct cs_host_talk *talk, const struct cs_frame *frame)
{
    struct cs_job *job = cs_jobs_find(&talk->jobs, frame->id);
    bool answer = frame->type == CS_HOST_SIGNED || frame->type == CS_HOST_DONE ||
                  frame->type == CS_HOST_FAILED;

    if (answer && job)
        cs_jobs_note_answer(&talk->jobs, job, uv_now(talk->setting->loop));
    else if (!answer && frame->id != 0)
        return CS_ERR_PROTOCOL;
    switch (frame->type) {
    case CS_HOST_SIGNED:
        return take_signed(talk, job, frame->body);
    case CS_HOST_DONE:
        return take_done(talk, job, frame->body);
    case CS_HOST_FAILED:
        return take_failed(talk, frame->id, job, frame->body);
    case CS_HOST_READY:
        return take_ready(talk, frame->body);
    case CS_HOST_SCANNED:
        return take_scanned(talk, frame->body);
    case CS_HOST_PIN_REFUSED:
        return take_refused(talk, frame->body);
    case CS_HOST_PIN_TRIED:
        return take_tried(talk, frame->body);
    case CS_HOST_TROUBLE:
        return take_trouble(talk, frame);
    default:
        return cs_reports_take(&talk->reports, frame);
    }
}

static void on_frame(void *user, const struct cs_frame *frame)
{
    struct cs_host_talk *talk = user;
    int r = take_frame(talk, frame);
    char why[CS_TEXT_MAX];

    if (r == 0)
        return;
    snprintf(why, sizeof(why), "its host broke the rules with message %#x (%s)%s", frame->type,
        cs_error_text(r), cs_renewed_hint());
    talk->on->broken(talk->user, why);
}

static void on_end(void *user, int code)
{
    struct cs_host_talk *talk = user;

    if (code < 0 && code != CS_ERR_CLOSED) {
        char why[CS_TEXT_MAX];

        snprintf(why, sizeof(why), "its host broke the framing%s", cs_renewed_hint());
        talk->on->broken(talk->user, why);
        return;
    }
    cs_channel_close(&talk->channel);
    talk->on->ended(talk->user);
}

static void on_channel_closed(void *user)
{
    struct cs_host_talk *talk = user;

    talk->open = false;
    talk->on->closed(talk->user);
}

static const struct cs_channel_events channel_events = {
    .frame = on_frame,
    .end = on_end,
    .closed = on_channel_closed,
};

/* From its start to its end */

void cs_host_talk_init(struct cs_host_talk *talk, const struct cs_host_setting *setting,
    const struct cs_reports *reports, const struct cs_host_talk_events *events, void *user)
{
    *talk =
        (struct cs_host_talk){.setting = setting, .on = events, .user = user, .reports = *reports};
    cs_jobs_init(&talk->jobs);
}

void cs_host_talk_deinit(struct cs_host_talk *talk)
{
    cs_memory_deinit(&talk->reports.memory);
}

static void configure(struct cs_host_talk *talk)
{
    const struct cs_host_setting *setting = talk->setting;
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);

    if (cs_config_put(setting->config, setting->prompt_program, &buf) < 0)
        cs_error("module '%s' cannot be told how to log in: the configuration is too large",
            talk->reports.module);
    cs_channel_send(&talk->channel, cs_buf_bytes(&buf), -1);
}

int cs_host_talk_start(struct cs_host_talk *talk, int fd)
{
    int r = cs_channel_init(&talk->channel, talk->setting->loop, fd, CS_LIMIT_HOST_OUTPUT,
        CS_LIMIT_HOST_OUTPUT, &channel_events, talk);

    if (r < 0)
        return r;
    talk->open = true;
    talk->loaded = talk->scanned = false;
    talk->reports.memory.life++;
    configure(talk);
    return 0;
}

void cs_host_talk_close(struct cs_host_talk *talk)
{
    if (talk->open)
        cs_channel_close(&talk->channel);
}

/* What it is asked */

/* Also if the host ends over it. */
static void note_hold(struct cs_host_talk *talk, const struct cs_host_question *question)
{
    const struct cs_token *token;

    if (question->type != CS_HOST_LOGOUT || !question->logout->hold)
        return;
    token = token_in(talk, question->logout->slot);
    if (token)
        cs_memory_hold(&talk->reports.memory, token);
}

int cs_host_talk_ask(struct cs_host_talk *talk, const struct cs_host_question *question,
    const int *fds, size_t n_fds, struct cs_job **jobp)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);
    struct cs_job *job = cs_jobs_add(&talk->jobs, talk);
    int r;

    if (!job)
        return CS_ERR_MEMORY;
    r = cs_job_put(job, question, &buf);
    if (r < 0) {
        cs_jobs_answer(&talk->jobs, job, NULL);
        return r;
    }
    note_hold(talk, question);
    job->asked = uv_now(talk->setting->loop);
    job->limit = talk->setting->config->module_timeout + question->person_time;
    cs_channel_send_with(&talk->channel, cs_buf_bytes(&buf), fds, n_fds);
    *jobp = job;
    return 0;
}

void cs_job_cancel(struct cs_job *job)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(64);
    size_t at;

    if (job->cancelled || !job->talk->open)
        return;
    job->cancelled = true;
    at = cs_frame_begin(&buf, CS_HOST_CANCEL, 0);
    cs_host_number_put(&buf, job->id);
    if (cs_frame_end(&buf, at) == 0)
        cs_channel_send(&job->talk->channel, cs_buf_bytes(&buf), -1);
}

void cs_job_forget(struct cs_job *job)
{
    job->done = NULL;
}

void cs_job_abandon(struct cs_job *job)
{
    cs_job_forget(job);
    cs_job_cancel(job);
}
