/* SPDX-License-Identifier: Apache-2.0 */
/* Where the agent's socket and its record are. The agent and every client must come to the same
 * answer. */
#include "base/runtime.h"

#include <countersign/error.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

const char *const cs_runtime_prompt_variables[] = {
    "GPG_TTY",
    "TERM",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_SESSION_TYPE",
    "DBUS_SESSION_BUS_ADDRESS",
    "PINENTRY_USER_DATA",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    NULL,
};

int cs_runtime_socket_path(char *path, size_t size)
{
    const char *given = secure_getenv("COUNTERSIGN_SOCKET");
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    int n;

    if (given && *given)
        n = snprintf(path, size, "%s", given);
    else if (runtime && *runtime)
        n = snprintf(path, size, "%s/countersign/agent.sock", runtime);
    else
        n = snprintf(path, size, "/run/user/%u/countersign/agent.sock", (unsigned)getuid());
    if (n < 0 || (size_t)n >= size || (size_t)n >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return CS_ERR_TOO_LARGE;
    return path[0] == '/' ? 0 : CS_ERR_INVALID;
}

int cs_runtime_state_path(const char *name, char *path, size_t size)
{
    const char *state = secure_getenv("XDG_STATE_HOME");
    const char *home = secure_getenv("HOME");
    int n;

    if (state && state[0] == '/')
        n = snprintf(path, size, "%s/%s", state, name);
    else if (home && home[0] == '/')
        n = snprintf(path, size, "%s/.local/state/%s", home, name);
    else
        return CS_ERR_INVALID;
    return n < 0 || (size_t)n >= size ? CS_ERR_TOO_LARGE : 0;
}

void cs_runtime_make_folders(const char *path)
{
    char folder[PATH_MAX];

    snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0700);
        *slash = '/';
    }
}

int cs_runtime_audit_path(char *path, size_t size)
{
    return cs_runtime_state_path("countersign/audit.jsonl", path, size);
}

void cs_runtime_audit_older(char *older, size_t size, const char *path, unsigned generation)
{
    if (generation == 0)
        snprintf(older, size, "%s", path);
    else
        snprintf(older, size, "%s.%u", path, generation);
}
