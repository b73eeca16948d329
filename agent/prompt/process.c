/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pinentry's process. Invariant: it never outlives the prompt, and it gets no descriptor of
 * ours but its own end of one socketpair. Called by the pinentry conversation alone.
 */
#include "prompt/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 400 /* less, twice, than cs_ask_pin gives us */

static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};

int cs_process_find(char *path, size_t size, const char *name, struct cs_fault *fault)
{
    if (!*name)
        name = "pinentry";
    if (*name == '/') {
        if ((size_t)snprintf(path, size, "%s", name) < size && access(path, X_OK) == 0)
            return 0;
        return cs_fail(fault, CS_ERR_NOT_FOUND,
            "pinentry '%.200s' cannot be run: %s; correct 'pinentry' in the [agent] section", name,
            strerrordesc_np(errno));
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        int n = snprintf(path, size, "%s/%s", folders[i], name);

        if (n > 0 && (size_t)n < size && access(path, X_OK) == 0)
            return 0;
    }
    return cs_fail(fault, CS_ERR_NOT_FOUND,
        "no program '%.200s' in /usr/local/bin, /usr/bin or /bin: install a pinentry, or set "
        "'pinentry' in the [agent] section",
        name);
}

/* Between fork and exec. */
static void __attribute__((noreturn))
child(const char *path, char **environment, int fd, int report, pid_t parent)
{
    char *argv[] = {(char *)path, NULL};
    sigset_t none;
    int null, error;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent)
        _exit(127);
    null = open("/dev/null", O_WRONLY);
    if (null >= 0 && dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0 &&
        dup2(null, STDERR_FILENO) >= 0)
        execve(path, argv, environment);
    error = errno;
    if (write(report, &error, sizeof(error)) < 0)
        _exit(126);
    _exit(127);
}

/* Returns an errno. */
static int fork_child(
    struct cs_process *process, const char *path, char **environment, int fd, int report[2])
{
    pid_t parent = getpid();
    int error = 0;
    ssize_t n;

    process->pid = fork();
    if (process->pid < 0) {
        close(report[0]);
        close(report[1]);
        return errno;
    }
    if (process->pid == 0)
        child(path, environment, fd, report[1], parent);
    close(report[1]);
    do
        n = read(report[0], &error, sizeof(error));
    while (n < 0 && errno == EINTR);
    close(report[0]);
    if (n <= 0)
        return 0;
    waitpid(process->pid, NULL, 0);
    return error;
}

int cs_process_start(
    struct cs_process *process, const char *path, char **environment, struct cs_fault *fault)
{
    int fds[2], report[2], error;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return CS_ERR_SYSTEM;
    if (pipe2(report, O_CLOEXEC) < 0) {
        close(fds[0]);
        close(fds[1]);
        return CS_ERR_SYSTEM;
    }
    error = fork_child(process, path, environment, fds[1], report);
    close(fds[1]);
    if (error) {
        close(fds[0]);
        return cs_fail(fault, CS_ERR_SYSTEM,
            "pinentry '%.200s' does not start: %s; correct 'pinentry' in the [agent] section", path,
            strerrordesc_np(error));
    }
    process->fd = fds[0];
    return 0;
}

static bool gone_within(int pidfd, int ms)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    int n;

    do
        n = poll(&end, 1, ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

static void describe(int status, char *ended, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(ended, size, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(ended, size, "exit status %d", WEXITSTATUS(status));
}

void cs_process_end(struct cs_process *process, bool kindly, char *ended, size_t size)
{
    int pidfd = pidfd_open(process->pid, 0);
    bool itself = gone_within(pidfd, kindly ? END_MS : 0);
    int status = 0;

    /* A wrapper script may be gone while its dialog is still there: all of our group is told in any
     * case. We have the signal blocked, and read it no more. */
    kill(0, SIGTERM);
    if (!itself && !gone_within(pidfd, END_MS))
        kill(process->pid, SIGKILL);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pidfd >= 0)
        close(pidfd);
    *ended = '\0';
    if (itself)
        describe(status, ended, size);
}
