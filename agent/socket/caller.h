/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: what the kernel says of the process at the other end, and what it says of itself. */
#ifndef CS_AGENT_CALLER_H
#define CS_AGENT_CALLER_H

#include "limit.h"
#include "base/message.h"
#include "socket/procfs.h"

#include <sys/types.h>

#define CS_CALLER_PATH 256

struct cs_caller {
    uid_t uid;               /* from the kernel: it alone decides who may talk at all */
    pid_t pid;               /* a hint, for logs and prompts */
    struct cs_procfs procfs; /* the process itself */
    /* Its program for people, "" if it cannot be seen. */
    char exe[CS_CALLER_PATH + CS_PROGRAM_NAME + 4];
    char claim[CS_LIMIT_PROGRAM_NAME + 64]; /* in words that say so: its own name for itself, or
                                               the one that it had when it could be seen */
    struct cs_buf environment;              /* of its prompts, as it travels */
};

/* CS_ERR_SYSTEM when the kernel does not tell who it is. */
int cs_caller_init(struct cs_caller *caller, int socket);
/* The same of a process that someone else, such as the bus, vouches for; pid 0: not known. Takes
 * the pidfd, which is -1 where it is not told. */
int cs_caller_init_process(struct cs_caller *caller, uid_t uid, pid_t pid, int pidfd);
/* What program it is now, for a decision. Lives as long as the caller, and changes with the next
 * look. */
const struct cs_program *cs_caller_look(struct cs_caller *caller);
void cs_caller_deinit(struct cs_caller *caller);
/* Keeps what HELLO says: the name, and the variables that are for prompts. */
int cs_caller_introduce(
    struct cs_caller *caller, struct cs_bytes program, const struct cs_environment *environment);
/* The agent's own variables for prompts; none where it has no display. */
void cs_caller_own_display(struct cs_environment *display);
/* What the caller said, and of one that said nothing, as callers on the bus, the agent's own. */
void cs_caller_get_environment(const struct cs_caller *caller, struct cs_environment *environment);
/* For people's eyes alone: how it was started. Returns out. */
char *cs_caller_command(const struct cs_caller *caller, char *out, size_t size);
/* For people: its program as the kernel knows it, else that it is unknown, and its claim. */
const char *cs_caller_name(const struct cs_caller *caller);

#endif
