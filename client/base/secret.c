/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret memory. Each secret has pages of its own, so that locking, dumping and wiping touch
 * nothing else. Invariant: no copy is made here; who needs the bytes borrows them.
 */
#include "base/secret.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

struct cs_secret {
    size_t len;
    size_t mapped;
    char data[CS_SECRET_MAX + 2]; /* room for a line end, and for one byte too many or a zero */
};

void cs_wipe(void *data, size_t len)
{
    explicit_bzero(data, len);
}

int cs_secret_new(struct cs_secret **secretp)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (sizeof(struct cs_secret) + page - 1) / page * page;
    struct cs_secret *secret;

    secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED)
        return CS_ERR_MEMORY;
    if (mlock(secret, size) < 0)
        cs_log_errno(CS_LOG_WARNING, "cannot lock memory for a PIN (raise RLIMIT_MEMLOCK)");
    madvise(secret, size, MADV_DONTDUMP);
    madvise(secret, size, MADV_WIPEONFORK);
    secret->mapped = size;
    *secretp = secret;
    return 0;
}

void cs_secret_free(struct cs_secret *secret)
{
    size_t size;

    if (!secret)
        return;
    size = secret->mapped;
    cs_wipe(secret, size);
    munmap(secret, size);
}

char *cs_secret_data(struct cs_secret *secret)
{
    return secret->data;
}

size_t cs_secret_len(const struct cs_secret *secret)
{
    return secret->len;
}

int cs_secret_set_len(struct cs_secret *secret, size_t len)
{
    if (len > CS_SECRET_MAX)
        return CS_ERR_TOO_LARGE;
    secret->len = len;
    secret->data[len] = '\0';
    return 0;
}

static int wait_readable(int fd, int cancel_fd, long long deadline)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    int n;

    do {
        long long left = deadline - cs_clock_ms();

        if (left <= 0)
            return CS_ERR_TIMEOUT;
        n = poll(fds, 2, (int)left);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return CS_ERR_SYSTEM;
    if (n == 0)
        return CS_ERR_TIMEOUT;
    return fds[1].revents ? CS_ERR_CANCELLED : 0;
}

/* To the end of fd; *lenp counts the line end, if there is one. */
static int read_all(
    struct cs_secret *secret, int fd, int cancel_fd, long long deadline, size_t *lenp)
{
    size_t len = 0;

    for (;;) {
        ssize_t n;
        int r = wait_readable(fd, cancel_fd, deadline);

        if (r < 0)
            return r;
        n = read(fd, secret->data + len, sizeof(secret->data) - len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return CS_ERR_SYSTEM;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len == sizeof(secret->data))
            return CS_ERR_TOO_LARGE;
    }
    *lenp = len;
    return 0;
}

int cs_secret_read(struct cs_secret *secret, int fd, int cancel_fd, int timeout_ms)
{
    size_t len;
    int r = read_all(secret, fd, cancel_fd, cs_clock_ms() + timeout_ms, &len);

    if (r == 0 && len > 0 && secret->data[len - 1] == '\n')
        len -= len > 1 && secret->data[len - 2] == '\r' ? 2 : 1;
    if (r == 0)
        r = cs_secret_set_len(secret, len);
    if (r < 0) {
        cs_wipe(secret->data, sizeof(secret->data));
        secret->len = 0;
    }
    return r;
}
