/* SPDX-License-Identifier: Apache-2.0 */
/* A file of lines that only grows, and is put aside when it is large. */
#ifndef CS_AGENT_AUDIT_FILE_H
#define CS_AGENT_AUDIT_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <limits.h>
#include <sys/types.h>

struct cs_audit_file {
    char path[PATH_MAX];
    size_t limit; /* bytes; a line that would go beyond begins a new file */
    int fd;       /* -1: not open */
    dev_t device;
    ino_t inode;
    bool torn; /* the last line was cut short: the next begins a new one */
};

/* Nothing is opened before the first line. */
void cs_audit_file_init(struct cs_audit_file *file, const char *path, size_t limit);
void cs_audit_file_deinit(struct cs_audit_file *file);

/* Appends the line, whose end is in it, whole or not at all. Several processes may append to one
 * file. CS_ERR_SYSTEM, with a sentence that names the file. */
int cs_audit_file_append(struct cs_audit_file *file, struct cs_bytes line, struct cs_fault *fault);

#endif
