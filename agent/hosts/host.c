/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token host. It runs the vendor's code, so everything it does is expected of it: it may die,
 * hang, or say what it should not. Then it is killed with all it started, reaped, its jobs fail,
 * its tokens vanish, and it is started anew after a delay that grows. Invariant: a new process is
 * started only when the one before is reaped and its socket closed. The supervisor owns all hosts.
 */
#include "hosts/host.h"
#include "hosts/host-process.h"
#include "hosts/host-talk.h"
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
    bool ran; /* in any life */
    bool settled;
    bool awaited;          /* see cs_host_is_awaited */
    bool due;              /* cs_host_renew has it started: its success or failure is to come */
    uint64_t settle_until; /* clients wait for the first scan until then */
    uint64_t started;
    uint64_t renewable; /* when it may be for a refresh, at the earliest */
    struct cs_host_process process;
    struct cs_host_talk talk;
    uv_timer_t restart; /* or, while the process lives, its end */
    uv_timer_t tick;
    uint64_t ticked;
    uint32_t restarts;
    unsigned delay; /* before the next start */
    bool renewing;  /* this life of it ended for cs_host_renew */
    bool anew;      /* the one before failed */
    bool explained; /* error is why this life of it ended */
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
    if (host->process.open || host->talk.open)
        return;
    if (host->stopping) {
        host->state = CS_HOST_STATE_STOPPED;
        uv_timer_stop(&host->restart);
        tell(host);
        return;
    }
    uv_timer_start(&host->restart, on_restart, host->delay, 0);
}

/* The first delay is short, for a module that died of one bad call; then they grow. One that never
 * ran may be of a device that this machine has not, and its complaints fill the log. */
static void grow_delay(struct cs_host *host)
{
    bool healthy = host->state == CS_HOST_STATE_RUNNING &&
                   now(host) - host->started > CS_LIMIT_HOST_HEALTHY_TIME;
    unsigned max = host->ran ? CS_LIMIT_RESTART_DELAY_MAX : CS_LIMIT_RESTART_DELAY_NEW_MAX;

    if (host->delay == 0 || healthy)
        host->delay = CS_LIMIT_RESTART_DELAY_FIRST;
    else if (host->delay < CS_LIMIT_RESTART_DELAY_SECOND)
        host->delay = CS_LIMIT_RESTART_DELAY_SECOND;
    else if (host->delay < max / 2)
        host->delay *= 2;
    else
        host->delay = max;
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
    host->due = false;
    host->settled = host->stopping || host->delay > CS_LIMIT_RESTART_DELAY_FIRST;
    host->awaited = !host->stopping && (was_running || host->awaited) &&
                    now(host) + host->delay < host->settle_until;
    cs_host_process_kill(&host->process);
    cs_host_talk_close(&host->talk);
    cs_reports_drop(&host->talk.reports);
    cs_jobs_fail(&host->talk.jobs, cs_host_say_failed(host, &fault), fault.text);
    tell(host);
}

