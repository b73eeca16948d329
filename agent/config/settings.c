/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI files. inih splits the lines; a reader in front of it counts them, refuses those that inih
 * would cut, and keeps section headers whole (inih cuts them at 50 characters, which is less than
 * a URI). A line that ends in a backslash goes on in the next one; an indented line is a line like
 * any other.
 */
#include "config/settings.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct reading {
    const char *path;
    FILE *file;
    int line;
    bool goes_on;      /* this line is more of the one before */
    bool will_go_on;   /* this line ended in a backslash */
    char section[512]; /* of the lines that come */
    int section_line;  /* of its header, while no setting followed; else 0 */
    char *raw;
    size_t raw_size;
    cs_settings_handler *handler;
    void *user;
    struct cs_fault *fault;
    int error;
};

static int refuse(struct reading *reading, const char *what)
{
    if (reading->error == 0)
        reading->error =
            cs_fail(reading->fault, CS_ERR_CONFIG, "%s:%d: %s", reading->path, reading->line, what);
    return reading->error;
}

static void hand_over(struct reading *reading, const struct cs_setting *setting)
{
    if (reading->error == 0)
        reading->error = reading->handler(reading->user, setting, reading->fault);
}

static void end_section(struct reading *reading)
{
    const struct cs_setting empty = {
        .file = reading->path,
        .line = reading->section_line,
        .section = reading->section,
    };

    if (reading->section_line)
        hand_over(reading, &empty);
    reading->section_line = 0;
}

static void note_section(struct reading *reading, const char *line)
{
    const char *end = strchr(line, ']');

    end_section(reading);
    if (!end)
        refuse(reading, "the section header has no closing bracket: write [name]");
    else if ((size_t)(end - line) >= sizeof(reading->section))
        refuse(reading, "the section header is too long");
    else
        snprintf(
            reading->section, sizeof(reading->section), "%.*s", (int)(end - line - 1), line + 1);
    reading->section_line = reading->line;
}

/* Without the line's end and the backslash that says that it goes on. */
static char *trim(struct reading *reading, ssize_t n)
{
    char *line = reading->raw;
    bool whole = strlen(line) == (size_t)n; /* there is no zero in it */

    while (n > 0 && isspace((unsigned char)line[n - 1]))
        n--;
    reading->goes_on = reading->will_go_on;
    reading->will_go_on = n > 0 && line[n - 1] == '\\';
    if (reading->will_go_on)
        n--;
    line[n] = '\0';
    while (isspace((unsigned char)*line))
        line++;
    for (char *c = line; *c; c++)
        if (*c == '\t')
            *c = ' ';
    if (!whole || !cs_text_is_clean(cs_bytes_of(line)))
        refuse(reading, "the line is not UTF-8, or has control characters in it");
    return line;
}

/* What inih calls in place of fgets. */
static char *read_line(char *out, int size, void *stream)
{
    struct reading *reading = stream;
    const char *line;
    ssize_t n;

    if (reading->error < 0 || size < 8)
        return NULL;
    n = getline(&reading->raw, &reading->raw_size, reading->file);
    reading->line++;
    /* What is behind it counts as well: half the rules are not what was meant. */
    if (n < 0 && !feof(reading->file))
        refuse(reading, strerror(errno));
    if (n < 0)
        return NULL;
    line = trim(reading, n);
    if (reading->error < 0)
        return NULL;
    if (strlen(line) + 4 > (size_t)size) {
        refuse(reading, "the line is too long: end it in a backslash and go on in the next");
        return NULL;
    }
    if (line[0] == '[' && !reading->goes_on)
        note_section(reading, line);
    /* White space at the front is what tells inih that a value goes on. */
    snprintf(out, (size_t)size, "%s%s\n", reading->goes_on ? " " : "", line);
    return out;
}

static int take_setting(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    struct cs_setting setting = {
        .file = reading->path,
        .line = reading->line,
        .section = reading->section,
        .name = name,
        .value = value,
        .goes_on = reading->goes_on,
    };

    (void)section;
    reading->section_line = 0;
    hand_over(reading, &setting);
    return reading->error == 0;
}

int cs_settings_read(
    const char *path, cs_settings_handler *handler, void *user, struct cs_fault *fault)
{
    struct reading reading = {.path = path, .handler = handler, .user = user, .fault = fault};
    int line;

    reading.file = fopen(path, "re");
    if (!reading.file && errno == ENOENT)
        return CS_ERR_NOT_FOUND;
    if (!reading.file)
        return cs_settings_refuse_unreadable(path, fault);
    line = ini_parse_stream(read_line, &reading, take_setting, &reading);
    fclose(reading.file);
    free(reading.raw);
    if (reading.error == 0 && line > 0) {
        reading.line = line;
        refuse(&reading, "this is neither a [section] nor a setting: write name = value");
    }
    if (reading.error == 0 && line < 0)
        return cs_fail(fault, CS_ERR_CONFIG, "cannot read %s", path);
    end_section(&reading);
    return reading.error;
}

int cs_setting_refuse(const struct cs_setting *at, struct cs_fault *fault, const char *mend)
{
    return cs_fail(
        fault, CS_ERR_CONFIG, "%s:%d: %s = %s: %s", at->file, at->line, at->name, at->value, mend);
}

int cs_settings_refuse_unreadable(const char *path, struct cs_fault *fault)
{
    const char *mend = errno == EACCES ? ": its owner must let you read it" : "";

    return cs_fail(fault, CS_ERR_CONFIG, "cannot read %s: %s%s", path, strerror(errno), mend);
}

int cs_settings_check_owner(
    const char *name, const char *path, const struct stat *st, struct cs_fault *fault)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return cs_fail(fault, CS_ERR_CONFIG,
            "%s belongs to another user: it must belong to you or to root", name);
    if (st->st_mode & S_IWOTH)
        return cs_fail(
            fault, CS_ERR_CONFIG, "%s can be written by everyone: run 'chmod o-w %s'", name, path);
    return 0;
}

int cs_settings_boolean(const char *value, bool *valuep)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};

    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
            *valuep = strcasecmp(value, yes[i]) == 0;
            return 0;
        }
    }
    return CS_ERR_INVALID;
}
