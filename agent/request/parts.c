/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that several hosts have a part in: locking every token, looking at every slot anew. The
 * first part that fails fails the request; the others go on, for nobody. A part that is lost with
 * its host fails nothing by itself.
 */
#include "request/request-state.h"

#include <countersign/error.h>

int cs_request_split(
    struct cs_request *request, size_t n, void (*parts_done)(struct cs_request *request))
{
    request->parts = calloc(n + 1, sizeof(*request->parts));
    request->parts_done = parts_done;
    return request->parts ? 0 : CS_ERR_MEMORY;
}

void cs_request_leave_parts(struct cs_request *request)
{
    for (size_t i = 0; i < request->n_parts; i++)
        if (request->parts[i].job)
            cs_job_forget(request->parts[i].job);
    free(request->parts);
    request->parts = NULL;
    request->n_parts = 0;
}

void cs_request_join(struct cs_request *request, int r, const struct cs_fault *fault)
{
    for (size_t i = 0; r == 0 && i < request->n_parts; i++)
        if (request->parts[i].job)
            return;
    if (r == 0) {
        request->parts_done(request);
        return;
    }
    cs_request_leave_parts(request);
    cs_request_fail(request, r, fault);
}

static bool has_ended(const struct cs_host *host)
{
    return cs_host_get_state(host) == CS_HOST_STATE_FAILED;
}

static void on_part_done(void *user, const struct cs_answer *answer)
{
    struct cs_part *part = user;
    struct cs_fault fault = {0};

    part->job = NULL;
    part->lost = has_ended(part->host);
    if (answer->code < 0)
        cs_fail(&fault, answer->code, "%s", answer->text);
    cs_request_join(part->request, part->lost ? 0 : answer->code, &fault);
}

int cs_request_ask_part(
    struct cs_request *request, struct cs_host *host, const struct cs_host_question *question)
{
    struct cs_part *part = &request->parts[request->n_parts++];

    part->request = request;
    part->host = host;
    return cs_host_ask(host, question, on_part_done, part, &part->job);
}

void cs_request_lose_part(struct cs_request *request, struct cs_host *host)
{
    struct cs_part *part = &request->parts[request->n_parts++];

    part->request = request;
    part->host = host;
    part->lost = true;
}