/* A module may end its process with any status, but not before it is loaded. */
static void on_process_exit(void *user, int status, const char *why)
{
    struct cs_host *host = user;

    if (status == CS_EXIT_USAGE && !host->talk.loaded)
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

static void on_scanned(void *user)
{
    struct cs_host *host = user;

    host->state = CS_HOST_STATE_RUNNING;
    host->renewable = now(host) + CS_LIMIT_HOST_RENEW_TIME;
    host->ran = true;
    host->settled = true;
    host->awaited = host->due = false;
    host->error[0] = '\0';
    host->explained = false;
    tell(host);
}

static void on_troubled(void *user)
{
    tell(user);
}

static void on_explained(void *user, struct cs_bytes why)
{
    explain(user, why);
}

static void on_broken(void *user, const char *why)
{
    fail(user, why);
}

/* The exit status says more, and is about to come; if not, the host is of no use and killed. */
static void on_talk_ended(void *user)
{
    struct cs_host *host = user;

    uv_timer_start(&host->restart, on_restart, CS_LIMIT_HOST_EXIT_TIME, 0);
}

static void on_talk_closed(void *user)
{
    go_on(user);
}

static const struct cs_host_talk_events talk_events = {
    .scanned = on_scanned,
    .troubled = on_troubled,
    .explained = on_explained,
    .broken = on_broken,
    .ended = on_talk_ended,
    .closed = on_talk_closed,
};

/* Its deadlines */

/* Deadlines are for time in which the agent itself ran. When it was stopped, the host may have
 * answered long ago and not been heard. */
static void forgive_pause(struct cs_host *host)
{
    if (now(host) - host->ticked > LATE)
        host->started = host->talk.jobs.last_answer = now(host);
    host->ticked = now(host);
}

static bool is_waited_for(const struct cs_host *host)
{
    return !host->settled || host->awaited || host->due;
}

static void on_tick(uv_timer_t *timer)
{
    struct cs_host *host = timer->data;

    forgive_pause(host);
    if (host->state == CS_HOST_STATE_STARTING &&
        now(host) - host->started > host->setting->config->module_timeout)
        fail(host, "it did not report its tokens in time");
    else if (cs_jobs_overdue(&host->talk.jobs, now(host)))
        fail(host, "it hung");
    else if (is_waited_for(host) && now(host) >= host->settle_until) {
        host->settled = true;
        host->awaited = host->due = false;
        tell(host);
    }
    if (host->state != CS_HOST_STATE_STARTING && !is_waited_for(host) &&
        cs_jobs_is_empty(&host->talk.jobs))
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
    if (host->anew)
        argv[argc++] = (char *)"--restarted";
    return cs_host_process_start(
        &host->process, host->setting->loop, argv, fd, &process_events, host);
}

/* Nothing of this life has begun. */
static void give_up(struct cs_host *host, const char *why)
{
    fail(host, why);
    go_on(host);
}

static void start(struct cs_host *host)
{
    CS_AUTO(cs_closep) int theirs = -1;
    char why[CS_TEXT_MAX];
    int pair[2];
    int r;

    host->state = CS_HOST_STATE_STARTING;
    host->explained = false;
    host->started = now(host);
    host->renewable = host->started + CS_LIMIT_HOST_RENEW_TIME;
    host->anew = !host->renewing && host->restarts++ > 0;
    host->renewing = false;
    if (host->anew)
        cs_info("module '%s' is started anew", host->module->name);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        give_up(host, strerror(errno));
        return;
    }
    theirs = pair[1];
    if (cs_host_talk_start(&host->talk, pair[0]) < 0) {
        give_up(host, "no socket to its host");
        return;
    }
    r = spawn(host, theirs);
    if (r < 0) {
        snprintf(why, sizeof(why), "cannot run %s: %s%s", host->setting->program, uv_strerror(r),
            cs_renewed_hint());
        fail(host, why);
        return;
    }
    start_ticking(host);
}

int cs_host_new(const struct cs_host_setting *setting, const struct cs_module *module,
    unsigned order, struct cs_host **hostp)
{
    struct cs_host *host = calloc(1, sizeof(*host));
    struct cs_reports reports = {
        .host = host, .module = module->name, .order = order, .inventory = setting->inventory};

    if (!host)
        return CS_ERR_MEMORY;
    host->setting = setting;
    host->module = module;
    cs_host_talk_init(&host->talk, setting, &reports, &talk_events, host);
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

    cs_host_talk_deinit(&host->talk);
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
    host->awaited = host->due = false;
    uv_timer_stop(&host->tick);
    cs_jobs_fail(&host->talk.jobs, CS_ERR_CLOSED, "the agent is stopping");
    if (!host->process.open && !host->talk.open) {
        go_on(host);
        return;
    }
    cs_host_talk_close(&host->talk);
    uv_timer_start(&host->restart, on_restart, CS_LIMIT_HOST_STOP_TIME, 0);
}

static bool has_private_key(const struct cs_token *token)
{
    for (size_t i = 0; i < token->n_identities; i++)
        if (token->identities[i].private_key)
            return true;
    return false;
}

/* A login, or what only a login has shown. */
static bool has_login(const struct cs_host *host)
{
    const struct cs_inventory *inventory = host->setting->inventory;

    for (size_t i = 0; i < inventory->n_tokens; i++) {
        const struct cs_token *token = inventory->tokens[i];

        if (token->host == host && (token->flags & CS_TOKEN_LOGIN_REQUIRED) &&
            (!cs_token_is_locked(token) || has_private_key(token)))
            return true;
    }
    return false;
}

