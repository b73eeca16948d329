/* SPDX-License-Identifier: Apache-2.0 */
/* agent/place: where the agent's socket may be, and what is done about what is there. */
#include "socket/place.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64], directory[80], path[100], lock[120], other[80];
static struct cs_place place;
static struct cs_fault fault;
static int fd;

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/cs-test-place-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(directory, sizeof(directory), "%s/dir", folder);
    snprintf(path, sizeof(path), "%s/agent.sock", directory);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    snprintf(other, sizeof(other), "%s/other", folder);
    fault = (struct cs_fault){0};
    fd = -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (fd >= 0)
        close(fd);
    unlink(path);
    unlink(lock);
    if (rmdir(directory) < 0)
        unlink(directory);
    rmdir(other);
    return rmdir(folder);
}

static int bind_place(void)
{
    int r = cs_place_init(&place, path, &fault);

    return r < 0 ? r : cs_place_bind(&place, &fd, &fault);
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    assert_int_equal(lstat(name, &st), 0);
    return st.st_mode & 07777;
}

static void make_socket_file(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(dead, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(dead);
}

static void test_made_and_removed(void **state)
{
    mode_t mask = umask(0);

    (void)state;
    assert_int_equal(bind_place(), 0);
    umask(mask);
    assert_int_equal(mode_of(directory), 0700);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(lock), 0600);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(place.lock, F_GETFD) & FD_CLOEXEC);
    cs_place_deinit(&place);
    assert_int_equal(access(directory, F_OK), -1);
}

static void test_a_directory_that_was_there_stays(void **state)
{
    (void)state;
    mkdir(directory, 0700);
    assert_int_equal(bind_place(), 0);
    cs_place_deinit(&place);
    assert_int_equal(access(directory, F_OK), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static bool another_leaves;

/* Stands before that of libc: the agent before may remove its lock when we have just opened it. */
int flock(int file, int operation)
{
    if (another_leaves)
        unlink(lock);
    another_leaves = false;
    return (int)syscall(SYS_flock, file, operation);
}

static void test_what_is_locked_is_what_others_find(void **state)
{
    struct stat ours, there;

    (void)state;
    another_leaves = true;
    assert_int_equal(bind_place(), 0);
    assert_false(another_leaves);
    assert_int_equal(fstat(place.lock, &ours), 0);
    assert_int_equal(stat(lock, &there), 0);
    assert_int_equal(ours.st_ino, there.st_ino);
    cs_place_deinit(&place);
}

static bool another_comes;
static pid_t rival;

/* A supervisor, which asks nobody. */
static pid_t start_rival(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ready[2], its;
    pid_t pid;
    char byte;

    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        its = socket(AF_UNIX, SOCK_STREAM, 0);
        unlink(path);
        if (bind(its, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            syscall(SYS_listen, its, 1) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

/* Stands before that of libc. */
int listen(int its, int backlog)
{
    int r = (int)syscall(SYS_listen, its, backlog);

    if (another_comes)
        rival = start_rival();
    another_comes = false;
    return r;
}

static void test_who_replaces_our_socket_at_once_has_it(void **state)
{
    (void)state;
    another_comes = true;
    assert_int_equal(bind_place(), CS_ERR_BUSY);
    cs_place_deinit(&place);
    assert_int_equal(access(path, F_OK), 0);
    kill(rival, SIGKILL);
    assert_int_equal(waitpid(rival, NULL, 0), rival);
}

static void test_a_lock_that_leads_elsewhere(void **state)
{
    (void)state;
    mkdir(directory, 0700);
    assert_int_equal(symlink(other, lock), 0);
    assert_int_equal(bind_place(), CS_ERR_CONFIG);
    assert_int_equal(access(other, F_OK), -1);
    cs_place_deinit(&place);
}

static void test_open_to_others(void **state)
{
    (void)state;
    mkdir(directory, 0700);
    for (mode_t bit = 1; bit < 0100; bit <<= 1) {
        chmod(directory, 0700 | bit);
        assert_int_equal(bind_place(), CS_ERR_CONFIG);
        assert_non_null(strstr(fault.text, "chmod 700"));
        cs_place_deinit(&place);
    }
}

static void test_a_link(void **state)
{
    (void)state;
    mkdir(other, 0700);
    assert_int_equal(symlink(other, directory), 0);
    assert_int_equal(bind_place(), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "symbolic link"));
    cs_place_deinit(&place);
}

static void test_of_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    mkdir(directory, 0700);
    assert_int_equal(chown(directory, 65534, 65534), 0);
    assert_int_equal(bind_place(), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "another user"));
    cs_place_deinit(&place);
}

static void test_a_dead_socket_is_replaced(void **state)
{
    (void)state;
    mkdir(directory, 0700);
    make_socket_file();
    assert_int_equal(bind_place(), 0);
    cs_place_deinit(&place);
}

static void test_a_file_is_not_replaced(void **state)
{
    FILE *file;

    (void)state;
    mkdir(directory, 0700);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(bind_place(), CS_ERR_CONFIG);
    cs_place_deinit(&place);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_one_at_a_time(void **state)
{
    struct cs_place second;
    int second_fd = -1;

    (void)state;
    assert_int_equal(bind_place(), 0);
    assert_int_equal(cs_place_init(&second, path, &fault), 0);
    assert_int_equal(cs_place_bind(&second, &second_fd, &fault), CS_ERR_BUSY);
    assert_non_null(strstr(fault.text, path));
    cs_place_deinit(&second);
    assert_int_equal(access(path, F_OK), 0);
    cs_place_deinit(&place);
}

static void test_paths_that_cannot_be(void **state)
{
    char too_long[200] = "/";

    (void)state;
    memset(too_long + 1, 'x', sizeof(too_long) - 2);
    assert_int_equal(cs_place_init(&place, too_long, &fault), CS_ERR_CONFIG);
    assert_int_equal(cs_place_init(&place, "relative/agent.sock", &fault), CS_ERR_CONFIG);
    assert_int_equal(cs_place_init(&place, "/nonexistent/dir/agent.sock", &fault), 0);
    assert_int_equal(cs_place_bind(&place, &fd, &fault), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "XDG_RUNTIME_DIR"));
    cs_place_deinit(&place);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_made_and_removed),
        TEST(test_a_directory_that_was_there_stays),
        TEST(test_what_is_locked_is_what_others_find),
        TEST(test_who_replaces_our_socket_at_once_has_it),
        TEST(test_a_lock_that_leads_elsewhere),
        TEST(test_open_to_others),
        TEST(test_a_link),
        TEST(test_of_another_user),
        TEST(test_a_dead_socket_is_replaced),
        TEST(test_a_file_is_not_replaced),
        TEST(test_one_at_a_time),
        TEST(test_paths_that_cannot_be),
    };

    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
