/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of one token host. A job stays here until the host answers it or is gone, even if nobody
 * waits for the answer any more: an answer to anything else breaks the rules. Used by
 * host-talk.c.
 */
#include "hosts/job.h"

#include <countersign/error.h>
#include <stdlib.h>

void cs_jobs_init(struct cs_jobs *jobs)
{
    *jobs = (struct cs_jobs){0};
    TAILQ_INIT(&jobs->list);
}

struct cs_job *cs_jobs_add(struct cs_jobs *jobs, struct cs_host_talk *talk)
{
    struct cs_job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    do /* 0 is for reports, and a number in use stays with its job */
        jobs->last_id++;
    while (jobs->last_id == 0 || cs_jobs_find(jobs, jobs->last_id));
    job->id = jobs->last_id;
    job->talk = talk;
    TAILQ_INSERT_TAIL(&jobs->list, job, link);
    return job;
}

int cs_job_put(struct cs_job *job, const struct cs_host_question *question, struct cs_buf *buf)
{
    size_t at = cs_frame_begin(buf, (uint16_t)question->type, job->id);

    job->type = question->type;
    job->at_reader = question->at_reader;
    job->asks_person = question->person_time > 0;
    switch (question->type) {
    case CS_HOST_SIGN:
        job->slot = question->sign->slot;
        cs_host_sign_put(buf, question->sign);
        break;
    case CS_HOST_LOGIN:
    case CS_HOST_PIN_CHANGE:
        cs_host_login_put(buf, question->login);
        break;
    case CS_HOST_LOGOUT:
        cs_host_logout_put(buf, question->logout);
        break;
    case CS_HOST_REFRESH:
        break;
    default:
        return CS_ERR_INVALID;
    }
    return cs_frame_end(buf, at);
}

struct cs_job *cs_jobs_find(const struct cs_jobs *jobs, uint32_t id)
{
    struct cs_job *job;

    TAILQ_FOREACH(job, &jobs->list, link)
    if (job->id == id)
        break;
    return job;
}

bool cs_jobs_is_empty(const struct cs_jobs *jobs)
{
    return TAILQ_EMPTY(&jobs->list);
}

void cs_jobs_note_answer(struct cs_jobs *jobs, const struct cs_job *job, uint64_t now)
{
    struct cs_job *before = TAILQ_FIRST(&jobs->list);

    if (job->cancelled)
        return;
    jobs->last_answer = now;
    for (; before != job; before = TAILQ_NEXT(before, link))
        if (before->overtaken == 0)
            before->overtaken = now;
}

void cs_jobs_answer(struct cs_jobs *jobs, struct cs_job *job, const struct cs_answer *answer)
{
    cs_job_done *done = job->done;
    void *user = job->user;

    TAILQ_REMOVE(&jobs->list, job, link);
    free(job);
    if (done)
        done(user, answer);
}

void cs_jobs_fail(struct cs_jobs *jobs, int code, const char *text)
{
    const struct cs_answer answer = {.code = code, .text = text};
    struct cs_job *job;

    while ((job = TAILQ_FIRST(&jobs->list)))
        cs_jobs_answer(jobs, job, &answer);
}

/* How long the host has answered nothing while it was to do this. */
static uint64_t silence(const struct cs_jobs *jobs, const struct cs_job *job, uint64_t now)
{
    return now - (job->asked > jobs->last_answer ? job->asked : jobs->last_answer);
}

const struct cs_job *cs_jobs_silent(const struct cs_jobs *jobs, uint64_t now)
{
    const struct cs_job *job;

    if (now - jobs->last_answer <
        CS_LIMIT_SILENCE_TIME) /* as nearly always, and asked every turn */
        return NULL;
    TAILQ_FOREACH(job, &jobs->list, link)
    if (job->type == CS_HOST_SIGN && !job->asks_person && !job->cancelled &&
        silence(jobs, job, now) >= CS_LIMIT_SILENCE_TIME)
        break;
    return job;
}

/* How long others may have to wait for a person at a keypad: a call to the module lasts as long. */
static uint64_t reader_limit(const struct cs_jobs *jobs)
{
    const struct cs_job *job;
    uint64_t limit = 0;

    TAILQ_FOREACH(job, &jobs->list, link)
    if (job->at_reader && job->limit > limit)
        limit = job->limit;
    return limit;
}

/* A queue that moves is no hang; but no job may be overtaken for ever. */
const struct cs_job *cs_jobs_overdue(const struct cs_jobs *jobs, uint64_t now)
{
    uint64_t at_reader = reader_limit(jobs);
    const struct cs_job *job;

    TAILQ_FOREACH(job, &jobs->list, link)
    {
        uint64_t limit = job->limit > at_reader ? job->limit : at_reader;

        if (silence(jobs, job, now) > limit ||
            (job->overtaken && now - job->overtaken > limit * CS_LIMIT_JOB_TIME_FACTOR))
            return job;
    }
    return NULL;
}
