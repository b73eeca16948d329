/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives a process and is shared by all: the file "counters" in the control directory,
 * mapped into every process that has the module. Counts are changed by atomic operations alone;
 * flock guards what takes more than one: making the file, arming, adding a token. fault.py and
 * control.c know this layout too.
 */
#include "counter.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define MAGIC 0x434f554e54455253 /* "COUNTERS" */

static int counters_fd = -1;
static struct fault_counters *counters;

static bool fill(struct fault_counters *fresh)
{
    if (fresh->magic == MAGIC)
        return true;
    if (getrandom(fresh->salt, sizeof(fresh->salt), 0) != sizeof(fresh->salt))
        return false;
    fresh->magic = MAGIC;
    return true;
}

static void close_counters(void)
{
    if (counters)
        munmap(counters, sizeof(*counters));
    counters = NULL;
    if (counters_fd >= 0)
        close(counters_fd);
    counters_fd = -1;
}

bool fault_counter_open(int dirfd)
{
    void *map;
    bool filled;

    close_counters();
    counters_fd = openat(dirfd, "counters", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (counters_fd < 0)
        return false;
    flock(counters_fd, LOCK_EX);
    if (ftruncate(counters_fd, sizeof(*counters)) < 0)
        return false;
    map = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED, counters_fd, 0);
    if (map == MAP_FAILED)
        return false;
    counters = map;
    filled = fill(counters);
    flock(counters_fd, LOCK_UN);
    return filled;
}

void fault_counter_arm(const struct fault_version *version)
{
    flock(counters_fd, LOCK_EX);
    if (memcmp(&counters->armed, version, sizeof(*version)) != 0) {
        for (size_t i = 0; i < FAULT_RULES_MAX; i++) {
            atomic_store(&counters->rules[i].seen, 0);
            atomic_store(&counters->rules[i].fired, 0);
        }
        counters->armed = *version;
    }
    flock(counters_fd, LOCK_UN);
}

struct fault_rule_count *fault_counter_rule(size_t rule)
{
    return &counters->rules[rule];
}

struct fault_tries *fault_counter_tries(const unsigned char serial[16])
{
    static const unsigned char none[16];
    struct fault_tries *found = NULL;

    flock(counters_fd, LOCK_EX);
    for (size_t i = 0; i < FAULT_TOKENS_MAX && !found; i++) {
        struct fault_tries *tries = &counters->tokens[i];

        if (memcmp(tries->serial, none, sizeof(none)) == 0)
            memcpy(tries->serial, serial, sizeof(tries->serial));
        if (memcmp(tries->serial, serial, sizeof(tries->serial)) == 0)
            found = tries;
    }
    flock(counters_fd, LOCK_UN);
    return found;
}

const unsigned char *fault_counter_salt(void)
{
    return counters->salt;
}

__attribute__((destructor)) static void forget_counters(void)
{
    close_counters();
}
