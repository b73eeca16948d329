/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/socket, agent/request: clients that send what they like, hang up and come again, with a
 * token host that refuses and pulls tokens, and a person who is asked. What comes back is the
 * protocol's; each request is answered once, unless its client broke the framing; nothing is left
 * when they have gone. The input is a row of choices.
 */
#include "fuzz.h"

#include "fake-host.h"
#include "fake-question.h"
#include "fake-service.h"
#include "octets.h"
#include "request/login.h"
#include "socket/peer.h"

#include <countersign/error.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CLIENTS 2
#define REQUESTS_MAX 80
#define N(list) (sizeof(list) / sizeof((list)[0]))

struct request {
    uint32_t id;
    uint16_t type;
    bool answered;
};

struct client {
    int fd;     /* -1: there is none */
    int theirs; /* the agent's end, as long as there is one */
    bool deaf;  /* it reads nothing */
    int unread; /* of what it sent, when the loop turned last */
    bool odd;   /* it broke the framing, or its words: the agent may have done with it */
    bool watches;
    struct cs_buf in;
    uint32_t last_id;
    size_t n;
    struct request requests[REQUESTS_MAX];
};

static struct cs_service *service; /* NULL before the first input */
static struct cs_peers peers = TAILQ_HEAD_INITIALIZER(peers);
static struct client clients[CLIENTS];
static const struct client nobody = {.fd = -1, .in = {.max = 64u * 1024u * 1024u}};

/* What comes back */

static void check_body(uint16_t type, struct cs_bytes body)
{
    union {
        struct cs_msg_welcome welcome;
        struct cs_msg_resolved resolved;
        struct cs_msg_found found;
        struct cs_msg_signed signature;
        struct cs_msg_token_names names;
        struct cs_msg_decision decision;
        struct cs_msg_watching watching;
    } m;
    int r = 0;

    memset(&m, 0, sizeof(m));
    switch (type) {
    case CS_MSG_HELLO:
        r = cs_msg_welcome_get(body, &m.welcome);
        break;
    case CS_MSG_RESOLVE:
        r = cs_msg_resolved_get(body, &m.resolved);
        break;
    case CS_MSG_FIND:
    case CS_MSG_CHOOSE:
        r = cs_msg_found_get(body, &m.found);
        break;
    case CS_MSG_SIGN:
        r = cs_msg_signed_get(body, &m.signature);
        break;
    case CS_MSG_UNLOCK:
    case CS_MSG_LOCK:
    case CS_MSG_PIN_CHANGE:
        r = cs_msg_token_names_get(body, &m.names);
        break;
    case CS_MSG_POLICY_CHECK:
        r = cs_msg_decision_get(body, &m.decision);
        break;
    case CS_MSG_WATCH:
        r = cs_msg_watching_get(body, &m.watching);
        break;
    }
    FUZZ_CHECK(r == 0);
}

static struct request *find_request(struct client *client, uint32_t id)
{
    for (size_t i = 0; i < client->n; i++)
        if (client->requests[i].id == id)
            return &client->requests[i];
    return NULL;
}

static void take_frame(struct client *client, const struct cs_frame *frame)
{
    struct request *request = find_request(client, frame->id);
    struct cs_msg_error error;

    if (frame->type == CS_MSG_EVENT) {
        FUZZ_CHECK(client->watches || client->odd);
        return;
    }
    if (frame->type == CS_MSG_ERROR) {
        FUZZ_CHECK(cs_msg_error_get(frame->body, &error) == 0);
        FUZZ_CHECK(error.code < 0 && error.code >= CS_ERR_CLOSED && error.text.len > 0);
        /* It then hangs up, whatever else was asked. */
        client->odd |= frame->id == 0 || error.code == CS_ERR_VERSION;
    }
    if (client->odd)
        return;
    FUZZ_CHECK(request && !request->answered);
    request->answered = true;
    if (frame->type == CS_MSG_ERROR)
        return;
    FUZZ_CHECK(frame->type == (request->type | CS_MSG_REPLY));
    check_body(request->type, frame->body);
}

