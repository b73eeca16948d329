/* SPDX-License-Identifier: Apache-2.0 */
/* Where the agent's socket and its record are. The agent and every client must come to the same
 * answer. */
#include "base/runtime.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
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

#define SOCKET_VARIABLE "COUNTERSIGN_SOCKET"
#define RUNTIME_VARIABLE "XDG_RUNTIME_DIR"
#define SOCKET_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

static const char *get(const char *variable)
{
    const char *value = secure_getenv(variable);

    return value && *value ? value : NULL;
}

const char *cs_runtime_socket_variable(void)
{
    return get(SOCKET_VARIABLE) ? SOCKET_VARIABLE : get(RUNTIME_VARIABLE) ? RUNTIME_VARIABLE : NULL;
}

int cs_runtime_socket_path(char *path, size_t size)
{
    const char *given = get(SOCKET_VARIABLE), *runtime = get(RUNTIME_VARIABLE);
    int n;

    if (given)
        n = snprintf(path, size, "%s", given);
    else if (runtime)
        n = snprintf(path, size, "%s/countersign/agent.sock", runtime);
    else
        n = snprintf(path, size, "/run/user/%u/countersign/agent.sock", (unsigned)getuid());
    if (n < 0 || (size_t)n >= size || (size_t)n >= SOCKET_PATH_MAX)
        return CS_ERR_TOO_LARGE;
    return path[0] == '/' ? 0 : CS_ERR_INVALID;
}

int cs_runtime_refuse_socket_path(int code, struct cs_fault *fault)
{
    const char *variable = cs_runtime_socket_variable();

    variable = variable ? variable : SOCKET_VARIABLE; /* changed since */
    if (code == CS_ERR_INVALID)
        return cs_fail(fault, code,
            "the agent's socket has no place: %s is no absolute path: correct it, or unset it",
            variable);
    return cs_fail(fault, code,
        "the agent's socket has no place: %s is too long: its path must have less than %zu bytes",
        variable, SOCKET_PATH_MAX);
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

/* 0, or why the first of them could not be made. */
static int make_folders(const char *path)
{
    char folder[PATH_MAX];
    int error = 0;

    snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) < 0 && errno != EEXIST && error == 0)
            error = errno;
        *slash = '/';
    }
    return error;
}

int cs_runtime_create(const char *path, int flags)
{
    int fd = open(path, flags | O_CREAT, 0600), error;

    if (fd >= 0 || errno != ENOENT)
        return fd;
    error = make_folders(path);
    fd = open(path, flags | O_CREAT, 0600);
    /* That there is no folder tells less than why there is none. */
    if (fd < 0 && errno == ENOENT && error)
        errno = error;
    return fd;
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
