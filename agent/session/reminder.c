/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line for each reminder: the key's id, when the certificate expires, when that was told. Lines
 * older than a day say nothing any more and go with the next change. The file is replaced as a
 * whole; what is no such line is nobody's loss. Called by expiry.c, at the start and a few times a
 * day at most.
 */
#include "session/reminder.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_MAX_SIZE 256
#define LINES_MAX 4096

static void close_filep(FILE **filep)
{
    if (*filep)
        fclose(*filep);
}

static bool find_path(char *path, size_t size)
{
    return cs_runtime_state_path("countersign/reminders", path, size) == 0;
}

/* A plain file, or nothing: what else lies there may never say anything. */
static FILE *open_file(const char *path)
{
    CS_AUTO(cs_closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    FILE *file;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    file = fdopen(fd, "r");
    if (file)
        cs_steal_fd(&fd);
    return file;
}

static bool counts(const struct cs_reminder *reminder, time_t now)
{
    return reminder->told <= now && now - reminder->told < CS_REMINDER_DAY;
}

static bool parse(const char *line, struct cs_reminder *reminder)
{
    char id[2 * CS_ID_SIZE + 1];
    long long not_after, told;

    if (sscanf(line, "%64[0-9a-f] %lld %lld", id, &not_after, &told) != 3 ||
        strlen(id) != 2 * CS_ID_SIZE)
        return false;
    for (size_t i = 0; i < CS_ID_SIZE; i++)
        sscanf(id + 2 * i, "%2hhx", &reminder->id[i]);
    reminder->not_after = not_after;
    reminder->told = told;
    return true;
}

size_t cs_reminders_read(time_t now, struct cs_reminder **listp)
{
    CS_AUTO(close_filep) FILE *file = NULL;
    struct cs_reminder *list = calloc(LINES_MAX, sizeof(*list));
    char path[PATH_MAX], line[LINE_MAX_SIZE];
    size_t n = 0;

    if (list && find_path(path, sizeof(path)))
        file = open_file(path);
    while (file && n < LINES_MAX && fgets(line, sizeof(line), file))
        if (parse(line, &list[n]) && counts(&list[n], now))
            n++;
    *listp = list;
    return n;
}

static FILE *create_file(const char *path)
{
    int fd = cs_runtime_create(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (!file && fd >= 0)
        close(fd);
    return file;
}

static bool replace(const char *path, const struct cs_reminder *list, size_t n, time_t now)
{
    char hex[2 * CS_ID_SIZE + 1], fresh[PATH_MAX];
    FILE *file;

    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
        return false;
    file = create_file(fresh);
    if (!file)
        return false;
    for (size_t i = 0; i < n; i++)
        if (counts(&list[i], now))
            fprintf(file, "%s %lld %lld\n", cs_hex_write(list[i].id, CS_ID_SIZE, hex),
                (long long)list[i].not_after, (long long)list[i].told);
    return fclose(file) == 0 && rename(fresh, path) == 0;
}

void cs_reminders_write(const struct cs_reminder *list, size_t n, time_t now)
{
    char path[PATH_MAX];

    if (find_path(path, sizeof(path)) && !replace(path, list, n, now))
        cs_log_errno(CS_LOG_DEBUG, "reminders are not remembered");
}
