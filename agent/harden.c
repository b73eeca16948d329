/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hygiene of the agent, its token hosts and its prompts: each main calls it before it opens or
 * reads anything. Children inherit no-new-privileges and the core limit, but become dumpable again
 * when they exec. A record or a log that may not grow is no reason to end.
 */
#include "harden.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Started without them, as daemons are: what is opened next must not have the number that the log
 * is written to. */
static int open_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd < 0 ? -1 : close(fd);
}

int cs_harden(void)
{
    const struct rlimit none = {0, 0};

    if (open_standard_streams() < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
        signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
        return CS_ERR_SYSTEM;
    return 0;
}
