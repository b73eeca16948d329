/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token host. It runs the vendor's code, so everything it does is expected of it: it may die,
 * hang, or say what it should not. Then it is killed with all it started, reaped, its jobs fail,
 * its tokens vanish, and it is started anew after a delay that grows. Invariant: a new process is
 * started only when the one before is reaped and its socket closed. The supervisor owns all hosts.
 */
#include "hosts/host.h"
#include "hosts/host-process.h"
#include "hosts/job.h"
#include "hosts/report.h"
#include "base/error.h"
#include "base/log.h"
#include "base/renewed.h"
#include "talk.h"

#include <countersign/error.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define TICK 1000 /* how often deadlines are looked at while there are any */
#define LATE (3 * TICK)

struct cs_host {
    const struct cs_host_setting *setting;
    const struct cs_module *module;
    enum cs_host_state state;
    bool stopping;
    bool settled;
    bool awaited;          /* see cs_host_is_awaited */
    uint64_t settle_until; /* clients wait for the first scan until then */
    uint64_t started;
    struct cs_host_process process;
    struct cs_channel channel;
    bool channel_open;
    uv_timer_t restart; /* or, while the process lives, its end */
    uv_timer_t tick;
    uint64_t ticked;
    struct cs_jobs jobs;
    struct cs_reports reports;
    uint32_t restarts;
    unsigned delay; /* before the next start */
    bool explained; /* error is why this life of it ended */
    bool loaded;    /* it has said so */
    char error[CS_TEXT_MAX];
};

static void start(struct cs_host *host);
static void fail(struct cs_host *host, const char *why);

static uint64_t now(const struct cs_host *host)
{
    return uv_now(host->setting->loop);
}

static void tell(struct cs_host *host)
{
    host->setting->changed(host->setting->user);
}

/* The life of the process */

static void on_restart(uv_timer_t *timer)
{
    struct cs_host *host = timer->data;

    if (host->process.alive)
        cs_host_process_kill(&host->process);
    else
        start(host);
}

/* What comes after the end: a new start, or nothing more. */
static void go_on(struct cs_host *host)
{
    if (host->process.open || host->channel_open)
        return;
    if (host->stopping) {
        host->state = CS_HOST_STATE_STOPPED;
        uv_timer_stop(&host->restart);
        tell(host);
        return;
    }
    uv_timer_start(&host->restart, on_restart, host->delay, 0);
}

/* The first delay is short, for a module that died of one bad call; then they grow. */
static void grow_delay(struct cs_host *host)
{
    bool healthy = host->state == CS_HOST_STATE_RUNNING &&
                   now(host) - host->started > CS_LIMIT_HOST_HEALTHY_TIME;

    if (host->delay == 0 || healthy)
        host->delay = CS_LIMIT_RESTART_DELAY_FIRST;
    else if (host->delay < CS_LIMIT_RESTART_DELAY_SECOND)
        host->delay = CS_LIMIT_RESTART_DELAY_SECOND;
    else if (host->delay < CS_LIMIT_RESTART_DELAY_MAX / 2)
        host->delay *= 2;
    else
        host->delay = CS_LIMIT_RESTART_DELAY_MAX;
}

/* The reason that came first is the one to tell, until the next life has one of its own. */
static void explain(struct cs_host *host, struct cs_bytes why)
{
    if (!host->explained)
        cs_text_clean(why, host->error, sizeof(host->error));
    host->explained = true;
}

/* Ends this life of the host, once. */
static void fail(struct cs_host *host, const char *why)
{
    struct cs_fault fault = {0};
    bool was_running = host->state == CS_HOST_STATE_RUNNING;

    if (host->state != CS_HOST_STATE_STARTING && !was_running)
        return;
    grow_delay(host);
    host->state = CS_HOST_STATE_FAILED;
    explain(host, cs_bytes_of(why));
    if (!host->stopping)
        cs_warn("module '%s' failed: %s; next start in %u ms", host->module->name, host->error,
            host->delay);
    /* Clients wait for a host that comes back at once, not for one that keeps failing. */
    if (was_running)
        host->settle_until = now(host) + CS_LIMIT_FIRST_SCAN_TIME;
    host->settled = host->stopping || host->delay > CS_LIMIT_RESTART_DELAY_FIRST;
    host->awaited = !host->stopping && (was_running || host->awaited) &&
                    now(host) + host->delay < host->settle_until;
    cs_host_process_kill(&host->process);
    if (host->channel_open)
        cs_channel_close(&host->channel);
    cs_reports_drop(&host->reports);
    cs_jobs_fail(&host->jobs, cs_host_say_failed(host, &fault), fault.text);
    tell(host);
}

