/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pinentry's environment: our own, which who started us has kept small, without what belongs
 * to a display; and over it what the client sent. Where that leads to no person, the display is the
 * session's. Invariant: a client sets no variable but those that are for prompts, and a terminal is
 * a terminal: a pinentry opens GPG_TTY for writing.
 */
#include "prompt/surroundings.h"
#include "base/cleanup.h"
#include "prompt/ask.h"
#include "prompt/display.h"
#include "prompt/session.h"
#include "base/runtime.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const own[] = {"PATH", "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_DATA_DIRS", NULL};
/* What says where the person is. */
static const char *const of_display[] = {
    "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS"};
#define N_OF_DISPLAY (sizeof(of_display) / sizeof(of_display[0]))
#define ROOM (sizeof(own) / sizeof(own[0]) + CS_ENVIRONMENT_MAX + N_OF_DISPLAY)

static bool among(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool is_terminal(const char *path)
{
    CS_AUTO(cs_closep) int fd = -1;

    if (strncmp(path, "/dev/", 5) == 0)
        fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && isatty(fd);
}

/* One address of a socket; there are others that name a program to start. */
static bool is_socket(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 && !strchr(address, ';');
}

static bool usable(const char *name, const char *value)
{
    if (!among(cs_runtime_prompt_variables, name) || !*value)
        return false;
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    if (strcmp(name, "DBUS_SESSION_BUS_ADDRESS") == 0)
        return is_socket(value);
    return strcmp(name, "GPG_TTY") != 0 || is_terminal(value);
}

static int add(struct cs_surroundings *s, size_t *n, const char *name, const char *value)
{
    if (asprintf(&s->environment[*n], "%s=%s", name, value) < 0) {
        s->environment[*n] = NULL;
        return CS_ERR_MEMORY;
    }
    (*n)++;
    return 0;
}

static int add_clients(
    struct cs_surroundings *s, size_t *n, const struct cs_environment *environment)
{
    int r = 0;

    for (uint32_t i = 0; i < environment->n && r == 0; i++) {
        char *name = cs_bytes_dup(environment->entries[i].name);
        char *value = cs_bytes_dup(environment->entries[i].value);

        if (!name || !value)
            r = CS_ERR_MEMORY;
        else if (usable(name, value))
            r = add(s, n, name, value);
        free(name);
        free(value);
    }
    return r;
}

static const char *value_of(const char *entry, const char *name)
{
    size_t len = strlen(name);

    return strncmp(entry, name, len) == 0 && entry[len] == '=' ? entry + len + 1 : NULL;
}

static const char *find(char *const *environment, const char *name)
{
    for (; *environment; environment++)
        if (value_of(*environment, name))
            return value_of(*environment, name);
    return NULL;
}

static void drop(struct cs_surroundings *s, size_t *n, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++)
        if (value_of(s->environment[i], name))
            free(s->environment[i]);
        else
            s->environment[kept++] = s->environment[i];
    while (*n > kept)
        s->environment[--*n] = NULL;
}

static const char *find_locale(const struct cs_surroundings *s, const char *category)
{
    const char *value = find(s->environment, "LC_ALL");

    if (!value)
        value = find(s->environment, category);
    return value ? value : find(s->environment, "LANG");
}

static void look(struct cs_surroundings *s)
{
    s->tty = find(s->environment, "GPG_TTY");
    s->term = find(s->environment, "TERM");
    s->display = find(s->environment, "DISPLAY");
    s->wayland = find(s->environment, "WAYLAND_DISPLAY");
    s->lc_ctype = find_locale(s, "LC_CTYPE");
    s->lc_messages = find_locale(s, "LC_MESSAGES");
}

static bool is_there(const struct cs_surroundings *s)
{
    return cs_display_is_there(s->display, s->wayland);
}

/* If that has a display that is there; else all stays as it was. */
static int move_to_session(struct cs_surroundings *s, size_t *n)
{
    char **session = cs_session_variables();
    int r = 0;

    if (session &&
        cs_display_is_there(find(session, "DISPLAY"), find(session, "WAYLAND_DISPLAY"))) {
        drop(s, n, "GPG_TTY");
        for (size_t i = 0; i < N_OF_DISPLAY && r == 0; i++) {
            const char *value = find(session, of_display[i]);

            drop(s, n, of_display[i]);
            if (value && usable(of_display[i], value))
                r = add(s, n, of_display[i], value);
        }
    }
    cs_ask_environment_free(session);
    look(s);
    return r;
}

/* A display may be gone, of an older session, say; a program that systemd started before there was
 * one knows of none. One with TERM and no terminal is another thing: whoever sits there, by ssh,
 * say, does not see the session's display. */
static int find_person(struct cs_surroundings *s, size_t *n, bool distrusts)
{
    int r = 0;

    look(s);
    if (distrusts || (!s->tty && !is_there(s) && (s->display || s->wayland || !s->term)))
        r = move_to_session(s, n);
    if (s->tty && !is_there(s)) {
        drop(s, n, "DISPLAY");
        drop(s, n, "WAYLAND_DISPLAY");
        /* On which GNOME's pinentry would ask, and so on a display. */
        drop(s, n, "DBUS_SESSION_BUS_ADDRESS");
    }
    look(s);
    return r;
}

int cs_surroundings_init(struct cs_surroundings *s, const struct cs_prompt_request *request)
{
    size_t n = 0;
    int r = 0;

    *s = (struct cs_surroundings){0};
    s->environment = calloc(ROOM, sizeof(*s->environment));
    if (!s->environment)
        return CS_ERR_MEMORY;
    for (size_t i = 0; own[i] && r == 0; i++)
        if (getenv(own[i]))
            r = add(s, &n, own[i], getenv(own[i]));
    if (r == 0)
        r = add_clients(s, &n, &request->environment);
    if (r == 0)
        r = find_person(s, &n, request->flags & CS_PROMPT_ELSEWHERE);
    if (r == 0 && !s->tty && !s->display && !s->wayland)
        r = CS_ERR_LOCKED;
    if (r < 0)
        cs_surroundings_deinit(s);
    return r;
}

char *cs_surroundings_bus(const struct cs_prompt_request *request)
{
    static const char name[] = "DBUS_SESSION_BUS_ADDRESS";

    for (uint32_t i = 0; i < request->environment.n; i++) {
        char *value;

        if (!cs_bytes_equal(request->environment.entries[i].name, cs_bytes_of(name)))
            continue;
        value = cs_bytes_dup(request->environment.entries[i].value);
        if (value && usable(name, value))
            return value;
        free(value);
    }
    return NULL;
}

void cs_surroundings_deinit(struct cs_surroundings *s)
{
    cs_ask_environment_free(s->environment);
    *s = (struct cs_surroundings){0};
}
