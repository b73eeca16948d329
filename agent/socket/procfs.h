/* SPDX-License-Identifier: Apache-2.0 */
/* A process as /proc shows it, held so that it cannot be taken for a later one of its number. */
#ifndef CS_AGENT_PROCFS_H
#define CS_AGENT_PROCFS_H

#include "base/buf.h"
#include "policy/program.h"

#include <stdbool.h>
#include <sys/types.h>

struct cs_procfs {
    int pidfd;                 /* -1 if the kernel cannot tell */
    int proc;                  /* /proc/PID of this very process; -1 */
    struct cs_executable file; /* when it was looked at last; zero if it could not be */
    bool seen;
    bool elsewhere;             /* its path is not one of ours, whatever it leads to here */
    bool described;             /* app and unit have been read for it */
    char link[CS_PROGRAM_PATH]; /* as the kernel names it, perhaps with " (deleted)" */
    struct cs_program program;
};

#define CS_PROCFS_NONE ((struct cs_procfs){.pidfd = -1, .proc = -1})

/* Takes the pidfd, which may be -1. */
void cs_procfs_init(struct cs_procfs *procfs, int pidfd, pid_t pid);
void cs_procfs_deinit(struct cs_procfs *procfs);
/* Looks at the executable; again, because a process may have become another program. Whether it
 * has, or is seen for the first time. */
bool cs_procfs_look(struct cs_procfs *procfs);
/* Finds out the app and the unit, unless that is done. */
void cs_procfs_describe(struct cs_procfs *procfs);
/* Its command line, for people's eyes alone: it may hold secrets, and the process can change it. */
char *cs_procfs_command(const struct cs_procfs *procfs, char *out, size_t size);

/* What /proc/PID/cgroup says of the unit, attr/current of the Snap, root/.flatpak-info of the
 * Flatpak. */
void cs_procfs_parse_unit(const char *cgroup, char unit[CS_PROGRAM_NAME]);
void cs_procfs_parse_snap(const char *label, char app[CS_PROGRAM_NAME]);
void cs_procfs_parse_flatpak(const char *info, char app[CS_PROGRAM_NAME]);

#endif