/* A module may end its process with any status, but not before it is loaded. */
static void on_process_exit(void *user, int status, const char *why)
{
    struct cs_host *host = user;

    if (status == CS_EXIT_USAGE && !host->loaded)
        why = "its host is of another version" CS_RENEWED_HINT;
    fail(host, why);
}

static void on_process_closed(void *user)
{
    go_on(user);
}

static const struct cs_host_process_events process_events = {
    .exit = on_process_exit,
    .closed = on_process_closed,
};

/* The talk */

static int take_ready(struct cs_host *host, struct cs_bytes body)
{
    struct cs_host_ready m;
    char manufacturer[CS_TEXT_MAX], description[CS_TEXT_MAX];

    if (host->loaded || cs_host_ready_get(body, &m) < 0)
        return CS_ERR_PROTOCOL;
    host->loaded = true;
    cs_info("module '%s' is loaded: %s, %s", host->module->name,
        cs_text_clean(m.description, description, sizeof(description)),
        cs_text_clean(m.manufacturer, manufacturer, sizeof(manufacturer)));
    return 0;
}

static int take_scanned(struct cs_host *host, struct cs_bytes body)
{
    if (body.len > 0 || host->state != CS_HOST_STATE_STARTING)
        return CS_ERR_PROTOCOL;
    host->state = CS_HOST_STATE_RUNNING;
    host->settled = true;
    host->awaited = false;
    host->error[0] = '\0';
    host->explained = false;
    tell(host);
    return 0;
}

static int take_signed(struct cs_host *host, struct cs_job *job, struct cs_bytes body)
{
    struct cs_msg_signed m;
    struct cs_answer answer = {.text = ""};

    if (!job || job->type != CS_HOST_SIGN || cs_msg_signed_get(body, &m) < 0)
        return CS_ERR_PROTOCOL;
    answer.signature = m.signature;
    cs_jobs_answer(&host->jobs, job, &answer);
    return 0;
}

static int take_done(struct cs_host *host, struct cs_job *job, struct cs_bytes body)
{
    const struct cs_answer answer = {.text = ""};

    if (!job || job->type == CS_HOST_SIGN || body.len > 0)
        return CS_ERR_PROTOCOL;
    cs_jobs_answer(&host->jobs, job, &answer);
    return 0;
}

/* With id 0: why it is about to give up. */
static int take_failed(struct cs_host *host, uint32_t id, struct cs_job *job, struct cs_bytes body)
{
    struct cs_host_failed m;
    struct cs_answer answer;
    char text[1024];

    if (cs_host_failed_get(body, &m) < 0 || (!job && id != 0))
        return CS_ERR_PROTOCOL;
    cs_text_clean(m.text, text, sizeof(text));
    if (!job) {
        explain(host, cs_bytes_of(text[0] ? text : cs_error_text(m.code)));
        return 0;
    }
    answer = (struct cs_answer){.code = cs_error_from_wire((unsigned)-m.code)};
    answer.text = text[0] ? text : cs_error_text(answer.code);
    cs_jobs_answer(&host->jobs, job, &answer);
    return 0;
}

static int take_refused(struct cs_host *host, struct cs_bytes body)
{
    struct cs_host_failed m;
    char text[1024];

    if (cs_host_failed_get(body, &m) < 0)
        return CS_ERR_PROTOCOL;
    cs_text_clean(m.text, text, sizeof(text));
    cs_audit_note(host->setting->audit, "pin-refused", NULL, text);
    return 0;
}

