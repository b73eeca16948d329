/* SPDX-License-Identifier: Apache-2.0 */
/* A file as it was found, and how it is replaced. */
#ifndef CS_CLI_SETUP_FILE_H
#define CS_CLI_SETUP_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cs_file {
    char *path;  /* where it lies: behind all symbolic links */
    bool linked; /* the name it was asked for by is a link itself */
    bool there;
    char *data; /* with a zero behind it; "" when it is not there */
    size_t len;
    mode_t mode;
    uid_t owner;
    gid_t group;
};

/* That there is no file is no error. */
int cs_file_read(struct cs_file *file, const char *path, struct cs_fault *fault);
void cs_file_deinit(struct cs_file *file);

/* Whether it could be replaced or removed; asked before anything is. */
int cs_file_check(const struct cs_file *file, struct cs_fault *fault);
/*
 * Puts content in place of what was found, whole or not at all. Mode and owner stay; a new file
 * has the given mode, and its directories are made. CS_ERR_BUSY if it has changed since.
 */
int cs_file_put(
    const struct cs_file *file, const char *data, size_t len, mode_t mode, struct cs_fault *fault);
/* Removes it, and the directories that are empty then, up to one of stops (ends with NULL). */
int cs_file_remove(const struct cs_file *file, const char *const *stops, struct cs_fault *fault);

#endif
