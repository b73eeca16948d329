/* SPDX-License-Identifier: Apache-2.0 */
/* Where the agent's socket and its record are. */
#ifndef CS_BASE_RUNTIME_H
#define CS_BASE_RUNTIME_H

#include "base/error.h"

#include <stddef.h>

/*
 * The path of the agent's socket: $COUNTERSIGN_SOCKET, else
 * $XDG_RUNTIME_DIR/countersign/agent.sock, else /run/user/UID/countersign/agent.sock. The
 * environment is ignored in set-uid programs. CS_ERR_TOO_LARGE when it does not fit a sockaddr_un,
 * CS_ERR_INVALID when it is not absolute.
 */
int cs_runtime_socket_path(char *path, size_t size);
/* The variable that says so; NULL if none is set. */
const char *cs_runtime_socket_variable(void);
/* What is wrong with it, by the code of the above. Returns the code. */
int cs_runtime_refuse_socket_path(int code, struct cs_fault *fault);

/*
 * The path of a file of that name in $XDG_STATE_HOME, else in ~/.local/state. CS_ERR_TOO_LARGE, and
 * CS_ERR_INVALID when neither is known.
 */
int cs_runtime_state_path(const char *name, char *path, size_t size);
/* Opens a file for this user alone, and makes it and the folders on the way to it if they are
 * missing. flags: of open(2), more than O_CREAT. The descriptor, or -1 with errno. */
int cs_runtime_create(const char *path, int flags);

/* The path of the record of uses, countersign/audit.jsonl there. */
int cs_runtime_audit_path(char *path, size_t size);

/* What was put aside: generation 1 is the latest; 0 is the path itself. */
#define CS_RUNTIME_AUDIT_OLDER 4
void cs_runtime_audit_older(char *older, size_t size, const char *path, unsigned generation);

/* The names of the variables that a client sends with HELLO, for prompts; NULL ends the list. */
extern const char *const cs_runtime_prompt_variables[];

#endif
