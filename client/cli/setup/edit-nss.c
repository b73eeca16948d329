/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of PKCS#11 modules of an NSS database: paragraphs of "name=value" lines, one of them
 * NSS's own. modutil would do the same, but it loads the module, needs a database that is there,
 * and is in a package that few people have. A browser reads the list at its start; while it runs it
 * writes it only when the user changes modules in its settings. Ours stands first, so that it can
 * be taken away again without a trace.
 */
#include "cli/setup/edit.h"
#include "base/cleanup.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define NAME "Countersign"
#define MODULE "countersign-pkcs11.so"

struct paragraph {
    size_t start, end; /* with the empty line behind it */
    char library[PATH_MAX], name[256];
};

static void read_line(struct paragraph *paragraph, const char *line, size_t len)
{
    if (len > 8 && strncmp(line, "library=", 8) == 0)
        snprintf(paragraph->library, sizeof(paragraph->library), "%.*s", (int)len - 8, line + 8);
    else if (len > 5 && strncmp(line, "name=", 5) == 0)
        snprintf(paragraph->name, sizeof(paragraph->name), "%.*s", (int)len - 5, line + 5);
}

/* The paragraph at paragraph->end; false behind the last. */
static bool next(struct paragraph *paragraph, const char *data)
{
    const char *line = data + paragraph->end;

    *paragraph = (struct paragraph){.start = paragraph->end};
    if (!*line)
        return false;
    while (*line) {
        size_t len = strcspn(line, "\n");

        read_line(paragraph, line, len);
        line += len + (line[len] == '\n');
        if (len == 0)
            break;
    }
    paragraph->end = (size_t)(line - data);
    return true;
}

static bool is_ours(const struct paragraph *paragraph)
{
    const char *slash = strrchr(paragraph->library, '/');

    return strcmp(paragraph->name, NAME) == 0 && slash && strcmp(slash + 1, MODULE) == 0;
}

static char *splice(const struct cs_edit *edit, const struct paragraph *at, const char *library)
{
    const char *data = edit->before.data;
    char *text;
    int n;

    if (library)
        n = asprintf(&text, "%.*slibrary=%s\nname=" NAME "\n\n%s", (int)at->start, data, library,
            data + at->end);
    else
        n = asprintf(&text, "%.*s%s", (int)at->start, data, data + at->end);
    return n < 0 ? NULL : text;
}

/* As NSS itself makes it, for a database that its program makes at its first start. */
static char *whole_list(const struct cs_edit *edit)
{
    char *text, *copy = strdup(edit->path);
    int n = -1;

    if (copy)
        n = asprintf(&text,
            "library=%s\nname=" NAME "\n\n"
            "library=\nname=NSS Internal PKCS #11 Module\n"
            "parameters=configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags= "
            "updatedir='' updateCertPrefix='' updateKeyPrefix='' updateid='' "
            "updateTokenDescription='' \n"
            "NSS=Flags=internal,critical trustOrder=75 cipherOrder=100\n\n",
            edit->content, dirname(copy));
    free(copy);
    return n < 0 ? NULL : text;
}

static int apply(struct cs_edit *edit, struct cs_fault *fault)
{
    struct paragraph paragraph = {0};

    if (!edit->before.there)
        return cs_edit_become(edit, whole_list(edit));
    while (next(&paragraph, edit->before.data)) {
        if (strcmp(paragraph.library, edit->content) == 0)
            return 0; /* also if the user added it, by another name */
        if (is_ours(&paragraph))
            return cs_edit_become(edit, splice(edit, &paragraph, edit->content));
        if (strcmp(paragraph.name, NAME) == 0)
            return cs_fail(fault, CS_ERR_INVALID,
                "%s has a module '" NAME "' that is not ours, %s: rename or remove it first",
                edit->before.path, paragraph.library);
    }
    return cs_edit_become(edit, splice(edit, &(struct paragraph){0}, edit->content));
}

/* Alone with NSS's own, in a folder without a database: then nobody has used the list. */
static bool is_whole_list(struct cs_edit *edit, const struct paragraph *ours)
{
    CS_AUTO(cs_freep) char *library = strdup(ours->library);
    CS_AUTO(cs_freep) char *whole = NULL;
    CS_AUTO(cs_freep) char *database = NULL;

    if (!library || asprintf(&database, "%.*s/cert9.db",
                        (int)(strrchr(edit->path, '/') - edit->path), edit->path) < 0)
        return false;
    edit->content = library;
    whole = whole_list(edit);
    edit->content = NULL;
    return whole && strcmp(whole, edit->before.data) == 0 && access(database, F_OK) < 0;
}

static int undo(struct cs_edit *edit, struct cs_fault *fault)
{
    struct paragraph paragraph = {0};

    (void)fault;
    while (next(&paragraph, edit->before.data)) {
        if (!is_ours(&paragraph))
            continue;
        if (is_whole_list(edit, &paragraph)) {
            cs_edit_vanish(edit);
            return 0;
        }
        return cs_edit_become(edit, splice(edit, &paragraph, NULL));
    }
    return 0;
}

const struct cs_edit_kind cs_edit_nss = {.apply = apply, .undo = undo};
