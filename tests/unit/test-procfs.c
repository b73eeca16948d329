/* SPDX-License-Identifier: Apache-2.0 */
/* agent/socket/procfs: what the files in /proc say, and what a process is followed through. */
#include "socket/caller.h"
#include "socket/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void test_units(void **state)
{
    static const struct {
        const char *cgroup, *unit;
    } rows[] = {
        {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/nightly.service\n",
            "nightly.service"},
        {"0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"},
        {"0::/system.slice/x.service/payload/worker\n", "x.service"},
        {"0::/user.slice/user@1.service/app.slice/app-firefox-77.scope", "app-firefox-77.scope"},
        {"12:memory:/a.service\n1:name=systemd:/b.slice/c.service\n0::/\n", "c.service"},
        {"0::/\n", ""},
        {"0::/a.slice\n", ""},
        {"0::/.service\n", ""},
        {"4:memory:/a.service\n", ""},
        {"nonsense", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char unit[CS_PROGRAM_NAME];

        cs_procfs_parse_unit(rows[i].cgroup, unit);
        assert_string_equal(unit, rows[i].unit);
    }
}

static void test_a_unit_that_is_too_long(void **state)
{
    char cgroup[2 * CS_PROGRAM_NAME], unit[CS_PROGRAM_NAME];

    (void)state;
    memset(cgroup, 'x', sizeof(cgroup));
    memcpy(cgroup, "0::/", 4);
    memcpy(cgroup + sizeof(cgroup) - 9, ".service", 9);
    cs_procfs_parse_unit(cgroup, unit);
    assert_string_equal(unit, "");
}

static void test_snaps(void **state)
{
    static const struct {
        const char *label, *app;
    } rows[] = {
        {"snap.firefox.firefox (enforce)\n", "snap:firefox"},
        {"snap.firefox_2.geckodriver (complain)", "snap:firefox_2"},
        {"unconfined\n", ""},
        {"snap.", ""},
        {"snap.firefox (enforce)", ""},
        {"/usr/bin/snap.firefox.firefox", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char app[CS_PROGRAM_NAME];

        cs_procfs_parse_snap(rows[i].label, app);
        assert_string_equal(app, rows[i].app);
    }
}

static void test_flatpaks(void **state)
{
    static const struct {
        const char *info, *app;
    } rows[] = {
        {"[Application]\nname=org.mozilla.firefox\nruntime=runtime/org.fd/x86_64/23.08\n\n"
         "[Instance]\ninstance-id=1\n",
            "flatpak:org.mozilla.firefox"},
        {"[Context]\nshared=network;ipc;\n[Application]\nname=org.a\n", "flatpak:org.a"},
        {"[Runtime]\nname=org.freedesktop.Platform\n", ""},
        {"[Instance]\nname=org.mozilla.firefox\n", ""},
        {"name=org.mozilla.firefox\n", ""},
        {"[Application]\nname=org.\033[2Ja\n", ""},
        {"[Application]\nname=\n", ""},
        {"[Application]\nruntime=x\n", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char app[CS_PROGRAM_NAME] = "before";

        cs_procfs_parse_flatpak(rows[i].info, app);
        assert_string_equal(app, rows[i].app);
    }
}

static void test_a_flatpak_that_is_too_long(void **state)
{
    char info[2 * CS_PROGRAM_NAME] = "[Application]\nname=", app[CS_PROGRAM_NAME];
    size_t head = strlen(info);

    (void)state;
    memset(info + head, 'x', CS_PROGRAM_NAME - 8);
    cs_procfs_parse_flatpak(info, app);
    assert_string_equal(app, "");
    info[head + CS_PROGRAM_NAME - 9] = '\0';
    cs_procfs_parse_flatpak(info, app);
    assert_int_equal(strlen(app), CS_PROGRAM_NAME - 1);
}

/* A child that becomes `cat` when it is told to, and ends when its input does. */
struct child {
    pid_t pid;
    int input;
};

static struct child child_start(void)
{
    struct child child;
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    child.pid = fork();
    if (child.pid == 0) {
        char c;

        close(pipes[1]);
        dup2(pipes[0], 0);
        if (read(0, &c, 1) == 1)
            execl("/bin/cat", "cat", "two words", "-", NULL);
        _exit(1);
    }
    close(pipes[0]);
    child.input = pipes[1];
    return child;
}

static void test_a_process_that_becomes_another_program(void **state)
{
    struct child child = child_start();
    struct cs_procfs procfs;
    char own[CS_PROGRAM_PATH] = "", command[64];
    char *cat = realpath("/bin/cat", NULL);

    (void)state;
    assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
    assert_non_null(cat);
    cs_procfs_init(&procfs, pidfd_open(child.pid, 0), child.pid);
    assert_true(cs_procfs_look(&procfs));
    assert_string_equal(procfs.program.path, own);
    assert_null(procfs.program.doubt);
    assert_false(cs_procfs_look(&procfs));

    assert_int_equal(write(child.input, "x", 1), 1);
    while (!cs_procfs_look(&procfs))
        ;
    assert_string_equal(procfs.program.path, cat);
    while (strncmp(cs_procfs_command(&procfs, command, sizeof(command)), "cat ", 4) != 0)
        ;
    assert_string_equal(command, "cat two words -");

    close(child.input);
    waitpid(child.pid, NULL, 0);
    assert_false(cs_procfs_look(&procfs));
    assert_string_equal(procfs.program.path, "");
    cs_procfs_deinit(&procfs);
    free(cat);
}

/* A copy of cat that is removed while it runs: "/… (deleted)" is no path. */
static void test_an_executable_that_was_removed(void **state)
{
    char folder[] = "/tmp/cs-test-procfs-XXXXXX", copy[64], command[128];
    struct cs_procfs procfs;
    int pipes[2];
    pid_t pid;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(copy, sizeof(copy), "%s/cat", folder);
    snprintf(command, sizeof(command), "cp /bin/cat %s", copy);
    assert_int_equal(system(command), 0);
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        close(pipes[1]);
        dup2(pipes[0], 0);
        execl(copy, "cat", NULL);
        _exit(1);
    }
    close(pipes[0]);
    cs_procfs_init(&procfs, pidfd_open(pid, 0), pid);
    do
        cs_procfs_look(&procfs);
    while (strcmp(procfs.program.path, copy) != 0);

    unlink(copy);
    rmdir(folder);
    assert_true(cs_procfs_look(&procfs));
    assert_string_equal(procfs.program.path, "");
    assert_non_null(strstr(procfs.link, " (deleted)"));
    assert_non_null(strstr(procfs.program.doubt, "start it again"));
    close(pipes[1]);
    waitpid(pid, NULL, 0);
    cs_procfs_deinit(&procfs);
}

static void test_a_process_that_cannot_be_looked_at_any_more(void **state)
{
    const struct cs_executable none = {0};
    struct child child = child_start();
    struct cs_caller caller;
    char own[CS_PROGRAM_PATH] = "";

    (void)state;
    assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
    cs_caller_init_process(&caller, getuid(), child.pid, -1);
    assert_string_equal(cs_caller_name(&caller), own);
    assert_false(cs_executable_equal(&caller.procfs.file, &none));
    close(child.input);
    waitpid(child.pid, NULL, 0);
    assert_string_equal(cs_caller_look(&caller)->path, "");
    /* Neither its name nor a consent to what it was. */
    assert_memory_equal(cs_caller_name(&caller), "an unknown program that was '", 29);
    assert_true(cs_executable_equal(&caller.procfs.file, &none));
    cs_caller_deinit(&caller);
}

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static bool another_device, another_inode; /* the file at a path lies in another file system, say */

/* Stands before that of libc. */
int stat(const char *path, struct stat *st)
{
    int r = fstatat(AT_FDCWD, path, st, 0);

    st->st_dev += another_device;
    st->st_ino += another_inode;
    return r;
}

static void test_a_path_is_believed_if_it_leads_to_the_same_file(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct cs_procfs procfs;

        another_device = i & 1;
        another_inode = i & 2;
        cs_procfs_init(&procfs, pidfd_open(getpid(), 0), getpid());
        assert_true(cs_procfs_look(&procfs));
        assert_int_equal(procfs.program.path[0] != '\0', i == 0);
        assert_int_equal(procfs.program.doubt == NULL, i == 0);
        cs_procfs_deinit(&procfs);
    }
    another_device = another_inode = false;
}

static int becomes = -1; /* says so to a child, when its name has just been read */

ssize_t readlinkat(int directory, const char *path, char *out, size_t size)
{
    ssize_t n = syscall(SYS_readlinkat, directory, path, out, size);
    struct stat before, now;

    if (becomes < 0)
        return n;
    assert_int_equal(fstatat(directory, path, &before, 0), 0);
    assert_int_equal(write(becomes, "x", 1), 1);
    do
        assert_int_equal(fstatat(directory, path, &now, 0), 0);
    while (now.st_ino == before.st_ino);
    becomes = -1;
    return n;
}

static void test_a_name_is_believed_if_it_is_still_the_files(void **state)
{
    struct child child = child_start();
    struct cs_procfs procfs;

    (void)state;
    cs_procfs_init(&procfs, pidfd_open(child.pid, 0), child.pid);
    becomes = child.input;
    assert_false(cs_procfs_look(&procfs));
    assert_int_equal(becomes, -1);
    assert_string_equal(procfs.program.path, "");
    assert_true(cs_procfs_look(&procfs));
    assert_non_null(strstr(procfs.program.path, "/cat"));
    close(child.input);
    waitpid(child.pid, NULL, 0);
    cs_procfs_deinit(&procfs);
}

static int no_pidfd; /* why the kernel gives none of a peer; 0: it does as it likes */

/* Stands before that of libc. */
int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    if (level == SOL_SOCKET && name == SO_PEERPIDFD && no_pidfd) {
        errno = no_pidfd;
        return -1;
    }
    return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

static void test_a_number_is_believed_by_an_older_kernel_alone(void **state)
{
    static const struct {
        int error;
        bool known;
    } rows[] = {{0, true}, {ENOPROTOOPT, true}, {EINVAL, false}, {ESRCH, false}, {EMFILE, false}};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cs_caller caller;

        no_pidfd = rows[i].error;
        assert_int_equal(cs_caller_init(&caller, fds[0]), 0);
        assert_int_equal(caller.pid, getpid());
        assert_int_equal(caller.exe[0] != '\0', rows[i].known);
        cs_caller_deinit(&caller);
    }
    no_pidfd = 0;
    close(fds[0]);
    close(fds[1]);
}

