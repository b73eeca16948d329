/* SPDX-License-Identifier: Apache-2.0 */
/* The pinentry as a process: found, started, ended. */
#ifndef CS_PROMPT_PROCESS_H
#define CS_PROMPT_PROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cs_process {
    pid_t pid;
    int fd; /* its standard input and output */
};

/* The program that name stands for: a path, or a name in the usual folders; empty: "pinentry".
 * CS_ERR_NOT_FOUND. */
int cs_process_find(char *path, size_t size, const char *name, struct cs_fault *fault);

/* Starts it with exactly this environment, in our group: who started us can end all of it. */
int cs_process_start(
    struct cs_process *process, const char *path, char **environment, struct cs_fault *fault);

/* Ends it, and reaps it; kindly: it gets a moment to go by itself first. ended, of size bytes,
 * says how it ended if it did so by itself, else it is empty. The descriptor is the caller's. */
void cs_process_end(struct cs_process *process, bool kindly, char *ended, size_t size);

#endif
