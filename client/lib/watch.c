/* SPDX-License-Identifier: Apache-2.0 */
/* Watching: a connection of its own, on which the agent sends events until one side closes it. */
#include "base/message.h"
#include "lib/client.h"

#include <string.h>

struct countersign_watch {
    struct cs_connection *connection;
    struct cs_buf buf;
    size_t taken; /* of the front of buf: the frame of the last event */
};

void countersign_watch_free(struct countersign_watch *watch)
{
    if (!watch)
        return;
    cs_connection_free(watch->connection);
    cs_buf_deinit(&watch->buf);
    free(watch);
}

CS_DEFINE_CLEANUP(struct countersign_watch *, countersign_watch_free);

/* Takes the connection over, and what came behind the reply. */
static void begin(struct countersign_watch *watch, struct cs_reply *reply)
{
    watch->connection = cs_reply_take(reply);
    watch->buf = reply->buf;
    watch->taken = (size_t)(reply->body.data + reply->body.len - reply->buf.data);
    reply->buf = CS_BUF_INIT(CS_REPLY_MAX);
}

int countersign_watch_new(struct countersign_client *client, struct countersign_watch **watchp,
    struct countersign_fault *public_fault)
{
    CS_AUTO(countersign_watch_freep) struct countersign_watch *watch = calloc(1, sizeof(*watch));
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct cs_msg_watching watching;
    struct cs_request request;
    struct cs_reply reply;
    int r;

    if (!watch)
        return CS_ERR_MEMORY;
    watch->buf = CS_BUF_INIT(CS_REPLY_MAX);
    cs_request_init(&request, CS_MSG_WATCH);
    request.stream = true;
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = cs_msg_watching_get(reply.body, &watching);
    if (r == 0)
        begin(watch, &reply);
    r = cs_client_end(client, &request, &reply, r, fault);
    if (r == 0)
        *watchp = cs_steal(&watch);
    return r;
}

int countersign_watch_fd(const struct countersign_watch *watch)
{
    return cs_connection_fd(watch->connection);
}

bool countersign_watch_has_more(const struct countersign_watch *watch)
{
    const struct cs_bytes rest =
        CS_BYTES(watch->buf.data + watch->taken, watch->buf.len - watch->taken);
    struct cs_frame frame;
    size_t size;

    return cs_frame_parse(rest, &frame, &size) != 0;
}

static int copy_text(struct cs_bytes bytes, char *text, size_t size)
{
    if (bytes.len >= size)
        return CS_ERR_PROTOCOL;
    if (bytes.len)
        memcpy(text, bytes.data, bytes.len);
    text[bytes.len] = '\0';
    return 0;
}

int countersign_watch_next(struct countersign_watch *watch, struct countersign_event *event,
    struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct countersign_event got = {0};
    struct cs_msg_event m;
    struct cs_frame frame;
    size_t size = 0;
    int r;

    cs_buf_consume(&watch->buf, watch->taken);
    watch->taken = 0;
    r = cs_connection_listen(watch->connection, &watch->buf, &frame, &size, fault);
    if (r == CS_ERR_CLOSED)
        return cs_fail(fault, r, "the agent has ended");
    if (r < 0)
        return cs_trace(r);
    watch->taken = size;
    if (frame.type != CS_MSG_EVENT || cs_msg_event_get(frame.body, &m) < 0 ||
        copy_text(m.subject, got.subject, sizeof(got.subject)) < 0 ||
        copy_text(m.text, got.text, sizeof(got.text)) < 0)
        return cs_fail(fault, CS_ERR_PROTOCOL, "the agent sent an event that makes no sense");
    got.generation = m.generation;
    got.kind = m.kind;
    *event = got;
    return 0;
}
