/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns frames into jobs. The thread that reads calls this and must not wait for the module before
 * it has read all, or nobody would see the agent go: so even loading the module is a job, the first
 * in the queue, and nothing else runs before it has ended.
 */
#include "token-host/request.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "token-host/health.h"
#include "token-host/login.h"
#include "token-host/logout.h"
#include "token-host/pin-change.h"
#include "token-host/refresh.h"
#include "token-host/sign.h"

#include <countersign/error.h>

#define JOBS_MAX 4 /* at once, in modules that take several threads */

struct request {
    struct cs_job job;
    struct cs_host *host;
    uint32_t id;
    struct cs_buf body;
};

static void request_free(struct request *request)
{
    cs_buf_deinit(&request->body);
    free(request);
}
CS_DEFINE_CLEANUP(struct request *, request_free);

static int request_new(struct cs_host *host, uint32_t id, struct cs_bytes body,
    void (*run)(struct cs_job *job), struct request **requestp)
{
    CS_AUTO(request_freep) struct request *request = malloc(sizeof(*request));

    if (!request)
        return CS_ERR_MEMORY;
    *request = (struct request){
        .job = {.run = run}, .host = host, .id = id, .body = CS_BUF_INIT(body.len)};
    cs_buf_put(&request->body, body.data, body.len);
    if (request->body.error < 0)
        return request->body.error;
    *requestp = cs_steal(&request);
    return 0;
}

static void report_ready(struct cs_host *host)
{
    uint8_t room[4096];
    struct cs_buf buf = CS_BUF_IN(room);
    struct cs_host_ready m = {.manufacturer = cs_bytes_of(cs_module_manufacturer(host->module)),
        .description = cs_bytes_of(cs_module_description(host->module))};
    size_t frame = cs_frame_begin(&buf, CS_HOST_READY, 0);

    cs_host_ready_put(&buf, &m);
    cs_frame_end(&buf, frame);
    cs_link_send(&host->link, &buf);
}

static void report_scanned(struct cs_host *host)
{
    uint8_t room[64];
    struct cs_buf buf = CS_BUF_IN(room);
    size_t frame = cs_frame_begin(&buf, CS_HOST_SCANNED, 0);

    cs_frame_end(&buf, frame);
    cs_link_send(&host->link, &buf);
}

static void run_boot(struct cs_job *job)
{
    CS_AUTO(request_freep) struct request *request = (struct request *)job;
    struct cs_host *host = request->host;
    struct cs_failure failure = {0};
    int r;

    r = cs_module_new(host->path, host->init_args, &failure, &host->module);
    if (r < 0)
        cs_health_give_up(&host->link, r, &failure);
    host->slots.module = host->module;
    report_ready(host);
    cs_plug_begin(&host->plug);
    r = cs_slots_scan(&host->slots, &failure);
    if (r < 0)
        cs_error("%s", cs_fault_text(&failure.fault, r));
    report_scanned(host);
    if (cs_module_threaded(host->module) && cs_workers_allow(&host->workers, JOBS_MAX) < 0)
        cs_warn("too few threads: signatures wait for one another");
    cs_plug_start(&host->plug);
}

static void run_logout(struct cs_job *job)
{
    CS_AUTO(request_freep) struct request *request = (struct request *)job;

    cs_logout_run(request->host, request->id, cs_buf_bytes(&request->body));
}

/* What waits to be signed is not to be signed any more. */
static int lock(struct cs_host *host, uint32_t id, struct cs_bytes body)
{
    struct request *request = NULL;
    int r = request_new(host, id, body, run_logout, &request);

    if (r == 0)
        cs_workers_add_first(&host->workers, &request->job);
    return r;
}

static int cancel(struct cs_host *host, struct cs_bytes body)
{
    uint32_t id;
    int r = cs_host_number_get(body, &id);

    if (r == 0 && !cs_sign_withdraw(host, id) && !cs_login_cancel(host, id))
        cs_cancel_request(&host->cancels, id);
    return r;
}

int cs_request_boot(struct cs_host *host)
{
    struct request *request = NULL;
    int r = request_new(host, 0, (struct cs_bytes){0}, run_boot, &request);

    if (r < 0)
        return r;
    cs_workers_add(&host->workers, &request->job);
    return cs_workers_allow(&host->workers, 1);
}

int cs_request_handle(struct cs_host *host, const struct cs_frame *frame)
{
    int r = 0;

    switch (frame->type) {
    case CS_HOST_CONFIGURE:
        return cs_configuration_take(&host->configuration, frame->body);
    case CS_HOST_CANCEL:
        return cancel(host, frame->body);
    case CS_HOST_SIGN:
        cs_sign_start(host, frame->id, frame->body);
        break;
    case CS_HOST_LOGIN:
        cs_login_start(host, frame->id, frame->body);
        break;
    case CS_HOST_PIN_CHANGE:
        cs_pin_change_start(host, frame->id, frame->body);
        break;
    case CS_HOST_REFRESH:
        r = cs_refresh_start(host, frame->id);
        break;
    case CS_HOST_LOGOUT:
        r = lock(host, frame->id, frame->body);
        break;
    default:
        r = CS_ERR_UNSUPPORTED;
    }
    if (r < 0)
        cs_link_failed(&host->link, frame->id, r, NULL);
    return 0;
}
