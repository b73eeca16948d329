/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the command that a PIN is configured to come from. The PIN goes from the pipe into the
 * secret. The child leads a process group, which is killed when it does not end. Called by pin.
 */
#include "token-host/child.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define END_MS 2000 /* from its last output to its end */

extern char **environ;

static int set_actions(posix_spawn_file_actions_t *actions, int out)
{
    int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (r == 0)
        r = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
    /* A module may have opened descriptors without close-on-exec. */
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return r;
}

/* Returns an errno. */
static int spawn(char *const argv[], int out, pid_t *pidp)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(
        &attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    r = set_actions(&actions, out);
    if (r == 0)
        r = posix_spawnp(pidp, argv[0], &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* Reaps the child, by force if it must be; returns its wait status. */
static int finish(pid_t pid, bool patient)
{
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    int status = 0;

    if (!patient || poll(&end, 1, END_MS) <= 0)
        kill(-pid, SIGKILL);
    if (end.fd >= 0)
        close(end.fd);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static int explain_end(const char *program, int status, struct cs_fault *fault)
{
    if (WIFEXITED(status))
        return cs_fail(fault, CS_ERR_LOCKED, "the command %s failed with status %d", program,
            WEXITSTATUS(status));
    return cs_fail(
        fault, CS_ERR_LOCKED, "the command %s was killed by signal %d", program, WTERMSIG(status));
}

static int read_pin(const char *program, pid_t pid, int out, int cancel_fd, int timeout_ms,
    struct cs_secret *pin, struct cs_fault *fault)
{
    int r = cs_secret_read(pin, out, cancel_fd, timeout_ms);
    int status = finish(pid, r == 0);

    if (r == CS_ERR_TIMEOUT)
        return cs_fail(
            fault, r, "the command %s gave no PIN within %d s", program, timeout_ms / 1000);
    if (r < 0)
        return cs_fail(fault, r, "the command %s gave no PIN: %s", program, cs_error_text(r));
    if (status != 0)
        return explain_end(program, status, fault);
    if (cs_secret_len(pin) == 0)
        return cs_fail(fault, CS_ERR_LOCKED, "the command %s gave no PIN", program);
    return 0;
}

int cs_child_read_pin(char *const argv[], int cancel_fd, int timeout_ms, struct cs_secret *pin,
    struct cs_fault *fault)
{
    int out[2], r;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) < 0)
        return CS_ERR_SYSTEM;
    r = spawn(argv, out[1], &pid);
    close(out[1]);
    if (r != 0)
        r = cs_fail(
            fault, CS_ERR_LOCKED, "the command %s does not start: %s", argv[0], strerrordesc_np(r));
    else
        r = read_pin(argv[0], pid, out[0], cancel_fd, timeout_ms, pin, fault);
    close(out[0]);
    return r;
}
