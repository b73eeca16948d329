/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file behind the audit. Each line is one write with O_APPEND, so lines of several agents do
 * not mix. A file that is large gets the name PATH.1, that one PATH.2 and so on; the last is
 * dropped. Renaming takes nothing away from who still writes to the file under its old name, and
 * who has the file open notices at the next line that it has another name. Called by audit.c.
 */
#include "audit/file.h"
#include "base/cleanup.h"
#include "base/runtime.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

void cs_audit_file_init(struct cs_audit_file *file, const char *path, size_t limit)
{
    *file = (struct cs_audit_file){.limit = limit, .fd = -1};
    snprintf(file->path, sizeof(file->path), "%s", path);
}

void cs_audit_file_deinit(struct cs_audit_file *file)
{
    cs_closep(&file->fd);
}

static int refuse(const struct cs_audit_file *file, const char *what, struct cs_fault *fault)
{
    return cs_fail(
        fault, CS_ERR_SYSTEM, "cannot %s %s: %s", what, file->path, strerrordesc_np(errno));
}

/* Whether its last line was cut short: by an agent that was killed before it could end it, or with
 * the machine. */
static bool is_torn(int fd, off_t size)
{
    char last = '\n';

    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int open_file(struct cs_audit_file *file, struct cs_fault *fault)
{
    struct stat st;

    cs_closep(&file->fd);
    file->fd =
        cs_runtime_create(file->path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &st) < 0)
        return refuse(file, "open", fault);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        cs_closep(&file->fd);
        return cs_fail(fault, CS_ERR_SYSTEM, "%s is no file of yours: move it away", file->path);
    }
    if (st.st_mode & 077)
        fchmod(file->fd, 0600);
    file->torn = is_torn(file->fd, st.st_size);
    file->device = st.st_dev;
    file->inode = st.st_ino;
    return 0;
}

/* The file at the path: its size, or that it is not the one that is open. */
static bool is_current(const struct cs_audit_file *file, off_t *sizep)
{
    struct stat st;

    if (file->fd < 0 || lstat(file->path, &st) < 0 || st.st_ino != file->inode ||
        st.st_dev != file->device)
        return false;
    *sizep = st.st_size;
    return true;
}

static void rename_all(const struct cs_audit_file *file)
{
    char from[PATH_MAX + 16], to[PATH_MAX + 16];

    for (unsigned n = CS_RUNTIME_AUDIT_OLDER; n > 0; n--) {
        cs_runtime_audit_older(from, sizeof(from), file->path, n - 1);
        cs_runtime_audit_older(to, sizeof(to), file->path, n);
        rename(from, to); /* a gap in the row is none of our business */
    }
}

/* Puts the file aside. Whoever else wants that now has it done for him: a line beyond the limit
 * does no harm, a rename too many would. */
static void put_aside(struct cs_audit_file *file)
{
    char folder[PATH_MAX];
    CS_AUTO(cs_closep) int lock = -1;
    off_t size = 0;

    snprintf(folder, sizeof(folder), "%s", file->path);
    *strrchr(folder, '/') = '\0';
    lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
        return;
    if (is_current(file, &size)) {
        rename_all(file);
        cs_closep(&file->fd);
    }
}

static int write_line(struct cs_audit_file *file, struct cs_bytes line, struct cs_fault *fault)
{
    const struct iovec parts[] = {
        {(void *)"\n", file->torn ? 1 : 0}, {(void *)line.data, line.len}};
    ssize_t whole = (ssize_t)(parts[0].iov_len + line.len);
    ssize_t n;

    do
        n = writev(file->fd, parts, 2);
    while (n < 0 && errno == EINTR);
    if (n == whole) {
        file->torn = false;
        return 0;
    }
    if (n >= 0) {
        file->torn = true;
        errno = ENOSPC; /* or a limit of size: there was no room for the rest */
    }
    return refuse(file, "write to", fault);
}

int cs_audit_file_append(struct cs_audit_file *file, struct cs_bytes line, struct cs_fault *fault)
{
    off_t size = 0;
    bool current = is_current(file, &size);
    int r = 0;

    if (current && size > 0 && (size_t)size + line.len > file->limit) {
        put_aside(file);
        current = is_current(file, &size);
    }
    if (!current)
        r = open_file(file, fault);
    return r < 0 ? r : write_line(file, line, fault);
}
