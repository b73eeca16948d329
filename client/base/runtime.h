/* SPDX-License-Identifier: Apache-2.0 */
/* Where the agent's socket is. */
#ifndef CS_BASE_RUNTIME_H
#define CS_BASE_RUNTIME_H

#include <stddef.h>

/*
 * The path of the agent's socket: $COUNTERSIGN_SOCKET, else
 * $XDG_RUNTIME_DIR/countersign/agent.sock, else /run/user/UID/countersign/agent.sock. The
 * environment is ignored in set-uid programs. CS_ERR_TOO_LARGE when it does not fit a sockaddr_un,
 * CS_ERR_INVALID when it is not absolute.
 */
int cs_runtime_socket_path(char *path, size_t size);

/* The names of the variables that a client sends with HELLO, for prompts; NULL ends the list. */
extern const char *const cs_runtime_prompt_variables[];

#endif
