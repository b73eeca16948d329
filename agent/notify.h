/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the supervisor how the agent is: the protocol of sd_notify(3). */
#ifndef CS_AGENT_NOTIFY_H
#define CS_AGENT_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

struct cs_notify {
    struct sockaddr_un address;
    socklen_t len; /* 0: nobody wants to know */
};

/* Takes $NOTIFY_SOCKET out of the environment: what we start must not speak for us. */
void cs_notify_init(struct cs_notify *notify);
/* "READY=1" or "STOPPING=1"; a supervisor that cannot be told is no reason to fail. */
void cs_notify_say(const struct cs_notify *notify, const char *state);

#endif
