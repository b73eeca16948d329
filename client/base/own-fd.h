/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor in somebody else's process, which may close it behind our back, as daemons do when
 * they begin, and have its number for another then. */
#ifndef CS_BASE_OWN_FD_H
#define CS_BASE_OWN_FD_H

#include <stdbool.h>
#include <sys/types.h>

/* fd: -1 for none. The others say what it was when it was opened. */
struct cs_own_fd {
    int fd;
    dev_t device;
    ino_t inode;
};

#define CS_OWN_FD_NONE ((struct cs_own_fd){.fd = -1})

/* Takes fd over, which may be -1. It must have an inode to itself: a socket has, what eventfd makes
 * has not. */
struct cs_own_fd cs_own_fd_of(int fd);
/* Whether the number still stands for what it was taken over as. */
bool cs_own_fd_is(const struct cs_own_fd *own);
/* Closes it, unless it is somebody else's by now. */
void cs_own_fd_close(struct cs_own_fd *own);

#endif
