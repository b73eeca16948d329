/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process. Its directory in /proc is opened once and the process found alive after that: from
 * then on what is read there is of this process or fails, whoever gets its number later. What it
 * runs can change at any time, so it is looked at again for each decision; app and unit are read
 * once for each executable, and only if someone wants to know. Used by caller.c.
 */
#include "socket/procfs.h"
#include "text.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SMALL_FILE 4096

void cs_procfs_init(struct cs_procfs *procfs, int pidfd, pid_t pid)
{
    char path[32];

    *procfs = CS_PROCFS_NONE;
    procfs->pidfd = pidfd;
    if (pidfd < 0)
        return;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    procfs->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 && errno != EPERM)
        cs_closep(&procfs->proc);
}

void cs_procfs_deinit(struct cs_procfs *procfs)
{
    cs_closep(&procfs->pidfd);
    cs_closep(&procfs->proc);
    *procfs = CS_PROCFS_NONE;
}

/* Whether the process sees other mounts than we do: only then can there be a sandbox. */
static bool has_own_mounts(const struct cs_procfs *procfs)
{
    struct stat own, its;

    return stat("/proc/self/ns/mnt", &own) == 0 && fstatat(procfs->proc, "ns/mnt", &its, 0) == 0 &&
           own.st_ino != its.st_ino;
}

static bool is_deleted(const char *link)
{
    static const char end[] = " (deleted)";
    size_t len = strlen(link);

    return len > strlen(end) && strcmp(link + len - strlen(end), end) == 0;
}

/* The path is believed if it leads to the same file here: a process can have mounts of its own, and
 * put any file under any name with them. */
static void believe(struct cs_procfs *procfs)
{
    struct cs_program *program = &procfs->program;
    struct stat st;

    program->path[0] = '\0';
    program->doubt = NULL;
    procfs->elsewhere = false;
    if (stat(procfs->link, &st) == 0 && st.st_dev == procfs->file.device &&
        st.st_ino == procfs->file.inode) {
        memcpy(program->path, procfs->link, sizeof(program->path));
        return;
    }
    /* Nobody can look for a file that is gone, and one in a sandbox may have had any name. */
    procfs->elsewhere = !is_deleted(procfs->link) || has_own_mounts(procfs);
    program->doubt = is_deleted(procfs->link)
                         ? "its executable was replaced or removed: start it again"
                         : "its executable lies in a file system of its own, so only flatpak:, "
                           "snap: or unit: can name it in a rule";
}

static void forget(struct cs_procfs *procfs)
{
    procfs->seen = false;
    procfs->file = (struct cs_executable){0};
    procfs->elsewhere = false;
    procfs->described = false;
    procfs->link[0] = '\0';
    procfs->program = (struct cs_program){0};
}

static struct cs_executable file_of(const struct stat *st)
{
    return (struct cs_executable){st->st_dev, st->st_ino, st->st_ctim};
}

/* The same file, and nobody has renamed, replaced or removed it since. */
static bool is_unchanged(const struct cs_procfs *procfs, const struct stat *st)
{
    const struct cs_executable now = file_of(st);

    return procfs->seen && cs_executable_equal(&now, &procfs->file);
}

/* Its executable's file and then its name; the name must still be that file's. */
static bool read_executable(struct cs_procfs *procfs, struct stat *st)
{
    char link[CS_PROGRAM_PATH];
    struct stat after;
    ssize_t n = readlinkat(procfs->proc, "exe", link, sizeof(link));

    if (n <= 0 || (size_t)n >= sizeof(link) || link[0] != '/' ||
        fstatat(procfs->proc, "exe", &after, 0) < 0 || after.st_ino != st->st_ino ||
        after.st_dev != st->st_dev)
        return false;
    link[n] = '\0';
    memcpy(procfs->link, link, (size_t)n + 1);
    procfs->seen = true;
    procfs->file = file_of(st);
    return true;
}

bool cs_procfs_look(struct cs_procfs *procfs)
{
    struct stat st;

    if (procfs->proc < 0 || fstatat(procfs->proc, "exe", &st, 0) < 0) {
        forget(procfs);
        return false;
    }
    if (is_unchanged(procfs, &st))
        return false;
    forget(procfs);
    if (!read_executable(procfs, &st))
        return false;
    believe(procfs);
    return true;
}