/* Whether anything came. */
static bool drain(struct client *client)
{
    uint8_t octets[65536];
    struct cs_frame frame;
    struct cs_bytes left;
    size_t taken = 0, before = client->in.len;
    ssize_t n;
    bool any;
    int r;

    while (client->fd >= 0 && (n = recv(client->fd, octets, sizeof(octets), MSG_DONTWAIT)) > 0)
        cs_buf_put(&client->in, octets, (size_t)n);
    any = client->in.len > before;
    FUZZ_CHECK(client->in.error == 0);
    left = cs_buf_bytes(&client->in);
    while ((r = cs_frame_parse(left, &frame, &taken)) == 1) {
        take_frame(client, &frame);
        left = CS_BYTES(left.data + taken, left.len - taken);
    }
    FUZZ_CHECK(r == 0);
    cs_buf_consume(&client->in, client->in.len - left.len);
    return any;
}

/* Whether the agent goes on reading, which it does not where nobody takes its answers. */
static bool is_busy_with(struct client *client)
{
    int before = client->unread;

    if (client->fd < 0 || client->odd || ioctl(client->theirs, FIONREAD, &client->unread) < 0)
        return false;
    return client->unread > 0 && (!client->deaf || client->unread != before);
}

/* Turns the loop until each has read all that the other sent. */
static void settle(void)
{
    for (int rest = 2; rest > 0; rest--) {
        uv_run(service->loop, UV_RUN_NOWAIT);
        fake_service_turn();
        for (size_t i = 0; i < CLIENTS; i++) {
            if ((!clients[i].deaf && drain(&clients[i])) || is_busy_with(&clients[i]))
                rest = 3;
        }
    }
}

/* What goes in */

static void send_octets(struct client *client, struct cs_bytes octets, size_t n_fds)
{
    if (!fuzz_send(client->fd, octets, n_fds))
        client->odd = true; /* the agent has hung up, or the rest does not fit */
}

static void send_request(struct client *client, uint16_t type, struct cs_bytes body, size_t n_fds)
{
    struct cs_buf frame = CS_BUF_INIT(CS_FRAME_HEADER + CS_FRAME_MAX);
    struct request *request = &client->requests[client->n];
    size_t at;

    if (client->n == REQUESTS_MAX)
        return;
    *request = (struct request){.id = ++client->last_id, .type = type};
    client->n++;
    client->watches |= type == CS_MSG_WATCH;
    at = cs_frame_begin(&frame, type, request->id);
    cs_buf_put(&frame, body.data, body.len);
    FUZZ_CHECK(cs_frame_end(&frame, at) == 0);
    send_octets(client, cs_buf_bytes(&frame), n_fds);
    cs_buf_deinit(&frame);
}

static void hang_up(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    cs_buf_deinit(&client->in);
    *client = nobody;
}

/* Little room, so that the agent soon has to keep what it says. */
static void connect_client(struct client *client, bool greets, bool crowded)
{
    struct cs_buf body = CS_BUF_INIT(256);
    const struct cs_msg_hello hello = {.min_version = 1,
        .max_version = 1,
        .program = cs_bytes_of("curl"),
        .environment = {.n = client == &clients[1],
            .entries = {{cs_bytes_of("GPG_TTY"), cs_bytes_of("/dev/pts/1")}}}};
    const uint32_t others = crowded ? CS_LIMIT_CLIENTS : 0;
    const int room = 1; /* the kernel makes it a few thousand */
    int pair[2];

    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    client->fd = pair[0];
    client->theirs = pair[1];
    FUZZ_CHECK(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0);
    service->clients += others;
    cs_peer_accept(service, &peers, "/run/agent.sock", pair[1]);
    service->clients -= others;
    if (!greets)
        return;
    cs_msg_hello_put(&body, &hello);
    send_request(client, CS_MSG_HELLO, cs_buf_bytes(&body), 0);
    cs_buf_deinit(&body);
}

/* What the input chooses */

