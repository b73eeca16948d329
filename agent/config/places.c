/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the configuration lies: the administrator's directory, then the user's; or, instead of the
 * user's, a file or directory that the command line names. Who may not take half of what is being
 * written asks for what has settled.
 */
#include "config/places.h"

#include <countersign/error.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct sink {
    cs_settings_handler *handler;
    void *user;
    bool settled;
};

/* After it was read. A time to come says nothing. */
static int check_settled(const char *path, const struct sink *sink)
{
    struct timespec now;
    struct stat st;
    long long age;

    if (!sink->settled)
        return 0;
    if (stat(path, &st) < 0)
        return CS_ERR_BUSY;
    clock_gettime(CLOCK_REALTIME, &now);
    age = (long long)(now.tv_sec - st.st_ctim.tv_sec) * 1000 +
          (now.tv_nsec - st.st_ctim.tv_nsec) / 1000000;
    return age >= 0 && age < CS_PLACES_SETTLED ? CS_ERR_BUSY : 0;
}

/* Who replaces a directory by another takes it away first. */
static int check_away(const char *directory, const struct sink *sink)
{
    char above[4096];
    char *slash;

    snprintf(above, sizeof(above), "%s", directory);
    slash = strrchr(above, '/');
    if (!slash || slash == above)
        return 0;
    *slash = '\0';
    return access(above, F_OK) < 0 ? 0 : check_settled(above, sink);
}

static int read_file(const char *path, const struct sink *sink, struct cs_fault *fault)
{
    struct stat st;
    int r;

    if (stat(path, &st) < 0)
        return cs_settings_refuse_unreadable(path, fault);
    /* A directory would be read as an empty file, and for a pipe everybody would wait. */
    if (!S_ISREG(st.st_mode))
        return cs_fail(fault, CS_ERR_CONFIG, "%s is no file: move it away", path);
    r = cs_settings_check_owner(path, path, &st, fault);
    if (r == 0)
        r = cs_settings_read(path, sink->handler, sink->user, fault);
    return r < 0 ? r : check_settled(path, sink);
}

static int is_conf(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* Every *.conf in alphabetical order; a directory that is not there says nothing. */
static int read_directory(const char *directory, const struct sink *sink, struct cs_fault *fault)
{
    struct dirent **entries = NULL;
    int n = scandir(directory, &entries, is_conf, alphasort);
    int r = 0;

    if (n < 0 && (errno == ENOENT || errno == ENOTDIR))
        return check_away(directory, sink);
    if (n < 0)
        return cs_settings_refuse_unreadable(directory, fault);
    for (int i = 0; i < n; i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        if (r == 0)
            r = read_file(path, sink, fault);
        free(entries[i]);
    }
    free(entries);
    return r < 0 ? r : check_settled(directory, sink);
}

static void find_user_directory(char *path, size_t size)
{
    const char *base = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");

    if (base && base[0] == '/')
        snprintf(path, size, "%s/countersign", base);
    else if (home && home[0] == '/')
        snprintf(path, size, "%s/.config/countersign", home);
}

/* From the root, for only so it can be watched. */
static void take(char *place, size_t size, const char *path)
{
    char here[PATH_MAX];

    if (path[0] == '/' || !getcwd(here, sizeof(here)) ||
        (size_t)snprintf(place, size, "%s/%s", here, path) >= size)
        snprintf(place, size, "%s", path);
}

void cs_places_find(struct cs_places *places, const char *system, const char *path)
{
    *places = (struct cs_places){.named = path != NULL};
    if (system || !path)
        take(
            places->system, sizeof(places->system), system ? system : CS_SYSCONFDIR "/countersign");
    if (path)
        take(places->user, sizeof(places->user), path);
    else
        find_user_directory(places->user, sizeof(places->user));
}

int cs_places_read_system(const struct cs_places *places, cs_settings_handler *handler, void *user,
    struct cs_fault *fault)
{
    const struct sink sink = {handler, user, places->settled};

    return places->system[0] ? read_directory(places->system, &sink, fault) : 0;
}

int cs_places_read_user(const struct cs_places *places, cs_settings_handler *handler, void *user,
    struct cs_fault *fault)
{
    const struct sink sink = {handler, user, places->settled};
    struct stat st;

    if (!places->user[0])
        return 0;
    if (places->named && (stat(places->user, &st) < 0 || !S_ISDIR(st.st_mode)))
        return read_file(places->user, &sink, fault);
    return read_directory(places->user, &sink, fault);
}
