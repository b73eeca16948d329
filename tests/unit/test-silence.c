/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client/lib: an agent that says nothing. It may wait for a person, and then says that it is there;
 * or it may be stopped, and then nobody waits for ever. Patience is short here.
 */
#include "fake-agent.h"

#include <countersign/countersign.h>
#include <countersign/error.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PINGS 3 /* answered before the reply comes */
#define LATE_US (PATIENCE * 1000 / 3)

struct scene {
    struct fake_agent agent;
    struct countersign_client *client;
    atomic_int pings;
    atomic_int mood;
    uint32_t asked;    /* the id of the request that waits */
    int program[2];    /* the two ends of something of the program's own */
    int taken;         /* the number of the client's connection that one of them got; or -1 */
    bool answers_then; /* on a connection that the client has no more */
};

/* The reply to LOCK: no labels. */
static struct cs_bytes no_names(void)
{
    static const uint8_t none[4];

    return CS_BYTES(none, sizeof(none));
}

static bool says_nothing(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct scene *scene = agent->data;

    (void)fd;
    if (frame->type == CS_MSG_PING)
        atomic_fetch_add(&scene->pings, 1);
    return true;
}

/* Answers PING, and the request when it has been asked often enough. */
static bool thinks(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct scene *scene = agent->data;
    struct cs_frame waiting = {.type = CS_MSG_LOCK, .id = scene->asked};

    if (frame->type != CS_MSG_PING) {
        scene->asked = frame->id;
        return true;
    }
    if (!fake_reply(fd, frame, (struct cs_bytes){0}))
        return false;
    return atomic_fetch_add(&scene->pings, 1) + 1 < PINGS || fake_reply(fd, &waiting, no_names());
}

/* One that is older than PING. */
static bool knows_no_ping(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct scene *scene = agent->data;
    struct cs_frame waiting = {.type = CS_MSG_LOCK, .id = scene->asked};

    if (frame->type != CS_MSG_PING) {
        scene->asked = frame->id;
        return true;
    }
    return fake_error(fd, frame->id, CS_ERR_UNSUPPORTED, "what?") &&
           fake_reply(fd, &waiting, no_names());
}

/* Has no time for HELLO. */
static bool does_not_greet(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    (void)agent, (void)fd, (void)frame;
    return true;
}

static int find_connection(const char *path)
{
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_un peer = {0};
        socklen_t len = sizeof(peer);

        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
            strcmp(peer.sun_path, path) == 0)
            return fd;
    }
    return -1;
}

/* While the client waits, the program has the number for another. */
static bool loses_the_first(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct scene *scene = agent->data;

    if (scene->taken >= 0 || frame->type != CS_MSG_LOCK)
        return fake_reply(fd, frame, no_names());
    scene->taken = find_connection(agent->path);
    assert_int_equal(dup2(scene->program[0], scene->taken), scene->taken);
    assert_int_equal(send(scene->program[1], "mine", 4, 0), 4);
    return !scene->answers_then || fake_reply(fd, frame, no_names());
}

enum mood { SILENT, LATE, PROMPT };

static bool greets_as_it_likes(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct scene *scene = agent->data;
    enum mood mood = (enum mood)atomic_load(&scene->mood);

    if (mood == SILENT)
        return true;
    if (frame->type != CS_MSG_HELLO)
        return fake_reply(fd, frame, no_names());
    if (mood == LATE)
        usleep(LATE_US);
    return fake_welcome(fd, frame);
}

static void begin(struct scene *scene, fake_handler handler)
{
    fake_agent_start(&scene->agent, handler, scene);
    scene->agent.own_hello = handler == does_not_greet || handler == greets_as_it_likes;
    assert_int_equal(countersign_client_new(&scene->client, "test"), 0);
}

static void end(struct scene *scene)
{
    countersign_client_free(scene->client);
    fake_agent_stop(&scene->agent);
    fake_agent_remove(&scene->agent);
}

static int lock(struct scene *scene, struct countersign_fault *fault)
{
    return countersign_lock(scene->client, "", NULL, fault);
}

static void test_an_agent_that_is_stopped_is_given_up(void **state)
{
    static struct scene scene;
    struct countersign_fault fault;

    (void)state;
    begin(&scene, says_nothing);
    assert_int_equal(lock(&scene, &fault), CS_ERR_TIMEOUT);
    assert_non_null(strstr(fault.text, "does not answer"));
    end(&scene);
    assert_int_equal(scene.pings, 1);
}

static void test_an_agent_that_does_not_greet_is_given_up(void **state)
{
    static struct scene scene;
    struct countersign_fault fault;

    (void)state;
    begin(&scene, does_not_greet);
    assert_int_equal(lock(&scene, &fault), CS_ERR_TIMEOUT);
    end(&scene);
}

