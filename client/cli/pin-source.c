/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PINs never come into this process: a descriptor is only looked at, and passed on. Called by the
 * verbs that have to do with PINs.
 */
#include "cli/pin-source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void cs_pin_tell_terminal(void)
{
    const int descriptors[] = {STDIN_FILENO, STDERR_FILENO, STDOUT_FILENO};
    const char *given = getenv("GPG_TTY");

    if (given && *given)
        return;
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
        const char *name = ttyname(descriptors[i]);

        if (name) {
            setenv("GPG_TTY", name, 1);
            return;
        }
    }
}

int cs_pin_descriptor(const struct cs_cli *cli, const char *option, const char *text, int *fdp)
{
    char *end;
    long fd;

    errno = 0;
    fd = strtol(text, &end, 10);
    if (errno || end == text || *end || fd < 0 || fd > INT32_MAX)
        return cs_cli_usage(cli, "--%s '%s' is not the number of a descriptor", option, text);
    if (fcntl((int)fd, F_GETFD) < 0)
        return cs_cli_usage(cli, "--%s %ld: that descriptor is not open", option, fd);
    if (isatty((int)fd))
        return cs_cli_usage(cli,
            "--%s %ld is a terminal, which would show the PIN; without --%s a dialog asks for it",
            option, fd, option);
    *fdp = (int)fd;
    return 0;
}
