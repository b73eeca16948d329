/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of references. What lies at a path may be somebody's only copy of a private key, so it is
 * looked at before it is replaced, and no program ever sees half a file.
 */
#include "cli/pem-file.h"
#include "base/cleanup.h"
#include "base/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OURS_MAX (1024 * 1024)

enum found { NOTHING, OURS, FOREIGN };

/* Our block is in it, and no private key. */
static bool is_ours(int fd)
{
    struct cs_buf content = CS_BUF_INIT(OURS_MAX);
    bool ours = false;
    ssize_t n;

    do {
        uint8_t *at = cs_buf_extend(&content, 4096);

        n = at ? read(fd, at, 4096) : -1;
        content.len -= at ? 4096 - (n > 0 ? (size_t)n : 0) : 0;
    } while (n > 0);
    if (n == 0)
        ours = memmem(content.data, content.len, "-----BEGIN " CS_PEM_REFERENCE "-----",
                   strlen("-----BEGIN " CS_PEM_REFERENCE "-----")) &&
               !memmem(content.data, content.len, "PRIVATE KEY-----", 16);
    cs_buf_deinit(&content);
    return ours;
}

static int look(const char *path, enum found *foundp, struct cs_fault *fault)
{
    CS_AUTO(cs_closep) int fd = -1;
    struct stat st;

    if (lstat(path, &st) < 0 && errno == ENOENT) {
        *foundp = NOTHING;
        return 0;
    }
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
            return cs_fail(fault, CS_ERR_INVALID, "%s is not a regular file", path);
        *foundp = FOREIGN;
        return 0;
    }
    if (!S_ISREG(st.st_mode))
        return cs_fail(fault, CS_ERR_INVALID,
            "%s is not a regular file: without --output the file goes to standard output", path);
    *foundp = is_ours(fd) ? OURS : FOREIGN;
    return 0;
}

static int write_all(int fd, struct cs_bytes content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.data, content.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        content = CS_BYTES(content.data + n, content.len - (size_t)n);
    }
    return fsync(fd);
}

/* Where nothing was, nothing may have come meanwhile; not every file system can promise that. */
static int put_in_place(const char *from, const char *to, bool new)
{
    if (!new)
        return rename(from, to);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    return errno == EINVAL || errno == ENOSYS ? rename(from, to) : -1;
}

int cs_pem_file_write(const char *path, struct cs_bytes content, bool force, struct cs_fault *fault)
{
    CS_AUTO(cs_freep) char *temporary = NULL;
    CS_AUTO(cs_closep) int fd = -1;
    enum found found = FOREIGN;
    int r = look(path, &found, fault);

    if (r < 0)
        return r;
    if (found == FOREIGN && !force)
        return cs_fail(fault, CS_ERR_INVALID,
            "%s is there already and was not made by 'countersign pem': use another name, or "
            "--force to replace it",
            path);
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        temporary = NULL;
        return CS_ERR_MEMORY;
    }
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return cs_fail(fault, CS_ERR_SYSTEM, "cannot write a file beside %s: %s", path,
            strerrordesc_np(errno));
    if (write_all(fd, content) < 0 || put_in_place(temporary, path, found == NOTHING) < 0) {
        r = cs_fail(fault, CS_ERR_SYSTEM, "cannot write %s: %s", path, strerrordesc_np(errno));
        unlink(temporary);
    }
    return r;
}