/* As much as fits of a file of the process, with a zero behind it. One that the process can put
 * something else in the place of keeps nobody waiting. */
static size_t read_small(const struct cs_procfs *procfs, const char *name, char *out, size_t size)
{
    CS_AUTO(cs_closep) int fd = -1;
    size_t len = 0;
    ssize_t n = 0;

    if (procfs->proc >= 0)
        fd = openat(procfs->proc, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    while (fd >= 0 && len + 1 < size && (n = read(fd, out + len, size - 1 - len)) > 0)
        len += (size_t)n;
    out[len] = '\0';
    return len;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    return len > strlen(end) && strncmp(text + len - strlen(end), end, strlen(end)) == 0;
}

/* The innermost service or scope of a control group's path. */
static void find_unit(const char *path, char unit[CS_PROGRAM_NAME])
{
    while (*path == '/') {
        size_t len = strcspn(++path, "/\n");

        if ((ends_with(path, len, ".service") || ends_with(path, len, ".scope")) &&
            len < CS_PROGRAM_NAME)
            snprintf(unit, CS_PROGRAM_NAME, "%.*s", (int)len, path);
        path += len;
    }
}

/* A line is "number:controllers:path"; systemd's is the one without controllers, or, before the
 * unified hierarchy, the one named after it. */
void cs_procfs_parse_unit(const char *cgroup, char unit[CS_PROGRAM_NAME])
{
    unit[0] = '\0';
    while (cgroup && *cgroup && !unit[0]) {
        const char *controllers = strchr(cgroup, ':');
        const char *path = controllers ? strchr(controllers + 1, ':') : NULL;

        if (path &&
            (strncmp(cgroup, "0::", 3) == 0 || strncmp(controllers, ":name=systemd:", 14) == 0))
            find_unit(path + 1, unit);
        cgroup = strchr(cgroup, '\n');
        cgroup = cgroup ? cgroup + 1 : NULL;
    }
}

/* "snap.NAME.APP (enforce)" */
void cs_procfs_parse_snap(const char *label, char app[CS_PROGRAM_NAME])
{
    size_t len;

    app[0] = '\0';
    if (strncmp(label, "snap.", 5) != 0)
        return;
    label += 5;
    len = strcspn(label, ". \n");
    if (len > 0 && label[len] == '.' && len < CS_PROGRAM_NAME - 5)
        snprintf(app, CS_PROGRAM_NAME, "snap:%.*s", (int)len, label);
}

static int take_flatpak(void *user, const char *section, const char *name, const char *value)
{
    char *app = user;
    bool is_app = strcmp(section, "Application") == 0 && strcmp(name, "name") == 0;

    if (is_app && *value && cs_text_is_clean(cs_bytes_of(value)) &&
        strlen(value) < CS_PROGRAM_NAME - 8)
        snprintf(app, CS_PROGRAM_NAME, "flatpak:%s", value);
    return 1;
}

void cs_procfs_parse_flatpak(const char *info, char app[CS_PROGRAM_NAME])
{
    app[0] = '\0';
    ini_parse_string(info, take_flatpak, app);
}

static void read_flatpak(struct cs_procfs *procfs)
{
    char text[SMALL_FILE];
    struct stat st;

    if (!has_own_mounts(procfs) ||
        fstatat(procfs->proc, "root/.flatpak-info", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(st.st_mode))
        return;
    read_small(procfs, "root/.flatpak-info", text, sizeof(text));
    cs_procfs_parse_flatpak(text, procfs->program.app);
}

void cs_procfs_describe(struct cs_procfs *procfs)
{
    char text[SMALL_FILE];

    if (procfs->described || !procfs->seen)
        return;
    procfs->described = true;
    read_small(procfs, "cgroup", text, sizeof(text));
    cs_procfs_parse_unit(text, procfs->program.unit);
    read_small(procfs, "attr/current", text, sizeof(text));
    cs_procfs_parse_snap(text, procfs->program.app);
    if (!procfs->program.app[0])
        read_flatpak(procfs);
}

char *cs_procfs_command(const struct cs_procfs *procfs, char *out, size_t size)
{
    char text[SMALL_FILE];
    size_t len = read_small(procfs, "cmdline", text, sizeof(text));

    while (len > 0 && text[len - 1] == '\0')
        len--;
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    return cs_text_clean(CS_BYTES(text, len), out, size);
}
