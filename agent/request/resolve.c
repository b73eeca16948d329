/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RESOLVE: what a name stands for. A private key that is hidden until the login may go by a label
 * that nothing else shows; as programs without an agent would, we log in to see.
 */
#include "request/request.h"
#include "request/request-state.h"
#include "base/log.h"

#include <countersign/error.h>
#include <time.h>

static void resolve(struct cs_request *request)
{
    struct cs_reply reply = {.text = ""};
    struct cs_fault fault = {0};

    reply.code = cs_name_resolve(&request->service->inventory, request->name,
        (enum cs_expect)request->how, time(NULL), &reply.match, &fault);
    if (reply.code == CS_ERR_NOT_FOUND && cs_request_await_hosts(request, resolve))
        return;
    if (reply.code == CS_ERR_NOT_FOUND && reply.match.hiding && !request->logged_in) {
        cs_request_unlock_to_look(request, reply.match.hiding, resolve);
        return;
    }
    if (reply.code < 0) {
        cs_info("%s (pid %d) looks for what it names: failed, %s", cs_caller_name(request->caller),
            (int)request->caller->pid, cs_fault_text(&fault, reply.code));
        cs_request_fail(request, reply.code, &fault);
    } else {
        cs_request_finish(request, &reply);
    }
}

void cs_request_resolve(struct cs_request *request, const struct cs_msg_resolve *m)
{
    request->how = m->expect;
    cs_request_name(request, m->name, resolve);
}
