/* SPDX-License-Identifier: Apache-2.0 */
/* The marks by which setup knows again what it wrote, and sees whether somebody changed it. */
#ifndef CS_CLI_SETUP_MARK_H
#define CS_CLI_SETUP_MARK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A whole file: a line that says whose it is and has the checksum of the rest. To be freed; NULL
 * without memory. */
char *cs_mark_file(const char *target, const char *content);
enum cs_mark { CS_MARK_NONE, CS_MARK_OURS, CS_MARK_CHANGED };
enum cs_mark cs_mark_of_file(const char *data, size_t len);

/* A block in somebody's file: such a line, the content, and a line at its end. */
struct cs_block {
    size_t start, end; /* with both lines */
    bool made_file;    /* there was no file before */
};
char *cs_mark_block(const char *target, const char *content, bool made_file);
/* 0, with start == end if there is none; CS_ERR_INVALID when it was changed, or is damaged. path
 * is for the sentence. */
int cs_mark_find_block(struct cs_block *block, const char *target, const char *path,
    const char *data, struct cs_fault *fault);

#endif
