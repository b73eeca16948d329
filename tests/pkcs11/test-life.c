/* SPDX-License-Identifier: Apache-2.0 */
/* The module's life in a program: initialised twice or not at all, forked, finalised under use,
 * unloaded; with an agent that is not there, comes, goes, or does not answer. */
#include "caller.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static CK_ULONG present(void)
{
    CK_ULONG n = 0;

    assert_ok(call->C_GetSlotList(CK_TRUE, NULL, &n));
    return n;
}

/* The cabinet, in this process too, closes its ends when it is stopped. */
static unsigned n_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(directory))
        n++;
    closedir(directory);
    return n - (unsigned)cabinet.keyring.agent.n_connections;
}

static void test_nothing_works_before_and_after(void **state)
{
    CK_SESSION_HANDLE session;
    CK_ULONG n;
    CK_INFO info;

    (void)state;
    assert_int_equal(call->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(call->C_GetSlotList(CK_TRUE, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(call->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_ok(call->C_Initialize(NULL));
    assert_int_equal(call->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    session = caller_session();
    assert_int_equal(call->C_Finalize(&n), CKR_ARGUMENTS_BAD);
    assert_ok(call->C_Finalize(NULL));
    assert_int_equal(call->C_CloseSession(session), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_ok(call->C_Initialize(NULL));
    assert_int_equal(call->C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
}

static CK_RV no_mutex(void **mutex)
{
    (void)mutex;
    return CKR_OK;
}

static CK_RV no_lock(void *mutex)
{
    (void)mutex;
    return CKR_OK;
}

static CK_RV initialize(CK_C_INITIALIZE_ARGS args)
{
    CK_RV rv = call->C_Initialize(&args);

    if (rv == CKR_OK)
        assert_ok(call->C_Finalize(NULL));
    return rv;
}

static void test_arguments_of_known_programs_are_taken(void **state)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

    (void)state;
    assert_ok(initialize(args)); /* Java */
    args.flags |= CKF_LIBRARY_CANT_CREATE_OS_THREADS;
    assert_ok(initialize(args)); /* GnuTLS */
    args.CreateMutex = no_mutex;
    args.DestroyMutex = args.LockMutex = args.UnlockMutex = no_lock;
    assert_ok(initialize(args)); /* NSS */
    args.flags = 0;
    assert_int_equal(initialize(args), CKR_CANT_LOCK);
    args.UnlockMutex = NULL;
    assert_int_equal(initialize(args), CKR_ARGUMENTS_BAD);
    args = (CK_C_INITIALIZE_ARGS){.pReserved = &args};
    assert_int_equal(initialize(args), CKR_ARGUMENTS_BAD);
}

static void test_an_agent_may_come_later(void **state)
{
    CK_SLOT_ID slot;

    (void)state;
    fake_agent_stop(&cabinet.keyring.agent);
    assert_ok(call->C_Initialize(NULL));
    assert_int_equal(present(), 0);
    assert_int_equal(call->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    fake_agent_restart(&cabinet.keyring.agent);
    assert_int_equal(present(), 1);
    assert_ok(call->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
    assert_int_equal(slot, 0);
    caller_session();
}

/* It can be reached, but can tell nothing: so its tokens go, and come when it is mended. */
static void test_an_agent_may_come_to_life_late(void **state)
{
    CK_SLOT_ID slot;
    CK_SLOT_INFO info;

    (void)state;
    fake_agent_stop(&cabinet.keyring.agent);
    cabinet.n_watchers = 0;
    cabinet.refusing = true;
    fake_agent_restart(&cabinet.keyring.agent);
    assert_ok(call->C_WaitForSlotEvent(0, &slot, NULL));
    assert_int_equal(slot, 0);
    assert_ok(call->C_GetSlotInfo(slot, &info));
    assert_false(info.flags & CKF_TOKEN_PRESENT);
    cabinet.refusing = false;
    assert_ok(call->C_WaitForSlotEvent(0, &slot, NULL));
    assert_ok(call->C_GetSlotInfo(slot, &info));
    assert_true(info.flags & CKF_TOKEN_PRESENT);
}

static void test_a_restarted_agent_ends_no_session(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = caller_find(session, CKO_PRIVATE_KEY, "ec");
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_SESSION_INFO info;
    CK_BYTE signature[64];
    CK_ULONG len = sizeof(signature);

    (void)state;
    fake_agent_stop(&cabinet.keyring.agent);
    cabinet.n_watchers = 0;
    assert_ok(call->C_GetSessionInfo(session, &info));
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_int_equal(call->C_Sign(session, (CK_BYTE *)"x", 1, signature, &len), CKR_DEVICE_REMOVED);
    fake_agent_restart(&cabinet.keyring.agent);
    assert_ok(call->C_GetSessionInfo(session, &info));
    assert_int_equal(caller_find(session, CKO_PRIVATE_KEY, "ec"), key);
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_ok(call->C_Sign(session, (CK_BYTE *)"x", 1, signature, &len));
}

/* An agent that is stopped costs C_Initialize a moment, and later calls nothing. */
static void test_an_agent_that_does_not_answer_is_not_waited_for(void **state)
{
    CK_TOKEN_INFO info;
    CK_ULONG n;

    (void)state;
    cabinet.deaf = true;
    assert_ok(call->C_Initialize(NULL));
    assert_int_equal(caller_asked(), 4);
    for (int i = 0; i < 1000; i++)
        assert_ok(call->C_GetSlotList(CK_TRUE, NULL, &n));
    assert_int_equal(caller_asked(), 0);
    assert_ok(call->C_Finalize(NULL));
    cabinet.deaf = false;
    assert_ok(call->C_Initialize(NULL));
    cabinet.deaf = true;
    caller_asked();
    cabinet_put(&cabinet, 1, "more");
    for (int i = 0; i < 1000; i++)
        assert_ok(call->C_GetTokenInfo(0, &info));
    assert_int_equal(caller_asked(), 3); /* once, for the three lists */
}

static int in_child(int (*work)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        _exit(work());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static CK_SESSION_HANDLE inherited;

static int child_forgets(void)
{
    CK_SESSION_INFO info;
    CK_ULONG n;

    return call->C_GetSessionInfo(inherited, &info) == CKR_CRYPTOKI_NOT_INITIALIZED &&
                   call->C_GetSlotList(CK_TRUE, NULL, &n) == CKR_CRYPTOKI_NOT_INITIALIZED &&
                   call->C_Finalize(NULL) == CKR_CRYPTOKI_NOT_INITIALIZED
               ? 0
               : 1;
}

static int child_begins_anew(void)
{
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_SESSION_INFO info;
    CK_BYTE signature[64];
    CK_ULONG len = sizeof(signature), n = 1;
    CK_ATTRIBUTE template[] = {{CKA_LABEL, (void *)"ec", 2},
        {CKA_CLASS, &(CK_OBJECT_CLASS){CKO_PRIVATE_KEY}, sizeof(CK_OBJECT_CLASS)}};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;

    if (call->C_Initialize(NULL) != CKR_OK)
        return 1;
    if (call->C_GetSessionInfo(inherited, &info) != CKR_SESSION_HANDLE_INVALID)
        return 2;
    if (call->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK ||
        call->C_FindObjectsInit(session, template, 2) != CKR_OK ||
        call->C_FindObjects(session, &key, 1, &n) != CKR_OK || n != 1)
        return 3;
    if (call->C_FindObjectsFinal(session) != CKR_OK ||
        call->C_SignInit(session, &mechanism, key) != CKR_OK ||
        call->C_Sign(session, (CK_BYTE *)"x", 1, signature, &len) != CKR_OK)
        return 4;
    return call->C_Finalize(NULL) == CKR_OK ? 0 : 5;
}

static int child_has_a_child(void)
{
    if (child_begins_anew() != 0 || call->C_Initialize(NULL) != CKR_OK)
        return 1;
    return in_child(child_forgets) == 0 && in_child(child_begins_anew) == 0 ? 0 : 2;
}

static void test_a_child_begins_anew(void **state)
{
    (void)state;
    inherited = caller_session();
    assert_int_equal(in_child(child_forgets), 0);
    assert_int_equal(in_child(child_begins_anew), 0);
    assert_int_equal(in_child(child_has_a_child), 0);
    caller_find(inherited, CKO_PRIVATE_KEY, "ec"); /* and the parent goes on */
}

static atomic_bool done;

static void *look_on(void *unused)
{
    CK_ULONG n;

    (void)unused;
    while (!done)
        call->C_GetSlotList(CK_FALSE, NULL, &n);
    return NULL;
}

/* Whoever holds the lock at the moment of the fork. */
static void test_a_child_of_a_busy_program_begins_anew(void **state)
{
    pthread_t threads[4];

    (void)state;
    inherited = caller_session();
    done = false;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_on, NULL), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(in_child(child_forgets), 0);
        assert_int_equal(in_child(child_begins_anew), 0);
    }
    done = true;
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void *use(void *unused)
{
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};

    (void)unused;
    for (int i = 0; i < 20; i++) {
        CK_SESSION_HANDLE session;
        CK_ATTRIBUTE template[] = {{CKA_LABEL, (void *)"ec", 2},
            {CKA_CLASS, &(CK_OBJECT_CLASS){CKO_PRIVATE_KEY}, sizeof(CK_OBJECT_CLASS)}};
        CK_BYTE signature[64];
        CK_ULONG len = sizeof(signature), n = 0;
        CK_OBJECT_HANDLE key = 0;

        if (call->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
            continue;
        call->C_FindObjectsInit(session, template, 2);
        call->C_FindObjects(session, &key, 1, &n);
        call->C_FindObjectsFinal(session);
        if (call->C_SignInit(session, &mechanism, key) == CKR_OK)
            call->C_Sign(session, (CK_BYTE *)"x", 1, signature, &len);
        call->C_CloseSession(session);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    pthread_t threads[8];

    (void)state;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, NULL), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(cabinet.keyring.n_signed, 8 * 20);
}

static void test_finalize_under_use(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, NULL), 0);
    for (int i = 0; i < 6; i++) {
        assert_ok(call->C_Finalize(NULL));
        assert_ok(call->C_Initialize(NULL));
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(present(), 1);
}

static void test_unloading_leaves_no_descriptor(void **state)
{
    unsigned before = n_descriptors();

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_ok(call->C_Initialize(NULL));
        use(NULL);
        assert_ok(call->C_Finalize(NULL));
        dlclose(module);
        caller_load_module();
    }
    assert_int_equal(n_descriptors(), before);
    assert_int_equal(cabinet.keyring.n_signed, 3 * 20);
}

/* Of which none may be written to or closed by somebody else. */
static bool are_untouched(const int *pipes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int unread;

        if (ioctl(pipes[2 * i], FIONREAD, &unread) < 0 || unread != 0 ||
            fcntl(pipes[2 * i + 1], F_GETFD) < 0)
            return false;
    }
    return true;
}

/* As a daemon begins: it closes what it was left, and opens descriptors of its own. */
static int child_closes_what_it_did_not_open(void)
{
    int pipes[64];

    if (call->C_Initialize(NULL) != CKR_OK)
        return 1;
    use(NULL);
    closefrom(3);
    for (size_t i = 0; i < 32; i++)
        if (pipe(&pipes[2 * i]) < 0)
            return 2;
    use(NULL);
    if (call->C_Finalize(NULL) != CKR_OK)
        return 3;
    return are_untouched(pipes, 32) ? 0 : 4;
}

static void test_what_took_the_number_of_a_descriptor_is_let_alone(void **state)
{
    (void)state;
    assert_int_equal(in_child(child_closes_what_it_did_not_open), 0);
}

struct waiter {
    _Atomic pid_t tid;
    CK_RV rv;
};

static void *wait_for_event(void *data)
{
    struct waiter *waiter = data;
    CK_SLOT_ID slot;

    atomic_store(&waiter->tid, gettid());
    waiter->rv = call->C_WaitForSlotEvent(0, &slot, NULL);
    return NULL;
}

static int open_state(pid_t tid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
    return open(path, O_RDONLY);
}

static bool is_asleep(int fd)
{
    char text[256] = "";
    const char *state;

    if (pread(fd, text, sizeof(text) - 1, 0) < 0)
        return false;
    state = strrchr(text, ')');
    return state && state[2] == 'S';
}

static bool sleeps(pid_t tid)
{
    int fd = open_state(tid);
    bool asleep = is_asleep(fd);

    close(fd);
    return asleep;
}

static pthread_t start_waiter(struct waiter *waiter)
{
    pthread_t thread;

    *waiter = (struct waiter){0};
    assert_int_equal(pthread_create(&thread, NULL, wait_for_event, waiter), 0);
    while (!atomic_load(&waiter->tid) || !sleeps(waiter->tid))
        sched_yield();
    return thread;
}

/* It goes on in no life but the one in which it began. */
static void test_finalize_ends_waiting(void **state)
{
    struct waiter waiter;
    pthread_t thread;

    (void)state;
    for (int again = 0; again < 2; again++) {
        thread = start_waiter(&waiter);
        assert_ok(call->C_Finalize(NULL));
        if (again)
            assert_ok(call->C_Initialize(NULL));
        pthread_join(thread, NULL);
        assert_int_equal(waiter.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        if (!again)
            assert_ok(call->C_Initialize(NULL));
    }
}

static atomic_bool let;

static void *wait_when_let(void *data)
{
    struct waiter *waiter = data;

    atomic_store(&waiter->tid, gettid());
    while (!atomic_load(&let))
        sched_yield();
    return wait_for_event(waiter);
}

/* Starts one that waits while the process may open nothing more. */
static pthread_t start_poor_waiter(struct waiter *waiter)
{
    struct rlimit few;
    pthread_t thread;
    int state;

    *waiter = (struct waiter){0};
    let = false;
    assert_int_equal(pthread_create(&thread, NULL, wait_when_let, waiter), 0);
    while (!atomic_load(&waiter->tid))
        sched_yield();
    state = open_state(waiter->tid);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    let = true;
    while (!is_asleep(state))
        sched_yield();
    close(state);
    return thread;
}

static void test_waiting_needs_no_descriptor(void **state)
{
    struct waiter waiter;
    struct rlimit usual;
    pthread_t thread;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    thread = start_poor_waiter(&waiter);
    cabinet_put(&cabinet, 1, "more");
    pthread_join(thread, NULL);
    assert_ok(waiter.rv);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    thread = start_poor_waiter(&waiter);
    assert_ok(call->C_Finalize(NULL));
    pthread_join(thread, NULL);
    assert_int_equal(waiter.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
}

/* A connection to the agent, or what wakes those who wait. */
static bool is_of_the_module(int fd)
{
    struct sockaddr_un peer = {0};
    socklen_t len = sizeof(peer);
    int type = 0;

    if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
        return strcmp(peer.sun_path, cabinet.keyring.agent.path) == 0;
    len = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
}

static size_t find_numbers(int *numbers, size_t room)
{
    size_t n = 0;

    for (int fd = 3; fd < 1024 && n < room; fd++)
        if (is_of_the_module(fd))
            numbers[n++] = fd;
    return n;
}

struct opener {
    CK_RV initialized, listed;
    CK_ULONG n;
    atomic_bool done;
};

static void *open_module(void *data)
{
    struct opener *opener = data;

    opener->initialized = call->C_Initialize(NULL);
    opener->listed = call->C_GetSlotList(CK_TRUE, NULL, &opener->n);
    atomic_store(&opener->done, true);
    return NULL;
}

/* Two parts of a program that know nothing of one another open it at once: both see the token. */
static void test_who_opens_it_second_sees_as_much(void **state)
{
    struct opener openers[2] = {0};
    pthread_t threads[2];
    int numbers[6];

    (void)state;
    for (int tokens = 1; tokens >= 0; tokens--) {
        if (tokens == 0)
            cabinet_put(&cabinet, 0, NULL);
        pthread_mutex_lock(&cabinet.keyring.agent.mutex); /* so it answers nothing yet */
        for (size_t i = 0; i < 2; i++) {
            openers[i] = (struct opener){0};
            assert_int_equal(pthread_create(&threads[i], NULL, open_module, &openers[i]), 0);
        }
        /* The two that the module keeps, and those that each call has for itself. */
        while (find_numbers(numbers, 6) < 6 && !openers[0].done && !openers[1].done)
            usleep(1000);
        pthread_mutex_unlock(&cabinet.keyring.agent.mutex);
        for (size_t i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
            assert_ok(openers[i].listed);
            assert_int_equal(openers[i].n, tokens);
        }
        assert_int_equal(
            openers[0].initialized + openers[1].initialized, CKR_CRYPTOKI_ALREADY_INITIALIZED);
        assert_ok(call->C_Finalize(NULL));
    }
}

static void test_what_took_a_number_while_somebody_waited_is_let_alone(void **state)
{
    struct waiter waiter = {0};
    pthread_t thread;
    int numbers[4], pipes[2];

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "mine", 4), 4);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_event, &waiter), 0);
    /* The two that the module keeps, and those that the call has for itself. */
    while (find_numbers(numbers, 4) < 4 || !sleeps(waiter.tid))
        usleep(1000);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fcntl(numbers[i], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(dup2(pipes[0], numbers[i]), numbers[i]);
    }
    cabinet_put(&cabinet, 1, "more");
    pthread_join(thread, NULL);
    assert_ok(waiter.rv);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(close(numbers[i]), 0);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, caller_unload)
        TEST(test_nothing_works_before_and_after, caller_load),
        TEST(test_arguments_of_known_programs_are_taken, caller_load),
        TEST(test_an_agent_may_come_later, caller_load),
        TEST(test_an_agent_may_come_to_life_late, caller_initialize),
        TEST(test_a_restarted_agent_ends_no_session, caller_initialize),
        TEST(test_an_agent_that_does_not_answer_is_not_waited_for, caller_load),
        TEST(test_a_child_begins_anew, caller_initialize),
        TEST(test_a_child_of_a_busy_program_begins_anew, caller_initialize),
        TEST(test_many_threads, caller_initialize),
        TEST(test_finalize_under_use, caller_initialize),
        TEST(test_finalize_ends_waiting, caller_initialize),
        TEST(test_unloading_leaves_no_descriptor, caller_load),
        TEST(test_waiting_needs_no_descriptor, caller_initialize),
        TEST(test_what_took_the_number_of_a_descriptor_is_let_alone, caller_load),
        TEST(test_who_opens_it_second_sees_as_much, caller_load),
        TEST(test_what_took_a_number_while_somebody_waited_is_let_alone, caller_initialize),
    };

    alarm(120);
    return cmocka_run_group_tests_name(
        "pkcs11-life", tests, caller_start_cabinet, caller_stop_cabinet);
}