static void test_no_process(void **state)
{
    struct cs_procfs procfs;
    char command[8];

    (void)state;
    cs_procfs_init(&procfs, -1, 0);
    assert_false(cs_procfs_look(&procfs));
    cs_procfs_describe(&procfs);
    assert_string_equal(procfs.program.path, "");
    assert_string_equal(cs_procfs_command(&procfs, command, sizeof(command)), "");
    cs_procfs_deinit(&procfs);
}

/* The process that connected has ended, and its number is another's by now: ours. */
static void test_a_number_that_is_another_process(void **state)
{
    struct cs_procfs procfs;
    int pidfd, next;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0)
        _exit(0);
    pidfd = pidfd_open(pid, 0);
    waitpid(pid, NULL, 0);
    cs_procfs_init(&procfs, pidfd, getpid());
    /* What gets the next descriptor is not taken for the process, and not closed with it. */
    next = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_false(cs_procfs_look(&procfs));
    cs_procfs_deinit(&procfs);
    assert_int_equal(close(next), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_a_unit_that_is_too_long),
        cmocka_unit_test(test_snaps),
        cmocka_unit_test(test_flatpaks),
        cmocka_unit_test(test_a_flatpak_that_is_too_long),
        cmocka_unit_test(test_a_process_that_becomes_another_program),
        cmocka_unit_test(test_an_executable_that_was_removed),
        cmocka_unit_test(test_a_process_that_cannot_be_looked_at_any_more),
        cmocka_unit_test(test_a_path_is_believed_if_it_leads_to_the_same_file),
        cmocka_unit_test(test_a_name_is_believed_if_it_is_still_the_files),
        cmocka_unit_test(test_a_number_is_believed_by_an_older_kernel_alone),
        cmocka_unit_test(test_no_process),
        cmocka_unit_test(test_a_number_that_is_another_process),
    };

    return cmocka_run_group_tests_name("procfs", tests, NULL, NULL);
}
