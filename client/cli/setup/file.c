/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of other people's programs. No program may ever see half of one, so a new one is written
 * beside it and renamed; what a symbolic link points to is replaced and not the link, because
 * people keep their dotfiles elsewhere.
 */
#include "cli/setup/file.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define SIZE_LIMIT (4 * 1024 * 1024)

static int resolve(struct cs_file *file, const char *path, struct cs_fault *fault)
{
    struct stat st;
    char real[PATH_MAX];

    file->linked = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
    if (file->linked && !realpath(path, real))
        return cs_fail(fault, CS_ERR_INVALID,
            "%s is a symbolic link that leads nowhere: remove it or make what it points to", path);
    file->path = strdup(file->linked ? real : path);
    return file->path ? 0 : CS_ERR_MEMORY;
}

static int read_all(struct cs_file *file, int fd, size_t size, struct cs_fault *fault)
{
    file->data = malloc(size + 1);
    if (!file->data)
        return CS_ERR_MEMORY;
    while (file->len < size) {
        ssize_t n = read(fd, file->data + file->len, size - file->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cs_fail(
                fault, CS_ERR_SYSTEM, "cannot read %s: %s", file->path, strerrordesc_np(errno));
        if (n == 0)
            break;
        file->len += (size_t)n;
    }
    file->data[file->len] = '\0';
    return 0;
}

static int read_there(struct cs_file *file, struct cs_fault *fault)
{
    CS_AUTO(cs_closep) int fd = open(file->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && errno == ENOENT) {
        file->data = strdup("");
        return file->data ? 0 : CS_ERR_MEMORY;
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return cs_fail(
            fault, CS_ERR_SYSTEM, "cannot read %s: %s", file->path, strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return cs_fail(fault, CS_ERR_INVALID, "%s is not a regular file: move it away", file->path);
    if (st.st_size > SIZE_LIMIT)
        return cs_fail(fault, CS_ERR_TOO_LARGE, "%s is too large to be changed", file->path);
    file->there = true;
    file->mode = st.st_mode & 07777;
    file->owner = st.st_uid;
    file->group = st.st_gid;
    return read_all(file, fd, (size_t)st.st_size, fault);
}

int cs_file_read(struct cs_file *file, const char *path, struct cs_fault *fault)
{
    int r;

    *file = (struct cs_file){0};
    r = resolve(file, path, fault);
    if (r == 0)
        r = read_there(file, fault);
    if (r < 0)
        cs_file_deinit(file);
    return r;
}

void cs_file_deinit(struct cs_file *file)
{
    free(file->path);
    free(file->data);
    *file = (struct cs_file){0};
}

/* The nearest directory that is there already: what is to be made is made in it. */
static void nearest_directory(char directory[PATH_MAX], const char *path)
{
    snprintf(directory, PATH_MAX, "%s", path);
    do {
        char *slash = strrchr(directory, '/');

        if (!slash || slash == directory) {
            snprintf(directory, PATH_MAX, "/");
            return;
        }
        *slash = '\0';
    } while (access(directory, F_OK) < 0 && errno == ENOENT);
}

/* root may write everywhere, but who takes away the permission to write means it. */
int cs_file_check(const struct cs_file *file, struct cs_fault *fault)
{
    char directory[PATH_MAX];

    if (file->there && ((file->mode & 0222) == 0 || access(file->path, W_OK) < 0))
        return cs_fail(fault, CS_ERR_INVALID,
            "%s is read-only: make it writable (chmod u+w), or change it where it comes from",
            file->path);
    nearest_directory(directory, file->path);
    if (access(directory, W_OK | X_OK) < 0)
        return cs_fail(fault, CS_ERR_INVALID, "cannot write into the folder %s: %s", directory,
            strerrordesc_np(errno));
    return 0;
}

/* For a file of this mode: who may read it is to get there, whatever the umask. */
static int make_directories(const char *path, mode_t mode)
{
    mode_t wanted = 0700 | ((mode & 0044) ? 0055 : 0);
    char directory[PATH_MAX];
    int n = snprintf(directory, sizeof(directory), "%s", path);

    if (n < 0 || (size_t)n >= sizeof(directory))
        return -1;
    for (char *slash = strchr(directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(directory, 0700) == 0 ? chmod(directory, wanted) < 0 : errno != EEXIST)
            return -1;
        *slash = '/';
    }
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return fsync(fd);
}

/*
 * What else a file has: a list of who may read it, a label of SELinux, marks of the user's. Without
 * the list, the mode would be read otherwise, and let its group in; so that must be kept.
 */
static int keep_attributes(int fd, const char *path)
{
    char names[4096], value[4096];
    ssize_t len = listxattr(path, names, sizeof(names));

    if (len < 0)
        return errno == ENOTSUP ? 0 : -1;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        ssize_t n = getxattr(path, name, value, sizeof(value));
        bool must = strcmp(name, "system.posix_acl_access") == 0;

        if ((n < 0 || fsetxattr(fd, name, value, (size_t)n, 0) < 0) && must)
            return -1;
    }
    return 0;
}

/* The owner before the mode: a change of owner takes set-id bits away. */
static int keep(int fd, const struct cs_file *file, mode_t mode)
{
    struct stat st;

    if (!file->there)
        return fchmod(fd, mode);
    if (fstat(fd, &st) < 0)
        return -1;
    if ((st.st_uid != file->owner || st.st_gid != file->group) &&
        fchown(fd, file->owner, file->group) < 0)
        return -1;
    return fchmod(fd, file->mode) < 0 ? -1 : keep_attributes(fd, file->path);
}

static bool has_changed(const struct cs_file *file)
{
    struct cs_file now;
    bool same;

    if (cs_file_read(&now, file->path, NULL) < 0)
        return true;
    same = now.there == file->there && now.len == file->len &&
           memcmp(now.data, file->data, now.len) == 0;
    cs_file_deinit(&now);
    return !same;
}

static int put(const struct cs_file *file, const char *temporary, int fd, const char *data,
    size_t len, mode_t mode)
{
    unsigned flags = file->there ? 0 : RENAME_NOREPLACE;

    if (write_all(fd, data, len) < 0 || keep(fd, file, mode) < 0)
        return -1;
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, file->path, flags) == 0)
        return 0;
    /* Not every file system can promise that nothing came meanwhile. */
    return errno == EINVAL || errno == ENOSYS ? rename(temporary, file->path) : -1;
}