/* Once it was silent it has to greet soon, until it does. */
static void test_an_agent_that_was_silent_is_given_less_time(void **state)
{
    static struct scene scene;
    struct countersign_fault fault;
    int tries = 0;

    (void)state;
    begin(&scene, greets_as_it_likes);
    assert_int_equal(lock(&scene, &fault), CS_ERR_TIMEOUT);
    atomic_store(&scene.mood, LATE);
    assert_int_equal(lock(&scene, &fault), CS_ERR_TIMEOUT);
    assert_non_null(strstr(fault.text, "does not answer"));
    atomic_store(&scene.mood, PROMPT);
    while (lock(&scene, &fault) != 0)
        assert_true(++tries <= 50);
    end(&scene);
}

/* A socket with a full queue, of an agent that takes nobody; two descriptors. */
static void listen_deaf(const char *path, int fds[2])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int more = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    strcpy(address.sun_path, path);
    fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
    fds[1] = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(connect(more, (struct sockaddr *)&address, sizeof(address)), -1);
    assert_int_equal(errno, EAGAIN);
    close(more);
}

static void test_an_agent_that_takes_nobody_is_given_up(void **state)
{
    static struct scene scene;
    struct countersign_fault fault;
    int fds[2], tries = 0;

    (void)state;
    begin(&scene, greets_as_it_likes);
    fake_agent_stop(&scene.agent);
    listen_deaf(scene.agent.path, fds);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lock(&scene, &fault), CS_ERR_TIMEOUT);
        assert_non_null(strstr(fault.text, "does not answer"));
    }
    close(fds[0]);
    close(fds[1]);
    atomic_store(&scene.mood, PROMPT);
    fake_agent_restart(&scene.agent);
    while (lock(&scene, &fault) != 0)
        assert_true(++tries <= 50);
    end(&scene);
}

static void on_alarm(int signal)
{
    (void)signal;
}

/* Of a program that is profiled, or that counts seconds. */
static void run_interval_timer(bool on)
{
    const struct timeval often = {.tv_usec = on ? PATIENCE * 1000 / 10 : 0};

    assert_int_equal(setitimer(ITIMER_REAL, &(struct itimerval){often, often}, NULL), 0);
}

/* The kernel has the main thread take such a signal, which asks. */
static void ask_one_that_is_silent(fake_handler handler)
{
    static struct scene scene;
    struct countersign_fault fault;
    int r;

    begin(&scene, handler);
    run_interval_timer(true);
    r = lock(&scene, &fault);
    run_interval_timer(false);
    assert_int_equal(r, CS_ERR_TIMEOUT);
    assert_non_null(strstr(fault.text, "does not answer"));
    end(&scene);
}

static void test_signals_lengthen_no_wait(void **state)
{
    const struct sigaction action = {.sa_handler = on_alarm};

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    ask_one_that_is_silent(does_not_greet);
    ask_one_that_is_silent(says_nothing);
}

static void test_what_took_the_number_meanwhile_is_let_alone(void **state)
{
    struct scene scene;
    struct countersign_fault fault;
    char got[8];

    (void)state;
    for (int answers = 0; answers < 2; answers++) {
        scene = (struct scene){.taken = -1, .answers_then = answers};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, scene.program), 0);
        begin(&scene, loses_the_first);
        assert_int_equal(lock(&scene, &fault), 0);
        end(&scene);
        assert_int_equal(recv(scene.program[1], got, sizeof(got), MSG_DONTWAIT), -1);
        assert_int_equal(recv(scene.taken, got, sizeof(got), MSG_DONTWAIT), 4);
        assert_memory_equal(got, "mine", 4);
        close(scene.taken);
        close(scene.program[0]);
        close(scene.program[1]);
    }
}

static void test_a_person_may_think_as_long_as_they_like(void **state)
{
    static struct scene scene;
    struct countersign_fault fault;

    (void)state;
    begin(&scene, thinks);
    assert_int_equal(lock(&scene, &fault), 0);
    assert_int_equal(scene.pings, PINGS);
    /* The connection has served, and serves again. */
    atomic_store(&scene.pings, 0);
    assert_int_equal(lock(&scene, &fault), 0);
    assert_int_equal(scene.agent.n_connections, 1);
    end(&scene);
}

static void test_an_older_agent_is_borne_with(void **state)
{
    static struct scene scene;
    struct countersign_fault fault;

    (void)state;
    begin(&scene, knows_no_ping);
    assert_int_equal(lock(&scene, &fault), 0);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_agent_that_is_stopped_is_given_up),
        cmocka_unit_test(test_an_agent_that_does_not_greet_is_given_up),
        cmocka_unit_test(test_an_agent_that_was_silent_is_given_less_time),
        cmocka_unit_test(test_an_agent_that_takes_nobody_is_given_up),
        cmocka_unit_test(test_signals_lengthen_no_wait),
        cmocka_unit_test(test_what_took_the_number_meanwhile_is_let_alone),
        cmocka_unit_test(test_a_person_may_think_as_long_as_they_like),
        cmocka_unit_test(test_an_older_agent_is_borne_with),
    };

    return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
