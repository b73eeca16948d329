/* SPDX-License-Identifier: Apache-2.0 */
/* A program that asks, as far as rules can name it. */
#ifndef CS_AGENT_PROGRAM_H
#define CS_AGENT_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#define CS_PROGRAM_PATH 1024
#define CS_PROGRAM_NAME 160

/* The file of an executable as it was when it was looked at: another in its place, or one that was
 * written to, is not the same. */
struct cs_executable {
    dev_t device;
    ino_t inode;
    struct timespec changed;
};

static inline bool cs_executable_equal(const struct cs_executable *a, const struct cs_executable *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Each is "" where there is none, or it could not be established. */
struct cs_program {
    const char *doubt;          /* why path is "", and what to do; NULL when that is not known */
    char path[CS_PROGRAM_PATH]; /* of its executable, absolute, byte by byte as the kernel has it */
    char app[CS_PROGRAM_NAME];  /* "flatpak:ID" or "snap:NAME" */
    char unit[CS_PROGRAM_NAME]; /* the systemd unit: "backup.service" */
};

#endif
