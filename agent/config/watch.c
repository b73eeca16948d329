/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the configuration's directories. One that is not there, or cannot be read, is waited
 * for at the nearest directory above it that can. Editors write in several steps, so a change is
 * told when nothing has changed for a moment. Used by rulebook.c.
 */
#include "config/watch.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* milliseconds */
#define CALM 100 /* whoever writes several times does so within that */
#define CALM_MAX 1000

static void on_calm(uv_timer_t *timer)
{
    struct cs_watch *watch = timer->data;

    watch->since = 0;
    watch->changed(watch->user);
}

static void note(struct cs_watch *watch)
{
    uint64_t now = uv_now(watch->calm.loop);

    if (watch->since == 0)
        watch->since = now;
    if (now - watch->since < CALM_MAX)
        uv_timer_start(&watch->calm, on_calm, CALM, 0);
}

/* The directory to watch now: the target, or the nearest one above it that can be watched. */
static void find_nearest(const char *target, char *path, size_t size, struct stat *st)
{
    char *slash;

    snprintf(path, size, "%s", target);
    while (stat(path, st) < 0 || !S_ISDIR(st->st_mode) || access(path, R_OK) < 0) {
        slash = strrchr(path, '/');
        if (!slash || path[1] == '\0')
            break;
        slash[slash == path] = '\0';
    }
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status);

/* The target's name if it lies right in the directory; or NULL. */
static const char *file_in(const char *directory, const char *target)
{
    const char *slash = strrchr(target, '/');
    size_t len = strlen(directory);

    return target + len == slash && memcmp(directory, target, len) == 0 ? slash + 1 : NULL;
}

/* Watches what there is to watch now. Whether that is another directory than before. */
static bool arm(struct cs_watched *watched)
{
    char path[sizeof(watched->target)];
    struct stat st = {0};
    bool started;

    find_nearest(watched->target, path, sizeof(path), &st);
    if (st.st_ino == watched->inode)
        return false;
    uv_fs_event_stop(&watched->event);
    watched->inode = st.st_ino;
    watched->file = watched->named ? file_in(path, watched->target) : NULL;
    watched->itself = watched->file || strcmp(path, watched->target) == 0;
    started = uv_fs_event_start(&watched->event, on_event, path, 0) == 0;
    if (!started || (!watched->itself && access(watched->target, F_OK) == 0))
        cs_warn("cannot watch %s: after a change of the rules send a SIGHUP", watched->target);
    return started;
}

/* Whether this is about the directory that is watched, rather than about something in it. */
static bool is_of_directory(const struct cs_watched *watched, const char *name)
{
    char path[sizeof(watched->target)];
    size_t size = sizeof(path);

    return !name || (uv_fs_event_getpath((uv_fs_event_t *)&watched->event, path, &size) == 0 &&
                        strcmp(strrchr(path, '/') + 1, name) == 0);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct cs_watched *watched = event->data;
    bool was_itself = watched->itself, moved = false;

    (void)status;
    /* Its watch has gone with it, and one that was made since may have its number. */
    if ((events & UV_RENAME) && is_of_directory(watched, name))
        watched->inode = 0;
    /* More may have come to be between a look and the watch that it led to. */
    while (arm(watched))
        moved = true;
    if (moved ? was_itself || watched->itself
              : watched->itself && (!watched->file || !name || strcmp(name, watched->file) == 0))
        note(watched->watch);
}

static void watch_place(struct cs_watch *watch, size_t i, const char *path, bool named)
{
    struct cs_watched *watched = &watch->watched[i];

    watched->used = path[0] == '/';
    if (!watched->used)
        return;
    snprintf(watched->target, sizeof(watched->target), "%s", path);
    watched->named = named;
    watched->watch = watch;
    uv_fs_event_init(watch->calm.loop, &watched->event);
    watched->event.data = watched;
    while (arm(watched))
        ;
}

void cs_watch_start(struct cs_watch *watch, uv_loop_t *loop, const struct cs_places *places,
    void (*changed)(void *user), void *user)
{
    *watch = (struct cs_watch){.changed = changed, .user = user};
    uv_timer_init(loop, &watch->calm);
    watch->calm.data = watch;
    watch_place(watch, 0, places->system, false);
    watch_place(watch, 1, places->user, places->named);
}

void cs_watch_look_again(struct cs_watch *watch)
{
    note(watch);
}

void cs_watch_stop(struct cs_watch *watch)
{
    if (!watch->changed || uv_is_closing((uv_handle_t *)&watch->calm))
        return;
    uv_close((uv_handle_t *)&watch->calm, NULL);
    for (size_t i = 0; i < 2; i++)
        if (watch->watched[i].used)
            uv_close((uv_handle_t *)&watch->watched[i].event, NULL);
}
