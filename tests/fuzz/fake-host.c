/* SPDX-License-Identifier: Apache-2.0 */
/* A token host that runs and settles at once, until it fails. Jobs wait until they are answered. */
#include "fake-host.h"
#include "fuzz.h"
#include "hosts/job.h"
#include "hosts/report.h"

#include <countersign/error.h>
#include <unistd.h>

struct cs_host {
    const struct cs_module *module;
    bool down;
    struct cs_jobs jobs;
    struct cs_reports reports;
};

int cs_host_new(const struct cs_host_setting *setting, const struct cs_module *module,
    unsigned order, struct cs_host **hostp)
{
    struct cs_host *host = calloc(1, sizeof(*host));

    FUZZ_CHECK(host);
    host->module = module;
    host->reports = (struct cs_reports){
        .host = host, .module = module->name, .order = order, .inventory = setting->inventory};
    cs_jobs_init(&host->jobs);
    *hostp = host;
    return 0;
}

void cs_host_free(struct cs_host *host)
{
    cs_memory_deinit(&host->reports.memory);
    free(host);
}

void cs_host_start(struct cs_host *host)
{
    (void)host;
}

void cs_host_stop(struct cs_host *host)
{
    (void)host;
}

enum cs_host_state cs_host_get_state(const struct cs_host *host)
{
    return host->down ? CS_HOST_STATE_FAILED : CS_HOST_STATE_RUNNING;
}

bool cs_host_is_settled(const struct cs_host *host)
{
    return !host->down;
}

int cs_host_say_failed(const struct cs_host *host, struct cs_fault *fault)
{
    return cs_fail(fault, CS_ERR_MODULE_FAILED, "module '%s' failed", host->module->name);
}

void cs_host_recall(
    struct cs_host *host, const struct cs_token *token, struct cs_host_login_request *m)
{
    cs_memory_recall(&host->reports.memory, token, m);
}

bool cs_host_is_awaited(const struct cs_host *host)
{
    (void)host;
    return false;
}

bool cs_host_has_run(const struct cs_host *host)
{
    (void)host;
    return true;
}

bool cs_host_is_due(const struct cs_host *host)
{
    (void)host;
    return false;
}

bool cs_host_renew(struct cs_host *host)
{
    (void)host;
    return false;
}

bool cs_host_is_troubled(const struct cs_host *host)
{
    return host->reports.trouble[0] != '\0';
}

const struct cs_token *cs_host_silent_token(const struct cs_host *host)
{
    (void)host;
    return NULL;
}

const char *cs_host_name(const struct cs_host *host)
{
    return host->module->name;
}

void cs_host_describe(const struct cs_host *host, struct cs_msg_module *m)
{
    *m = (struct cs_msg_module){.name = cs_bytes_of(host->module->name),
        .path = cs_bytes_of(host->module->path),
        .state = cs_bytes_of(host->down ? "failed" : "running")};
}

static void close_given(int fd)
{
    FUZZ_CHECK(fd < 0 || close(fd) == 0);
}

/* The question is written down as for a real host, so what cannot be written is found here too. */
int cs_host_ask(struct cs_host *host, const struct cs_host_question *question, cs_job_done *done,
    void *user, struct cs_job **jobp)
{
    struct cs_buf frame = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);
    struct cs_job *job;

    for (size_t i = 0; question->fds && i < 2; i++)
        close_given(question->fds[i]);
    if (!question->fds)
        close_given(question->fd);
    if (host->down)
        return CS_ERR_MODULE_FAILED;
    job = cs_jobs_add(&host->jobs, NULL);
    FUZZ_CHECK(job && cs_job_put(job, question, &frame) == 0);
    cs_buf_deinit(&frame);
    job->done = done;
    job->user = user;
    *jobp = job;
    return 0;
}

void cs_job_cancel(struct cs_job *job)
{
    job->cancelled = true;
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

void fake_host_report(struct cs_host *host, struct cs_bytes frames)
{
    struct cs_frame frame;
    size_t taken = 0;

    while (cs_frame_parse(frames, &frame, &taken) == 1) {
        FUZZ_CHECK(cs_reports_take(&host->reports, &frame) == 0);
        frames = CS_BYTES(frames.data + taken, frames.len - taken);
    }
    FUZZ_CHECK(frames.len == 0);
}

void fake_host_set_up(struct cs_host *host, bool up)
{
    host->down = !up;
    if (up)
        return;
    cs_reports_drop(&host->reports);
    cs_jobs_fail(&host->jobs, CS_ERR_MODULE_FAILED, "module 'made' failed");
}

bool fake_host_answer(struct cs_host *host, int code)
{
    static const uint8_t signature[70] = {0x30};
    struct cs_job *job = TAILQ_FIRST(&host->jobs.list);
    struct cs_answer answer = {.code = code, .text = code < 0 ? cs_error_text(code) : ""};

    if (!job)
        return false;
    if (job->cancelled)
        answer.code = CS_ERR_CANCELLED;
    else if (code == 0 && job->type == CS_HOST_SIGN)
        answer.signature = CS_BYTES(signature, sizeof(signature));
    cs_jobs_answer(&host->jobs, job, &answer);
    return true;
}
