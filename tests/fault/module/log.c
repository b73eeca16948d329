/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call log, file "log" in the control directory. A line is
 *     SECONDS.MICROSECONDS PROCESS THREAD WHAT [KEY=VALUE]...
 * on the monotonic clock. WHAT is a function's name, when a call ends:
 *     C_Sign slot=0 session=3 rv=CKR_OK us=412
 * or @ and an event (@loaded @hang @crash @keypad @gone @back), or ! and an error that should fail
 * a test (!script !overlap). A line is one write to a file opened for appending, so lines of
 * several threads and processes do not mix, and none is lost when the process dies.
 */
#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static atomic_int log_fd = -1;

bool fault_log_open(int dirfd)
{
    /* Without O_CLOEXEC, as many a vendor's module. */
    int fd = openat(dirfd, "log", O_WRONLY | O_APPEND | O_CREAT, 0600);
    int old;

    if (fd < 0)
        return false;
    old = atomic_exchange(&log_fd, fd);
    if (old >= 0)
        close(old);
    return true;
}

uint64_t fault_log_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void fault_log(const char *format, ...)
{
    uint64_t now = fault_log_now();
    char line[1024];
    va_list args;
    int n, m;

    n = snprintf(line, sizeof(line), "%lu.%06lu %d %d ", (unsigned long)(now / 1000000),
        (unsigned long)(now % 1000000), (int)getpid(), (int)gettid());
    va_start(args, format);
    m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
    va_end(args);
    n += m;
    if ((size_t)n > sizeof(line) - 2)
        n = sizeof(line) - 2;
    line[n++] = '\n';
    if (write(atomic_load(&log_fd), line, (size_t)n) < 0)
        return; /* a full disk is no fault of the caller */
}

/* The module may be unloaded and loaded again. */
__attribute__((destructor)) static void close_log(void)
{
    int fd = atomic_exchange(&log_fd, -1);

    if (fd >= 0)
        close(fd);
}
