/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle. It holds what never changes after it was made (path, HELLO) and the pool of idle
 * connections, so any number of threads may use it without a lock. Each question has a connection
 * to itself while it is under way. Used by the public calls in this folder.
 */
#include "lib/client.h"
#include "base/log.h"
#include "base/message.h"
#include "base/runtime.h"
#include "base/uri.h"
#include "lib/hello.h"
#include "lib/pool.h"

#include <string.h>
#include <sys/un.h>

struct countersign_client {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int path_error;
    struct cs_buf hello;
    struct cs_pool pool;
    atomic_bool doubted; /* the agent said nothing when it was last asked */
};

_Static_assert(sizeof(struct cs_fault) == sizeof(struct countersign_fault) &&
                   offsetof(struct cs_fault, text) == offsetof(struct countersign_fault, text),
    "the internal fault is the public one");

struct cs_fault *cs_client_fault(struct countersign_fault *fault)
{
    if (fault)
        *fault = (struct countersign_fault){0};
    return (struct cs_fault *)fault;
}

int cs_client_name(const char *name, char **ownp, struct cs_fault *fault)
{
    *ownp = cs_uri_without_pin(name ? name : "");
    return *ownp ? 0 : cs_fail(fault, CS_ERR_MEMORY, "%s", cs_error_text(CS_ERR_MEMORY));
}

int countersign_client_new(struct countersign_client **clientp, const char *program)
{
    struct countersign_client *client = calloc(1, sizeof(*client));
    int r;

    if (!client)
        return CS_ERR_MEMORY;
    client->path_error = cs_runtime_socket_path(client->path, sizeof(client->path));
    client->hello = CS_BUF_INIT(CS_REPLY_MAX);
    r = cs_hello_put(&client->hello, program);
    if (r < 0) {
        countersign_client_free(client);
        return cs_trace(r);
    }
    *clientp = client;
    return 0;
}

void countersign_client_free(struct countersign_client *client)
{
    if (!client)
        return;
    cs_pool_deinit(&client->pool);
    cs_buf_deinit(&client->hello);
    free(client);
}

void cs_request_init(struct cs_request *request, uint16_t type)
{
    *request =
        (struct cs_request){.type = type, .frame = CS_BUF_INIT(CS_REPLY_MAX), .fd = -1, .fd2 = -1};
    cs_frame_begin(&request->frame, type, 0);
}

void cs_request_deinit(struct cs_request *request)
{
    cs_buf_deinit(&request->frame);
}

static int dial(
    struct countersign_client *client, struct cs_connection **connectionp, struct cs_fault *fault)
{
    if (client->path_error < 0)
        return cs_runtime_refuse_socket_path(client->path_error, fault);
    return cs_connection_dial(connectionp, client->path, atomic_load(&client->doubted), fault);
}

/* The agent's own sentence; cut, if it must be, between two characters. */
static int agent_error(const struct cs_frame *frame, struct cs_fault *fault)
{
    struct cs_msg_error error;
    size_t len = 0;

    if (cs_msg_error_get(frame->body, &error) < 0)
        return cs_fail(fault, CS_ERR_PROTOCOL, "the agent sent an ERROR that makes no sense");
    error.code = cs_error_from_wire((unsigned)-error.code);
    if (!fault)
        return error.code;
    while (len < error.text.len) {
        size_t n = cs_bytes_utf8(CS_BYTES(error.text.data + len, error.text.len - len));

        if (n == 0 || len + n >= sizeof(fault->text))
            break;
        len += n;
    }
    return cs_fail(fault, error.code, "%.*s", (int)len, (const char *)error.text.data);
}

/* One try; *connectionp may come as an idle connection, and stays only if it can go on. */
static int try_once(struct countersign_client *client, struct cs_connection **connectionp,
    struct cs_request *request, struct cs_reply *reply, struct cs_frame *frame,
    struct cs_fault *fault)
{
    int r = 0;

    if (!*connectionp)
        r = dial(client, connectionp, fault);
    if (r == 0) {
        cs_buf_reset(&reply->buf);
        r = cs_connection_ask(
            *connectionp, cs_buf_bytes(&client->hello), request, &reply->buf, frame, fault);
    }
    if (r < 0) {
        cs_connection_free(*connectionp);
        *connectionp = NULL;
    }
    if (r == 0 || r == CS_ERR_TIMEOUT)
        atomic_store(&client->doubted, r < 0);
    return r;
}

int cs_client_ask(struct countersign_client *client, struct cs_request *request,
    struct cs_reply *reply, struct cs_fault *fault)
{
    struct cs_frame frame = {0};
    int r;

    *reply = (struct cs_reply){.buf = CS_BUF_INIT(CS_REPLY_MAX)};
    r = cs_frame_end(&request->frame, 0);
    if (r == CS_ERR_TOO_LARGE)
        return cs_fail(fault, r, "a request may have %u bytes at most", CS_FRAME_MAX);
    if (r < 0)
        return cs_trace(r);
    /* One that said nothing has to greet first, and soon: programs ask several times, one after the
     * other, before they give up, and a person waits for that. */
    if (!atomic_load(&client->doubted))
        reply->connection = cs_pool_take(&client->pool);
    r = try_once(client, &reply->connection, request, reply, &frame, fault);
    if (r == CS_ERR_CLOSED && !request->fd_gone)
        r = try_once(client, &reply->connection, request, reply, &frame, fault);
    if (r == CS_ERR_CLOSED)
        return cs_fail(fault, r,
            "the agent at %s closed the connection before it answered: look into its log, then "
            "try again",
            client->path);
    if (r < 0)
        return cs_trace(r);
    if (frame.type == CS_MSG_ERROR)
        return agent_error(&frame, fault);
    reply->body = frame.body;
    return 0;
}

int cs_client_end(struct countersign_client *client, struct cs_request *request,
    struct cs_reply *reply, int r, struct cs_fault *fault)
{
    if (r == CS_ERR_PROTOCOL)
        cs_connection_free(reply->connection);
    else if (reply->connection)
        cs_pool_put(&client->pool, reply->connection);
    if (r < 0 && fault && (fault->code != r || !fault->text[0])) {
        if (r == CS_ERR_PROTOCOL)
            cs_fail(fault, r, "the agent at %s sent a reply that makes no sense", client->path);
        else
            cs_fail(fault, r, "%s", cs_error_text(r));
    }
    cs_buf_deinit(&reply->buf);
    cs_request_deinit(request);
    *reply = (struct cs_reply){0};
    return r;
}

struct cs_connection *cs_reply_take(struct cs_reply *reply)
{
    return cs_steal(&reply->connection);
}
