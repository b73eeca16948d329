/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of a token host. It leads a group of its own, in which its prompts are, and whatever
 * the vendor's module starts: all of it goes with it. Used by host.c.
 */
#include "hosts/host-process.h"
#include "text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define HOST_FD 3 /* the host's end of the socketpair */

static void on_closed(uv_handle_t *handle)
{
    struct cs_host_process *process = handle->data;

    process->open = false;
    process->on->closed(process->user);
}

static void on_end(uv_process_t *handle, int64_t status, int signal)
{
    struct cs_host_process *process = handle->data;
    char why[CS_TEXT_MAX];

    process->alive = false;
    kill(-handle->pid, SIGKILL); /* what it left behind */
    if (signal)
        snprintf(why, sizeof(why), "it was killed by signal %d (%s)", signal, strsignal(signal));
    else
        snprintf(why, sizeof(why), "it ended with status %d", (int)status);
    process->on->exit(process->user, signal ? -1 : (int)status, why);
    uv_close((uv_handle_t *)handle, on_closed);
}

int cs_host_process_start(struct cs_host_process *process, uv_loop_t *loop, char **argv, int fd,
    const struct cs_host_process_events *events, void *user)
{
    uv_stdio_container_t stdio[HOST_FD + 1] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = fd},
    };
    const uv_process_options_t options = {
        .exit_cb = on_end,
        .file = argv[0],
        .args = argv,
        /* A session of its own: it is no part of the terminal's job that the agent may be. */
        .flags = UV_PROCESS_DETACHED,
        .stdio = stdio,
        .stdio_count = HOST_FD + 1,
    };
    int r = uv_spawn(loop, &process->handle, &options);

    process->handle.data = process;
    process->on = events;
    process->user = user;
    process->alive = r == 0;
    process->open = true;
    if (r < 0) /* the handle counts nevertheless */
        uv_close((uv_handle_t *)&process->handle, on_closed);
    return r;
}

void cs_host_process_kill(struct cs_host_process *process)
{
    if (process->alive && kill(-process->handle.pid, SIGKILL) < 0)
        uv_process_kill(&process->handle, SIGKILL);
}