static void ask(struct client *client, struct fuzz_input *input)
{
    static const uint16_t types[] = {CS_MSG_TOKENS, CS_MSG_IDENTITIES, CS_MSG_CERTIFICATES,
        CS_MSG_RESOLVE, CS_MSG_SIGN, CS_MSG_UNLOCK, CS_MSG_LOCK, CS_MSG_STATUS, CS_MSG_FIND,
        CS_MSG_REFRESH, CS_MSG_WATCH, CS_MSG_PIN_CHANGE, CS_MSG_PING, CS_MSG_CHOOSE, CS_MSG_POLICY,
        CS_MSG_POLICY_CHECK, CS_MSG_CONSENTS, CS_MSG_CONSENT_REVOKE, CS_MSG_USES, CS_MSG_RECORD,
        CS_MSG_HELLO, 0, 0x12, 0x13, 0x7fff};
    uint8_t n = fuzz_next(input), n_fds = fuzz_next(input);

    send_request(client, types[n % N(types)], fuzz_octets(input), n_fds < 0xc0 ? 0 : n_fds % 5);
}

/* One that the token has, whose name is too long for chance. */
static void ask_to_sign(struct client *client, struct fuzz_input *input)
{
    static const uint16_t schemes[] = {0x0403, 0x0503, 0x0804, 0x0807, 0};
    struct cs_buf body = CS_BUF_INIT(65536);
    struct cs_msg_sign m = {.scheme = schemes[fuzz_next(input) % N(schemes)]};
    static const uint8_t digest[64];
    uint8_t how = fuzz_next(input), id[CS_ID_SIZE] = {0};

    if (service->inventory.n_identities > 0)
        memcpy(id, service->inventory.identities[0]->key->id, sizeof(id));
    m.id = CS_BYTES(id, sizeof(id));
    m.input = how < 0xf0 ? how & 1 : how;
    m.data = how & 2 ? fuzz_octets(input) : CS_BYTES(digest, how & 4 ? 48 : 32);
    cs_msg_sign_put(&body, &m);
    send_request(client, CS_MSG_SIGN, cs_buf_bytes(&body), 0);
    cs_buf_deinit(&body);
}

static void one(struct fuzz_input *input)
{
    uint8_t what = fuzz_next(input), how = fuzz_next(input);
    struct client *client = &clients[how % CLIENTS];

    if (client->fd < 0)
        connect_client(client, how < 0xf0, how >= 0xfc);
    switch (what % 13) {
    case 0:
    case 1:
    case 2:
    case 3:
        ask(client, input);
        break;
    case 4:
        ask_to_sign(client, input);
        break;
    case 5:
        send_octets(client, fuzz_octets(input), how < 0xc0 ? 0 : how % 5);
        client->odd = true;
        break;
    case 6:
        hang_up(client);
        break;
    case 7:
        settle();
        fake_host_answer(
            service->supervisor.hosts[0], how < 128 ? 0 : -(how % (1 - CS_ERR_CLOSED)));
        break;
    case 8:
        settle();
        fake_service_disturb(how);
        break;
    case 9:
        settle();
        client->deaf = how >= 0xc0;
        break;
    case 10:
        settle();
        fake_question_answer(how);
        break;
    case 11:
        settle();
        fake_service_configure(how);
        break;
    case 12:
        settle();
        fake_service_wait(how);
        break;
    }
}

/* All is answered but what waits for a token that is not there, or says so. */
static void check_answers(void)
{
    size_t waiting = 0;

    for (size_t i = 0; i < CLIENTS; i++)
        for (size_t j = 0; j < clients[i].n && !clients[i].odd; j++)
            waiting += !clients[i].requests[j].answered;
    FUZZ_CHECK(waiting <= fake_service_count_waiting());
}

/* Nothing is left. */
static void end(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        hang_up(&clients[i]);
    while (service->clients > 0)
        settle();
    settle();
    FUZZ_CHECK(service->n_requests == 0 && TAILQ_EMPTY(&service->logins));
    FUZZ_CHECK(TAILQ_EMPTY(&peers));
    while (fake_host_answer(service->supervisor.hosts[0], 0))
        continue;
    if (fake_service_mend())
        settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    int open_before;

    if (!service) {
        service = fake_service_start();
        for (size_t i = 0; i < CLIENTS; i++)
            clients[i] = nobody;
    }
    open_before = fuzz_count_descriptors();
    while (input.left > 0)
        one(&input);
    fake_service_recover();
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i].deaf = false;
    do
        settle();
    while (
        fake_host_answer(service->supervisor.hosts[0], 0) || fake_question_answer(PERSON_SAYS_NO));
    check_answers();
    end();
    FUZZ_CHECK(fuzz_count_descriptors() == open_before);
    return 0;
}
