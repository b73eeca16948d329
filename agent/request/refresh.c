/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REFRESH: every host looks at its slots and objects anew and reports what changed before it
 * answers, so the inventory is up to date when the last one has. Where no login is lost by it the
 * module is started anew, for not all see again what they have seen; one that ends over it, too,
 * reports everything when it is back. One that never ran is tried as well, and not missed.
 */
#include "request/request-state.h"

#include <countersign/error.h>

static void reply_done(struct cs_request *request)
{
    struct cs_fault fault = {0};

    for (size_t i = 0; i < request->n_parts; i++) {
        const struct cs_part *part = &request->parts[i];

        if (!part->lost || cs_host_get_state(part->host) == CS_HOST_STATE_RUNNING)
            continue;
        if (cs_host_is_due(part->host))
            request->settled = reply_done;
        else if (!cs_host_has_run(part->host))
            continue;
        else if (!cs_request_await_hosts(request, reply_done))
            cs_request_fail(request, cs_host_say_failed(part->host, &fault), &fault);
        return;
    }
    cs_request_finish(request, &(const struct cs_reply){.text = ""});
}

static void refresh(struct cs_request *request)
{
    const struct cs_supervisor *supervisor = &request->service->supervisor;
    int r = cs_request_split(request, supervisor->n_hosts, reply_done);

    for (size_t i = 0; r == 0 && i < supervisor->n_hosts; i++) {
        struct cs_host *host = supervisor->hosts[i];

        if (cs_host_renew(host) || cs_host_get_state(host) == CS_HOST_STATE_FAILED ||
            !cs_host_has_run(host))
            cs_request_lose_part(request, host);
        else
            r = cs_request_ask_part(request, host, &cs_supervisor_refresh_question);
    }
    cs_request_join(request, r, NULL);
}

void cs_request_refresh(struct cs_request *request)
{
    cs_request_when_settled(request, refresh);
}