/* Others wait for what it had. */
static void end_to_renew(struct cs_host *host)
{
    host->renewing = true;
    host->state = CS_HOST_STATE_FAILED;
    explain(host, cs_bytes_of("it is started anew for a refresh"));
    cs_host_talk_close(&host->talk);
    cs_reports_drop(&host->talk.reports);
    uv_timer_start(&host->restart, on_restart, CS_LIMIT_HOST_STOP_TIME, 0);
    host->delay = 0;
    host->settled = false;
    host->awaited = true;
}

bool cs_host_renew(struct cs_host *host)
{
    bool fails = host->state == CS_HOST_STATE_FAILED;

    if (host->stopping || host->state == CS_HOST_STATE_STARTING || now(host) < host->renewable)
        return false;
    if (host->due)
        return true;
    if (!fails && (!cs_jobs_is_empty(&host->talk.jobs) || has_login(host) ||
                      cs_memory_has_refused(&host->talk.reports.memory)))
        return false;
    if (!host->awaited) /* or who wants what is not there would wait as long as this is repeated */
        host->settle_until = now(host) + CS_LIMIT_FIRST_SCAN_TIME;
    if (fails) /* for long, perhaps: nobody but who asks for it waits, and for one start alone */
        host->delay = CS_LIMIT_RESTART_DELAY_FIRST;
    else
        end_to_renew(host);
    host->due = true;
    if (!host->process.open && !host->talk.open)
        uv_timer_start(&host->restart, on_restart, 0, 0);
    start_ticking(host);
    /* Only when nobody goes on who waits for all to be settled: who asks may be one of them. */
    if (!fails)
        tell(host);
    return true;
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
    if (host->state == CS_HOST_STATE_STARTING)
        return cs_fail(fault, CS_ERR_MODULE_FAILED,
            "module '%s' has not reported its tokens yet: 'countersign status' shows when it has",
            host->module->name);
    return cs_fail(fault, CS_ERR_MODULE_FAILED,
        "module '%s' failed (%s): 'countersign status' shows when it is back", host->module->name,
        host->error);
}

bool cs_host_is_awaited(const struct cs_host *host)
{
    return host->awaited;
}

bool cs_host_is_due(const struct cs_host *host)
{
    return host->due;
}

bool cs_host_has_run(const struct cs_host *host)
{
    return host->ran;
}

bool cs_host_is_troubled(const struct cs_host *host)
{
    return host->talk.reports.trouble[0] != '\0';
}

const struct cs_token *cs_host_silent_token(const struct cs_host *host)
{
    const struct cs_job *job = cs_jobs_silent(&host->talk.jobs, now(host));

    return job ? cs_inventory_token(host->setting->inventory, host, job->slot) : NULL;
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
    const struct cs_reports *reports = &host->talk.reports;

    *m = (struct cs_msg_module){
        .name = cs_bytes_of(host->module->name),
        .path = cs_bytes_of(host->module->path),
        .state = cs_bytes_of(states[host->state]),
        .pid = host->process.alive ? (uint32_t)host->process.handle.pid : 0,
        .restarts = host->restarts > 0 ? host->restarts - 1 : 0,
        .error = cs_bytes_of(host->error[0]        ? host->error
                             : reports->trouble[0] ? reports->trouble
                                                   : reports->left_out),
    };
}

/* What it is asked */

void cs_host_recall(
    struct cs_host *host, const struct cs_token *token, struct cs_host_login_request *m)
{
    cs_memory_recall(&host->talk.reports.memory, token, m);
}

static int ask(struct cs_host *host, const struct cs_host_question *question, const int *fds,
    size_t n_fds, struct cs_job **jobp)
{
    int r;

    /* When it has hung up and is about to end, the job fails with the reason for that. */
    if (host->stopping ||
        (host->state != CS_HOST_STATE_STARTING && host->state != CS_HOST_STATE_RUNNING))
        return CS_ERR_MODULE_FAILED;
    r = cs_host_talk_ask(&host->talk, question, fds, n_fds, jobp);
    if (r == 0)
        start_ticking(host);
    return r;
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
