/* SPDX-License-Identifier: Apache-2.0 */
/* Looks by connecting to its socket, and never waits. Used by surroundings.c. */
#include "prompt/display.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool listens(const struct sockaddr_un *address, size_t len)
{
    CS_AUTO(cs_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && (connect(fd, (const struct sockaddr *)address,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0 ||
                          errno == EAGAIN);
}

/* Linux has X's socket in the file system, in the abstract name space, or in both. */
static bool x11_is_there(const char *display)
{
    const char *colon = strrchr(display, ':');
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *end;
    unsigned long number;
    int len;

    if (!colon || (colon != display && strncmp(display, "unix:", 5) != 0))
        return colon != NULL;
    number = strtoul(colon + 1, &end, 10);
    if (end == colon + 1)
        return false;
    len =
        snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "/tmp/.X11-unix/X%lu", number);
    if (listens(&address, 1 + (size_t)len))
        return true;
    memmove(address.sun_path, address.sun_path + 1, (size_t)len + 1);
    return listens(&address, (size_t)len + 1);
}

static bool wayland_is_there(const char *display)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len;

    if (*display == '/')
        len = snprintf(address.sun_path, sizeof(address.sun_path), "%s", display);
    else
        len = snprintf(
            address.sun_path, sizeof(address.sun_path), "%s/%s", runtime ? runtime : "", display);
    return (size_t)len < sizeof(address.sun_path) && listens(&address, (size_t)len + 1);
}

bool cs_display_is_there(const char *x11, const char *wayland)
{
    return (wayland && wayland_is_there(wayland)) || (x11 && x11_is_there(x11));
}
