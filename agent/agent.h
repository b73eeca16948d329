/* SPDX-License-Identifier: Apache-2.0 */
/* The agent: its parts, wired to one loop. */
#ifndef CS_AGENT_AGENT_H
#define CS_AGENT_AGENT_H

#include "socket/listener.h"

struct cs_agent_options {
    const char *config;        /* a file or directory in place of the usual ones, or NULL */
    const char *system_config; /* a directory in place of /etc/countersign, or NULL */
    const char *socket;        /* or NULL for the usual one */
    bool check;                /* the configuration alone */
    bool unless_running;       /* another agent at the socket is as good; ends with its session */
    const char *token_host;
    const char *prompt;
};

/* Serves until SIGTERM or SIGINT, or until the socket is replaced or the session bus that it is to
 * end with has gone; then ends every host, and removes what is its own. */
int cs_agent_run(const struct cs_agent_options *options, struct cs_fault *fault);

#endif