/* Of a token that has gone meanwhile its host remembers it. */
static int take_tried(struct cs_host *host, struct cs_bytes body)
{
    const struct cs_token *token;
    struct cs_host_tried m;

    if (cs_host_tried_get(body, &m) < 0)
        return CS_ERR_PROTOCOL;
    token = cs_inventory_token(host->setting->inventory, host, m.slot);
    if (token)
        cs_memory_try(&host->reports.memory, token, m.source);
    return 0;
}

static int take_frame(struct cs_host *host, const struct cs_frame *frame)
{
    struct cs_job *job = cs_jobs_find(&host->jobs, frame->id);
    bool answer = frame->type == CS_HOST_SIGNED || frame->type == CS_HOST_DONE ||
                  frame->type == CS_HOST_FAILED;

    if (answer)
        host->jobs.last_answer = now(host);
    else if (frame->id != 0)
        return CS_ERR_PROTOCOL;
    switch (frame->type) {
    case CS_HOST_SIGNED:
        return take_signed(host, job, frame->body);
    case CS_HOST_DONE:
        return take_done(host, job, frame->body);
    case CS_HOST_FAILED:
        return take_failed(host, frame->id, job, frame->body);
    case CS_HOST_READY:
        return take_ready(host, frame->body);
    case CS_HOST_SCANNED:
        return take_scanned(host, frame->body);
    case CS_HOST_PIN_REFUSED:
        return take_refused(host, frame->body);
    case CS_HOST_PIN_TRIED:
        return take_tried(host, frame->body);
    default:
        return cs_reports_take(&host->reports, frame);
    }
}

static void on_frame(void *user, const struct cs_frame *frame)
{
    struct cs_host *host = user;
    int r = take_frame(host, frame);
    char why[CS_TEXT_MAX];

    if (r == 0)
        return;
    snprintf(why, sizeof(why), "its host broke the rules with message %#x (%s)%s", frame->type,
        cs_error_text(r), cs_renewed_hint());
    fail(host, why);
}

static void on_end(void *user, int code)
{
    struct cs_host *host = user;

    if (code < 0 && code != CS_ERR_CLOSED) {
        char why[CS_TEXT_MAX];

        snprintf(why, sizeof(why), "its host broke the framing%s", cs_renewed_hint());
        fail(host, why);
        return;
    }
    /* The exit status says more, and is about to come; if not, the host is of no use and killed. */
    cs_channel_close(&host->channel);
    uv_timer_start(&host->restart, on_restart, CS_LIMIT_HOST_EXIT_TIME, 0);
}

static void on_channel_closed(void *user)
{
    struct cs_host *host = user;

    host->channel_open = false;
    go_on(host);
}

static const struct cs_channel_events channel_events = {
    .frame = on_frame,
    .end = on_end,
    .closed = on_channel_closed,
};

/* Deadlines are for time in which the agent itself ran. When it was stopped, the host may have
 * answered long ago and not been heard. */
static void forgive_pause(struct cs_host *host)
{
    if (now(host) - host->ticked > LATE)
        host->started = host->jobs.last_answer = now(host);
    host->ticked = now(host);
}

static bool is_waited_for(const struct cs_host *host)
{
    return !host->settled || host->awaited;
}

static void on_tick(uv_timer_t *timer)
{
    struct cs_host *host = timer->data;

    forgive_pause(host);
    if (host->state == CS_HOST_STATE_STARTING &&
        now(host) - host->started > host->setting->config->module_timeout)
        fail(host, "it did not report its tokens in time");
    else if (cs_jobs_overdue(&host->jobs, now(host)))
        fail(host, "it hung");
    else if (is_waited_for(host) && now(host) >= host->settle_until) {
        host->settled = true;
        host->awaited = false;
        tell(host);
    }
    if (host->state != CS_HOST_STATE_STARTING && !is_waited_for(host) &&
        cs_jobs_is_empty(&host->jobs))
        uv_timer_stop(timer);
}

static void start_ticking(struct cs_host *host)
{
    if (uv_is_active((uv_handle_t *)&host->tick))
        return;
    host->ticked = now(host);
    uv_timer_start(&host->tick, on_tick, TICK, TICK);
}

/* The start */

