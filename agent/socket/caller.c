/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks. The uid is taken from the socket and is certain. The rest describes the process that
 * connected, with limits that countersign.conf(5) states. Made by peer.c when a client connects, by
 * sender.c when one calls over the bus.
 */
#include "socket/caller.h"
#include "text.h"
#include "base/cleanup.h"
#include "base/runtime.h"

#include <countersign/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* The process that connected; before Linux 6.5 the one that has its pid now. A kernel that can tell
 * and does not, as one before 6.16 of a process that was reaped, leaves it unknown. */
static int open_pidfd(int socket, pid_t pid)
{
    socklen_t len = sizeof(int);
    int fd = -1;

    if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0)
        return fd;
    return errno == ENOPROTOOPT && pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

/* It has ended, or become what nobody may look at: nobody is to take it for what it was. */
static void lose(struct cs_caller *caller)
{
    char name[CS_LIMIT_PROGRAM_NAME];

    cs_text_clean(cs_bytes_of(caller->exe), name, sizeof(name));
    snprintf(caller->claim, sizeof(caller->claim), "an unknown program that was '%s' before", name);
    caller->exe[0] = '\0';
}

/* What is called /usr/bin/firefox in a Flatpak or a container may be anything: its path alone would
 * have people take it for ours. */
static void look(struct cs_caller *caller)
{
    struct cs_procfs *procfs = &caller->procfs;
    char path[CS_CALLER_PATH];

    if (!cs_procfs_look(procfs)) {
        if (!procfs->seen && caller->exe[0])
            lose(caller);
        return;
    }
    cs_text_clean(cs_bytes_of(procfs->link), path, sizeof(path));
    if (!procfs->elsewhere) {
        memcpy(caller->exe, path, sizeof(path));
        return;
    }
    cs_procfs_describe(procfs);
    snprintf(caller->exe, sizeof(caller->exe), "%s (%s)",
        procfs->program.app[0] ? procfs->program.app : "a container's program", path);
}

int cs_caller_init(struct cs_caller *caller, int socket)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    *caller =
        (struct cs_caller){.procfs = CS_PROCFS_NONE, .environment = CS_BUF_INIT(CS_FRAME_MAX)};
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return CS_ERR_SYSTEM;
    caller->uid = cred.uid;
    caller->pid = cred.pid;
    cs_procfs_init(&caller->procfs, open_pidfd(socket, cred.pid), cred.pid);
    look(caller);
    return 0;
}

int cs_caller_init_process(struct cs_caller *caller, uid_t uid, pid_t pid, int pidfd)
{
    *caller = (struct cs_caller){.uid = uid, .pid = pid, .environment = CS_BUF_INIT(CS_FRAME_MAX)};
    if (pidfd < 0 && pid > 0)
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    cs_procfs_init(&caller->procfs, pidfd, pid);
    look(caller);
    return 0;
}

const struct cs_program *cs_caller_look(struct cs_caller *caller)
{
    look(caller);
    cs_procfs_describe(&caller->procfs);
    return &caller->procfs.program;
}

void cs_caller_deinit(struct cs_caller *caller)
{
    cs_procfs_deinit(&caller->procfs);
    cs_buf_deinit(&caller->environment);
}

static bool is_for_prompts(struct cs_bytes name)
{
    for (size_t i = 0; cs_runtime_prompt_variables[i]; i++)
        if (cs_bytes_equal(name, cs_bytes_of(cs_runtime_prompt_variables[i])))
            return true;
    return false;
}

/* Takes those that are for prompts, as far as there is room. */
static void keep_variables(const struct cs_environment *environment, struct cs_environment *kept)
{
    size_t room = CS_LIMIT_ENVIRONMENT;

    for (uint32_t i = 0; i < environment->n; i++) {
        size_t size = environment->entries[i].name.len + environment->entries[i].value.len;

        if (!is_for_prompts(environment->entries[i].name) || size > room)
            continue;
        kept->entries[kept->n++] = environment->entries[i];
        room -= size;
    }
}

int cs_caller_introduce(
    struct cs_caller *caller, struct cs_bytes program, const struct cs_environment *environment)
{
    struct cs_environment kept = {0};
    char name[CS_LIMIT_PROGRAM_NAME];

    /* Nobody may take it for what the kernel says: a process that has ended already, or lets nobody
     * look at it, could call itself by another's path. */
    cs_text_clean(program, name, sizeof(name));
    if (name[0])
        snprintf(
            caller->claim, sizeof(caller->claim), "an unknown program that says it is '%s'", name);
    keep_variables(environment, &kept);
    cs_buf_reset(&caller->environment);
    cs_environment_put(&caller->environment, &kept);
    return caller->environment.error;
}

void cs_caller_own_display(struct cs_environment *display)
{
    *display = (struct cs_environment){0};
    if (cs_bytes_of(getenv("DISPLAY")).len == 0 && cs_bytes_of(getenv("WAYLAND_DISPLAY")).len == 0)
        return;
    for (size_t i = 0; cs_runtime_prompt_variables[i] && display->n < CS_ENVIRONMENT_MAX; i++) {
        struct cs_bytes name = cs_bytes_of(cs_runtime_prompt_variables[i]);
        struct cs_bytes value = cs_bytes_of(getenv(cs_runtime_prompt_variables[i]));

        /* A terminal that the agent was started from may be another's by now. */
        if (value.len == 0 || cs_bytes_equal(name, cs_bytes_of("GPG_TTY")))
            continue;
        display->entries[display->n].name = name;
        display->entries[display->n++].value = value;
    }
}

void cs_caller_get_environment(const struct cs_caller *caller, struct cs_environment *environment)
{
    struct cs_reader reader = cs_reader_of(cs_buf_bytes(&caller->environment));

    *environment = (struct cs_environment){0};
    if (caller->environment.len > 0)
        cs_environment_read(&reader, environment);
    else
        cs_caller_own_display(environment);
}

char *cs_caller_command(const struct cs_caller *caller, char *out, size_t size)
{
    return cs_procfs_command(&caller->procfs, out, size);
}

const char *cs_caller_name(const struct cs_caller *caller)
{
    if (caller->exe[0])
        return caller->exe;
    return caller->claim[0] ? caller->claim : "an unknown program";
}
