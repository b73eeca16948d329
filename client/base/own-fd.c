/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor is known again by its inode. Used for the sockets that outlive a call. */
#include "base/own-fd.h"

#include <sys/stat.h>
#include <unistd.h>

struct cs_own_fd cs_own_fd_of(int fd)
{
    struct stat status = {0};

    fstat(fd, &status); /* of an open descriptor it does not fail */
    return (struct cs_own_fd){.fd = fd, .device = status.st_dev, .inode = status.st_ino};
}

bool cs_own_fd_is(const struct cs_own_fd *own)
{
    struct stat status;

    return own->fd >= 0 && fstat(own->fd, &status) == 0 && status.st_dev == own->device &&
           status.st_ino == own->inode;
}

void cs_own_fd_close(struct cs_own_fd *own)
{
    if (cs_own_fd_is(own))
        close(own->fd);
    *own = CS_OWN_FD_NONE;
}
