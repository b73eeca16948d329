/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line for each reminder: the key's id, when the certificate expires, when that was told. Lines
 * older than a day say nothing any more and go with the next change. The file is replaced as a
 * whole; what is no such line is nobody's loss. Called by expiry.c, a few times a day at most.
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

struct line {
    char id[2 * CS_ID_SIZE + 1];
    long long not_after, told;
};

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

/* The next line that still counts. */
static bool read_line(FILE *file, time_t now, struct line *line)
{
    char text[LINE_MAX_SIZE];

    while (file && fgets(text, sizeof(text), file)) {
        if (sscanf(text, "%64[0-9a-f] %lld %lld", line->id, &line->not_after, &line->told) == 3 &&
            strlen(line->id) == 2 * CS_ID_SIZE && line->told <= now &&
            now - line->told < CS_REMINDER_DAY)
            return true;
    }
    return false;
}

static bool is_about(const struct line *line, const uint8_t *id, time_t not_after)
{
    char hex[2 * CS_ID_SIZE + 1];

    return line->not_after == not_after && strcmp(line->id, cs_hex_write(id, CS_ID_SIZE, hex)) == 0;
}

time_t cs_reminder_last(const uint8_t *id, time_t not_after, time_t now)
{
    CS_AUTO(close_filep) FILE *file = NULL;
    char path[PATH_MAX];
    struct line line;

    if (find_path(path, sizeof(path)))
        file = open_file(path);
    while (read_line(file, now, &line))
        if (is_about(&line, id, not_after))
            return line.told;
    return 0;
}

static FILE *create_file(const char *path)
{
    int fd = cs_runtime_create(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd < 0 ? NULL : fdopen(fd, "w");
}

static bool replace(const char *path, const uint8_t *id, time_t not_after, time_t now)
{
    CS_AUTO(close_filep) FILE *before = open_file(path);
    CS_AUTO(close_filep) FILE *after = NULL;
    char hex[2 * CS_ID_SIZE + 1], fresh[PATH_MAX];
    struct line line;

    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
        return false;
    after = create_file(fresh);
    if (!after)
        return false;
    for (unsigned n = 0; n < LINES_MAX && read_line(before, now, &line); n++)
        if (!is_about(&line, id, not_after))
            fprintf(after, "%s %lld %lld\n", line.id, line.not_after, line.told);
    fprintf(after, "%s %lld %lld\n", cs_hex_write(id, CS_ID_SIZE, hex), (long long)not_after,
        (long long)now);
    return fflush(after) == 0 && rename(fresh, path) == 0;
}

void cs_reminder_note(const uint8_t *id, time_t not_after, time_t now)
{
    char path[PATH_MAX];

    if (find_path(path, sizeof(path)) && !replace(path, id, not_after, now))
        cs_log_errno(CS_LOG_DEBUG, "a reminder is not remembered");
}
