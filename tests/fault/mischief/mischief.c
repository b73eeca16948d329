/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A preloaded library that makes a program's system fail it: allocations, the clock, its own end in
 * the middle of an answer. $CS_MISCHIEF names a folder; in it a file with the program's short name
 * is a struct mischief that this library maps and the test writes, see mischief.py. Programs
 * without such a file are left alone. Never installed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define OBJECT_MAX 64

/* What stands in for libc must be seen. */
#pragma GCC visibility push(default)

struct mischief {
    /* The fail_at-th allocation from now fails, and fail_more behind it; 0: none. */
    _Atomic int64_t fail_at;
    _Atomic int64_t fail_more;
    _Atomic int64_t failed; /* so many have */
    /* Dies when it has sent so many more octets to clients; less than 0: never. */
    _Atomic int64_t output_left;
    _Atomic int64_t deaths;  /* and so often more, at the first octet */
    _Atomic int64_t sent;    /* octets to clients */
    _Atomic int64_t clock;   /* seconds that the wall clock is ahead */
    char object[OBJECT_MAX]; /* only allocations of the object with this name, if it has any */
};

static struct mischief *mischief;

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("CS_MISCHIEF");
    char path[4096];
    void *map;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "", program_invocation_short_name);
    fd = folder ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    map = mmap(NULL, sizeof(*mischief), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        mischief = map;
}

/* Allocations */

#ifndef WITHOUT_ALLOCATIONS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static bool is_of_object(const void *caller)
{
    Dl_info info;
    const char *slash;

    if (!mischief->object[0])
        return true;
    if (!dladdr(caller, &info) || !info.dli_fname)
        return false;
    slash = strrchr(info.dli_fname, '/');
    return strcmp(slash ? slash + 1 : info.dli_fname, mischief->object) == 0;
}

static bool fails(const void *caller)
{
    int64_t left;

    if (!mischief || atomic_load(&mischief->fail_at) <= 0 || !is_of_object(caller))
        return false;
    left = atomic_fetch_sub(&mischief->fail_at, 1);
    if (left != 1)
        return false;
    if (atomic_load(&mischief->fail_more) > 0) {
        atomic_fetch_sub(&mischief->fail_more, 1);
        atomic_store(&mischief->fail_at, 1);
    }
    atomic_fetch_add(&mischief->failed, 1);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}

void *reallocarray(void *block, size_t n, size_t size)
{
    size_t whole;

    if (__builtin_mul_overflow(n, size, &whole) || fails(__builtin_return_address(0))) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(block, whole);
}
#endif

/* What an agent sends to its clients */

static bool is_to_a_client(int fd)
{
    struct sockaddr_un here = {0};
    socklen_t len = sizeof(here);

    return getsockname(fd, (struct sockaddr *)&here, &len) == 0 && here.sun_family == AF_UNIX &&
           here.sun_path[0] == '/';
}

static void send_and_die(int fd, const struct msghdr *message, size_t left, int flags)
{
    struct iovec iov = message->msg_iov[0];

    if (iov.iov_len > left)
        iov.iov_len = left;
    if (left > 0)
        send(fd, iov.iov_base, iov.iov_len, flags);
    atomic_store(&mischief->output_left, atomic_fetch_sub(&mischief->deaths, 1) > 0 ? 0 : -1);
    kill(getpid(), SIGKILL);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    static ssize_t (*next)(int, const struct msghdr *, int);
    size_t whole = 0;

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "sendmsg");
    if (mischief && is_to_a_client(fd)) {
        int64_t left = atomic_load(&mischief->output_left);

        for (size_t i = 0; i < message->msg_iovlen; i++)
            whole += message->msg_iov[i].iov_len;
        if (left >= 0 && (size_t)left < whole)
            send_and_die(fd, message, (size_t)left, flags);
        if (left >= 0)
            atomic_fetch_sub(&mischief->output_left, (int64_t)whole);
        atomic_fetch_add(&mischief->sent, (int64_t)whole);
    }
    return next(fd, message, flags);
}

/* The wall clock */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*next)(clockid_t, struct timespec *);
    int r;

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
    r = next(clock, now);
    if (mischief && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += atomic_load(&mischief->clock);
    return r;
}

time_t time(time_t *secondsp)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    if (secondsp)
        *secondsp = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact = {0};

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    *now = (struct timeval){exact.tv_sec, exact.tv_nsec / 1000};
    return 0;
}