int cs_file_put(
    const struct cs_file *file, const char *data, size_t len, mode_t mode, struct cs_fault *fault)
{
    CS_AUTO(cs_freep) char *temporary = NULL;
    CS_AUTO(cs_closep) int fd = -1;

    if (has_changed(file))
        return cs_fail(
            fault, CS_ERR_BUSY, "%s was changed just now: look at it and try again", file->path);
    if (asprintf(&temporary, "%s.XXXXXX", file->path) < 0) {
        temporary = NULL;
        return CS_ERR_MEMORY;
    }
    fd = make_directories(file->path, mode) == 0 ? mkostemp(temporary, O_CLOEXEC) : -1;
    if (fd >= 0 && put(file, temporary, fd, data, len, mode) == 0)
        return 0;
    cs_fail(fault, CS_ERR_SYSTEM, "cannot write %s: %s", file->path, strerrordesc_np(errno));
    if (fd >= 0)
        unlink(temporary);
    return CS_ERR_SYSTEM;
}

static bool is_one_of(const char *path, const char *const *stops)
{
    for (; *stops; stops++)
        if (strcmp(path, *stops) == 0)
            return true;
    return false;
}

int cs_file_remove(const struct cs_file *file, const char *const *stops, struct cs_fault *fault)
{
    char directory[PATH_MAX];
    char *slash;

    if (has_changed(file))
        return cs_fail(
            fault, CS_ERR_BUSY, "%s was changed just now: look at it and try again", file->path);
    if (unlink(file->path) < 0)
        return cs_fail(
            fault, CS_ERR_SYSTEM, "cannot remove %s: %s", file->path, strerrordesc_np(errno));
    snprintf(directory, sizeof(directory), "%s", file->path);
    while ((slash = strrchr(directory, '/')) && slash != directory) {
        *slash = '\0';
        if (is_one_of(directory, stops) || rmdir(directory) < 0)
            break;
    }
    return 0;
}
