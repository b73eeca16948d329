/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's account of itself: one block of memory, never changed once made. */
#include "base/message.h"
#include "lib/client.h"
#include "lib/pack.h"

struct countersign_module {
    const char *name, *path, *state, *error;
    unsigned pid, restarts;
};

struct countersign_status {
    const char *version, *socket;
    unsigned pid, clients;
    uint64_t started, signatures;
    size_t n_modules;
    struct countersign_module modules[];
};

static void pack_module(
    struct countersign_module *module, struct cs_pack *pack, const struct cs_msg_module *m)
{
    *module = (struct countersign_module){
        .name = cs_pack_string(pack, m->name),
        .path = cs_pack_string(pack, m->path),
        .state = cs_pack_string(pack, m->state),
        .error = cs_pack_string(pack, m->error),
        .pid = m->pid,
        .restarts = m->restarts,
    };
}

static int status_new(struct countersign_status **statusp, struct cs_bytes body)
{
    struct cs_reader reader = cs_reader_of(body);
    struct countersign_status *status;
    struct cs_msg_status m;
    struct cs_pack pack;
    int r;

    cs_msg_status_read(&reader, &m);
    if (reader.error)
        return reader.error;
    status = cs_pack_new(
        &pack, sizeof(*status) + m.n_modules * sizeof(struct countersign_module), body.len);
    if (!status)
        return CS_ERR_MEMORY;
    status->version = cs_pack_string(&pack, m.version);
    status->socket = cs_pack_string(&pack, m.socket);
    status->pid = m.pid;
    status->started = m.started;
    status->clients = m.clients;
    status->signatures = m.signatures;
    for (; status->n_modules < m.n_modules; status->n_modules++) {
        struct cs_msg_module module;

        cs_msg_module_read(&reader, &module);
        pack_module(&status->modules[status->n_modules], &pack, &module);
    }
    r = cs_reader_end(&reader);
    if (r < 0) {
        free(status);
        return r;
    }
    *statusp = status;
    return 0;
}

int countersign_status_get(struct countersign_client *client, struct countersign_status **statusp,
    struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct cs_request request;
    struct cs_reply reply;
    int r;

    cs_request_init(&request, CS_MSG_STATUS);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = status_new(statusp, reply.body);
    return cs_client_end(client, &request, &reply, r, fault);
}

void countersign_status_free(struct countersign_status *status)
{
    free(status);
}

const char *countersign_status_version(const struct countersign_status *status)
{
    return status->version;
}

unsigned countersign_status_pid(const struct countersign_status *status)
{
    return status->pid;
}

uint64_t countersign_status_started(const struct countersign_status *status)
{
    return status->started;
}

const char *countersign_status_socket(const struct countersign_status *status)
{
    return status->socket;
}

unsigned countersign_status_clients(const struct countersign_status *status)
{
    return status->clients;
}

uint64_t countersign_status_signatures(const struct countersign_status *status)
{
    return status->signatures;
}

size_t countersign_status_n_modules(const struct countersign_status *status)
{
    return status->n_modules;
}

const struct countersign_module *countersign_status_module(
    const struct countersign_status *status, size_t index)
{
    return index < status->n_modules ? &status->modules[index] : NULL;
}

const char *countersign_module_name(const struct countersign_module *module)
{
    return module->name;
}

const char *countersign_module_path(const struct countersign_module *module)
{
    return module->path;
}

const char *countersign_module_state(const struct countersign_module *module)
{
    return module->state;
}

unsigned countersign_module_pid(const struct countersign_module *module)
{
    return module->pid;
}

unsigned countersign_module_restarts(const struct countersign_module *module)
{
    return module->restarts;
}

const char *countersign_module_error(const struct countersign_module *module)
{
    return module->error;
}
