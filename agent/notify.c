/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) without libsystemd: one datagram to the Unix socket that $NOTIFY_SOCKET names, by a
 * path or, with '@', in the abstract namespace. Called by the agent.
 */
#include "notify.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void cs_notify_init(struct cs_notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t n = name ? strlen(name) : 0;

    *notify = (struct cs_notify){.address.sun_family = AF_UNIX};
    if (n > 1 && n < sizeof(notify->address.sun_path) && (name[0] == '/' || name[0] == '@')) {
        memcpy(notify->address.sun_path, name, n);
        if (name[0] == '@')
            notify->address.sun_path[0] = '\0';
        notify->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    } else if (name) {
        cs_warn("NOTIFY_SOCKET is no Unix socket: the supervisor is told nothing");
    }
    unsetenv("NOTIFY_SOCKET");
}

void cs_notify_say(const struct cs_notify *notify, const char *state)
{
    CS_AUTO(cs_closep) int fd = -1;

    if (notify->len == 0)
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                      (const struct sockaddr *)&notify->address, notify->len) < 0)
        cs_log_errno(CS_LOG_WARNING, "cannot tell the supervisor");
}