static void configure(struct cs_host *host)
{
    const struct cs_host_setting *setting = host->setting;
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);

    if (cs_config_put(setting->config, setting->prompt_program, &buf) < 0)
        cs_error("module '%s' cannot be told how to log in: the configuration is too large",
            host->module->name);
    cs_channel_send(&host->channel, cs_buf_bytes(&buf), -1);
}

static int spawn(struct cs_host *host, int fd)
{
    char *argv[13] = {(char *)host->setting->program, (char *)"--talk", (char *)CS_TALK_VERSION,
        (char *)"--name", host->module->name, (char *)"--module", host->module->path,
        (char *)"--hot-plug",
        (char *)cs_config_hot_plug(host->setting->config, host->module->name)};
    size_t argc = 9;

    if (host->module->init_args) {
        argv[argc++] = (char *)"--init-args";
        argv[argc++] = host->module->init_args;
    }
    if (host->restarts > 1)
        argv[argc++] = (char *)"--restarted";
    return cs_host_process_start(
        &host->process, host->setting->loop, argv, fd, &process_events, host);
}

static void start(struct cs_host *host)
{
    CS_AUTO(cs_closep) int theirs = -1;
    char why[CS_TEXT_MAX];
    int pair[2];
    int r;

    host->state = CS_HOST_STATE_STARTING;
    host->explained = host->loaded = false;
    host->started = now(host);
    host->reports.memory.life++;
    if (host->restarts++ > 0)
        cs_info("module '%s' is started anew", host->module->name);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        fail(host, strerror(errno));
        go_on(host);
        return;
    }
    theirs = pair[1];
    r = spawn(host, theirs);
    if (r < 0) {
        close(pair[0]);
        snprintf(why, sizeof(why), "cannot run %s: %s%s", host->setting->program, uv_strerror(r),
            cs_renewed_hint());
        fail(host, why);
        return;
    }
    if (cs_channel_init(&host->channel, host->setting->loop, pair[0], CS_LIMIT_HOST_OUTPUT,
            &channel_events, host) < 0) {
        fail(host, "no socket to its host");
        return;
    }
    host->channel_open = true;
    start_ticking(host);
    configure(host);
}

int cs_host_new(const struct cs_host_setting *setting, const struct cs_module *module,
    unsigned order, struct cs_host **hostp)
{
    struct cs_host *host = calloc(1, sizeof(*host));

    if (!host)
        return CS_ERR_MEMORY;
    host->setting = setting;
    host->module = module;
    host->reports = (struct cs_reports){
        .host = host, .module = module->name, .order = order, .inventory = setting->inventory};
    cs_jobs_init(&host->jobs);
    uv_timer_init(setting->loop, &host->restart);
    uv_timer_init(setting->loop, &host->tick);
    host->restart.data = host;
    host->tick.data = host;
    *hostp = host;
    return 0;
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct cs_host *host = handle->data;

    cs_memory_deinit(&host->reports.memory);
    free(host);
}

static void on_restart_closed(uv_handle_t *handle)
{
    struct cs_host *host = handle->data;

    uv_close((uv_handle_t *)&host->tick, on_tick_closed);
}

/* The loop must turn once more for the memory to be free. */
void cs_host_free(struct cs_host *host)
{
    if (host)
        uv_close((uv_handle_t *)&host->restart, on_restart_closed);
}

void cs_host_start(struct cs_host *host)
{
    host->settle_until = now(host) + CS_LIMIT_FIRST_SCAN_TIME;
    start(host);
}

void cs_host_stop(struct cs_host *host)
{
    if (host->stopping)
        return;
    host->stopping = true;
    host->settled = true;
    host->awaited = false;
    uv_timer_stop(&host->tick);
    cs_jobs_fail(&host->jobs, CS_ERR_CLOSED, "the agent is stopping");
    if (!host->process.open && !host->channel_open) {
        go_on(host);
        return;
    }
    if (host->channel_open)
        cs_channel_close(&host->channel);
    uv_timer_start(&host->restart, on_restart, CS_LIMIT_HOST_STOP_TIME, 0);
}

/* What others see */

