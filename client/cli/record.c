/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the record while agents write to it and put it aside. Files are known by their inode and
 * held open, so that none is missed or read twice, whatever its name is by then. Used by log.c.
 */
#include "cli/record.h"
#include "base/runtime.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json_tokener.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define FILES_MAX (2 * (CS_RUNTIME_AUDIT_OLDER + 1))
#define PATIENCE 1000 /* milliseconds, where nothing tells of changes */

struct part {
    FILE *file;
    dev_t device;
    ino_t inode;
};

struct cs_record {
    char path[PATH_MAX - 16];
    struct part parts[FILES_MAX]; /* the oldest, which is being read, first */
    size_t n_parts;
    int inotify;
    char *line;
    size_t size;
};

static bool open_part(const char *path, struct part *part)
{
    CS_AUTO(cs_closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    *part = (struct part){.file = fdopen(fd, "r"), .device = st.st_dev, .inode = st.st_ino};
    if (part->file)
        cs_steal_fd(&fd);
    return part->file != NULL;
}

static bool is_same(const struct part *a, const struct part *b)
{
    return a->device == b->device && a->inode == b->inode;
}

/*
 * Opens what is newer than what is open, the newest first: a file that is put aside meanwhile then
 * comes by a second time, and is known; the other way round it would be missed.
 */
static void look(struct cs_record *record)
{
    struct part fresh[CS_RUNTIME_AUDIT_OLDER + 1];
    char name[PATH_MAX];
    size_t n = 0;

    for (unsigned i = 0; i <= CS_RUNTIME_AUDIT_OLDER; i++) {
        cs_runtime_audit_older(name, sizeof(name), record->path, i);
        if (!open_part(name, &fresh[n]))
            continue;
        if (record->n_parts > 0 && is_same(&fresh[n], &record->parts[record->n_parts - 1])) {
            fclose(fresh[n].file);
            break;
        }
        if (n > 0 && is_same(&fresh[n], &fresh[n - 1]))
            fclose(fresh[n].file);
        else
            n++;
    }
    while (n > 0 && record->n_parts < FILES_MAX)
        record->parts[record->n_parts++] = fresh[--n];
    while (n > 0)
        fclose(fresh[--n].file);
}

/* Tells of every write to the files of the folder, if the folder is there. */
static void watch(struct cs_record *record)
{
    char folder[PATH_MAX];

    snprintf(folder, sizeof(folder), "%s", record->path);
    *strrchr(folder, '/') = '\0';
    if (record->inotify < 0)
        record->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (record->inotify >= 0)
        inotify_add_watch(record->inotify, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
}

int cs_record_new(struct cs_record **recordp, bool wait, struct cs_fault *fault)
{
    CS_AUTO(cs_record_freep) struct cs_record *record = calloc(1, sizeof(*record));
    int r;

    if (!record)
        return CS_ERR_MEMORY;
    record->inotify = -1;
    r = cs_runtime_audit_path(record->path, sizeof(record->path));
    if (r < 0)
        return cs_fail(fault, r, "where the record is cannot be told: set HOME, or XDG_STATE_HOME");
    if (wait)
        watch(record);
    look(record);
    if (record->n_parts == 0 && !wait)
        return cs_fail(fault, CS_ERR_NOT_FOUND,
            "there is no record at %s: nothing has been signed yet, or the agent is told to keep "
            "none (audit = off)",
            record->path);
    *recordp = cs_steal(&record);
    return 0;
}

void cs_record_free(struct cs_record *record)
{
    if (!record)
        return;
    for (size_t i = 0; i < record->n_parts; i++)
        fclose(record->parts[i].file);
    cs_closep(&record->inotify);
    free(record->line);
    free(record);
}

/* A line without an end is one that is being written, or will never be whole. */
static bool read_line(struct cs_record *record, FILE *file)
{
    off_t start = ftello(file);
    ssize_t n = getline(&record->line, &record->size, file);

    if (n > 0 && record->line[n - 1] == '\n')
        return true;
    clearerr(file);
    fseeko(file, start, SEEK_SET);
    return false;
}

static void drop_first(struct cs_record *record)
{
    fclose(record->parts[0].file);
    record->n_parts--;
    memmove(record->parts, record->parts + 1, record->n_parts * sizeof(record->parts[0]));
}

struct json_object *cs_record_next(struct cs_record *record)
{
    while (record->n_parts > 0) {
        struct json_object *object;

        if (!read_line(record, record->parts[0].file)) {
            if (record->n_parts == 1)
                return NULL;
            drop_first(record);
            continue;
        }
        object = json_tokener_parse(record->line);
        if (json_object_is_type(object, json_type_object))
            return object;
        json_object_put(object);
    }
    return NULL;
}

void cs_record_wait(struct cs_record *record)
{
    struct pollfd change = {.fd = record->inotify, .events = POLLIN};
    char events[4096];

    poll(&change, 1, PATIENCE);
    while (record->inotify >= 0 && read(record->inotify, events, sizeof(events)) > 0)
        ;
    watch(record); /* the folder may be new */
    look(record);
}
