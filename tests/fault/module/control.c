/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control directory, the script in force, and the lock under which it is in force. Every call
 * holds the lock for reading while it looks at slots and sessions and while SoftHSM works, never
 * while it waits for a person, a delay or an event. Whoever finds the script changed takes the lock
 * for writing and applies it; so a token is pulled between two calls, never inside one.
 */
#include "control.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SCRIPT_MAX 65536

static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static int directory_fd = -1;
static bool started, broken;
static pid_t started_by;                    /* a child has to initialise for itself */
static struct fault_version version, first; /* first: when it was started */
static struct fault_script script;
static fault_control_apply apply_script;

static struct fault_version version_of(const struct stat *st)
{
    return (struct fault_version){.inode = st->st_ino,
        .seconds = (uint64_t)st->st_mtim.tv_sec,
        .nanoseconds = (uint64_t)st->st_mtim.tv_nsec,
        .size = (uint64_t)st->st_size};
}

static bool is_version(const struct fault_version *a, const struct fault_version *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static struct fault_version newest(void)
{
    struct stat st;

    if (fstatat(directory_fd, "script", &st, 0) < 0)
        return (struct fault_version){0};
    return version_of(&st);
}

static bool read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) != 0) {
        if (n < 0 && errno != EINTR)
            return false;
        len += n > 0 ? (size_t)n : 0;
    }
    text[len] = '\0';
    return len < size - 1 && strlen(text) == len;
}

/* The text of the script and its version; an empty one where there is no file. */
static bool read_script(char *text, struct fault_version *versionp)
{
    struct stat st;
    bool ok;
    int fd;

    *text = '\0';
    *versionp = (struct fault_version){0};
    fd = openat(directory_fd, "script", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    ok = fstat(fd, &st) == 0 && read_all(fd, text, SCRIPT_MAX);
    *versionp = version_of(&st);
    close(fd);
    return ok;
}

/* Called alone. */
static bool load(void)
{
    static char text[SCRIPT_MAX];
    char error[512] = "it cannot be read, is too long, or has zeros in it";
    struct fault_version now;

    do {
        broken = !read_script(text, &version);
        memset(&script, 0, sizeof(script));
        broken = broken || !fault_script_parse(text, &script, error, sizeof(error)) ||
                 (apply_script && !apply_script(&script, error, sizeof(error)));
        now = newest();
    } while (!is_version(&now, &version));
    fault_counter_arm(&version);
    if (broken)
        fault_log("!script %s", error);
    else if (started)
        fault_log("@loaded slots=%zu rules=%zu", script.n_slots, script.n_rules);
    return !broken;
}

bool fault_control_open(const char *directory)
{
    bool ok;

    fault_control_enter_alone();
    if (directory_fd >= 0)
        close(directory_fd);
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = directory_fd >= 0 && fault_log_open(directory_fd) && fault_counter_open(directory_fd);
    apply_script = NULL;
    ok = ok && load();
    fault_control_leave();
    return ok;
}

bool fault_control_start(fault_control_apply apply)
{
    bool ok;

    fault_control_enter_alone();
    apply_script = apply;
    started = true;
    started_by = getpid();
    ok = load();
    first = version;
    started = ok;
    fault_control_leave();
    return ok;
}

void fault_control_stop(void)
{
    started = false;
    apply_script = NULL;
}

bool fault_control_is_started(void)
{
    return started;
}

void fault_control_forget_parent(void)
{
    static const pthread_rwlock_t fresh = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

    memcpy(&lock, &fresh, sizeof(lock));
    fault_control_stop();
}

CK_RV fault_control_enter(void)
{
    struct fault_version now;

    for (;;) {
        pthread_rwlock_rdlock(&lock);
        if (!started || started_by != getpid()) {
            pthread_rwlock_unlock(&lock);
            return CKR_CRYPTOKI_NOT_INITIALIZED;
        }
        now = newest();
        if (is_version(&now, &version))
            break;
        pthread_rwlock_unlock(&lock);
        fault_control_enter_alone();
        now = newest();
        if (started && !is_version(&now, &version))
            load();
        fault_control_leave();
    }
    if (broken) {
        pthread_rwlock_unlock(&lock);
        return CKR_GENERAL_ERROR;
    }
    return CKR_OK;
}

bool fault_control_is_newer(const struct fault_version *than)
{
    struct fault_version now = newest();

    return !is_version(&now, than);
}

void fault_control_enter_alone(void)
{
    pthread_rwlock_wrlock(&lock);
}

void fault_control_leave(void)
{
    pthread_rwlock_unlock(&lock);
}

const struct fault_script *fault_control_script(void)
{
    return &script;
}

struct fault_version fault_control_version(void)
{
    return version;
}

bool fault_control_is_elder(void)
{
    return started && !is_version(&first, &version);
}

bool fault_control_take(const char *name, char *text, size_t size)
{
    char mine[64];
    bool ok;
    int fd;

    snprintf(mine, sizeof(mine), "%.32s.%d", name, (int)gettid());
    if (renameat(directory_fd, name, directory_fd, mine) < 0)
        return false;
    fd = openat(directory_fd, mine, O_RDONLY | O_CLOEXEC);
    ok = fd >= 0 && read_all(fd, text, size);
    if (fd >= 0)
        close(fd);
    unlinkat(directory_fd, mine, 0);
    return ok;
}

void fault_control_sleep(unsigned long milliseconds)
{
    struct timespec left = {
        .tv_sec = (time_t)(milliseconds / 1000), .tv_nsec = (long)(milliseconds % 1000) * 1000000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

__attribute__((destructor)) static void forget_directory(void)
{
    if (directory_fd >= 0)
        close(directory_fd);
    directory_fd = -1;
}