enum cs_host_state cs_host_get_state(const struct cs_host *host)
{
    return host->state;
}

bool cs_host_is_settled(const struct cs_host *host)
{
    return host->settled;
}

int cs_host_say_failed(const struct cs_host *host, struct cs_fault *fault)
{
    return cs_fail(fault, CS_ERR_MODULE_FAILED,
        "module '%s' failed (%s): 'countersign status' shows when it is back", host->module->name,
        host->error);
}

bool cs_host_is_awaited(const struct cs_host *host)
{
    return host->awaited;
}

const char *cs_host_name(const struct cs_host *host)
{
    return host->module->name;
}

void cs_host_describe(const struct cs_host *host, struct cs_msg_module *m)
{
    static const char *const states[] = {
        [CS_HOST_STATE_STOPPED] = "failed",
        [CS_HOST_STATE_STARTING] = "starting",
        [CS_HOST_STATE_RUNNING] = "running",
        [CS_HOST_STATE_FAILED] = "failed",
    };

    *m = (struct cs_msg_module){
        .name = cs_bytes_of(host->module->name),
        .path = cs_bytes_of(host->module->path),
        .state = cs_bytes_of(states[host->state]),
        .pid = host->process.alive ? (uint32_t)host->process.handle.pid : 0,
        .restarts = host->restarts > 0 ? host->restarts - 1 : 0,
        .error = cs_bytes_of(host->error[0] ? host->error : host->reports.trouble),
    };
}

/* Jobs */

/* Also if the host ends over it. */
static void note_hold(struct cs_host *host, const struct cs_host_question *question)
{
    const struct cs_token *token;

    if (question->type != CS_HOST_LOGOUT || !question->logout->hold)
        return;
    token = cs_inventory_token(host->setting->inventory, host, question->logout->slot);
    if (token)
        cs_memory_hold(&host->reports.memory, token);
}

void cs_host_recall(
    struct cs_host *host, const struct cs_token *token, struct cs_host_login_request *m)
{
    cs_memory_recall(&host->reports.memory, token, m);
}

static int ask(struct cs_host *host, const struct cs_host_question *question, const int *fds,
    size_t n_fds, struct cs_job **jobp)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);
    struct cs_job *job;
    int r;

    /* When it has closed its socket and is about to end, the job fails with the reason for that. */
    if (host->stopping ||
        (host->state != CS_HOST_STATE_STARTING && host->state != CS_HOST_STATE_RUNNING))
        return CS_ERR_MODULE_FAILED;
    job = cs_jobs_add(&host->jobs, host);
    if (!job)
        return CS_ERR_MEMORY;
    r = cs_job_put(job, question, &buf);
    if (r < 0) {
        cs_jobs_answer(&host->jobs, job, NULL);
        return r;
    }
    note_hold(host, question);
    job->asked = now(host);
    job->limit = host->setting->config->module_timeout + question->person_time;
    cs_channel_send_with(&host->channel, cs_buf_bytes(&buf), fds, n_fds);
    start_ticking(host);
    *jobp = job;
    return 0;
}

int cs_host_ask(struct cs_host *host, const struct cs_host_question *question, cs_job_done *done,
    void *user, struct cs_job **jobp)
{
    const int *fds = question->fds ? question->fds : &question->fd;
    size_t n_fds = question->fds ? 2 : question->fd >= 0 ? 1 : 0;
    int r = ask(host, question, fds, n_fds, jobp);

    if (r < 0) {
        for (size_t i = 0; i < n_fds; i++)
            close(fds[i]);
        return r;
    }
    (*jobp)->done = done;
    (*jobp)->user = user;
    return 0;
}

void cs_job_cancel(struct cs_job *job)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf buf = CS_BUF_INIT(64);
    size_t at;

    if (job->cancelled || !job->host->channel_open)
        return;
    job->cancelled = true;
    at = cs_frame_begin(&buf, CS_HOST_CANCEL, 0);
    cs_host_number_put(&buf, job->id);
    if (cs_frame_end(&buf, at) == 0)
        cs_channel_send(&job->host->channel, cs_buf_bytes(&buf), -1);
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
