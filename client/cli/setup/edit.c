/* SPDX-License-Identifier: Apache-2.0 */
/* Files of our own, and blocks in those of others. */
#include "cli/setup/edit.h"
#include "cli/setup/mark.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BOM "\xef\xbb\xbf"

void cs_edit_deinit(struct cs_edit *edit)
{
    free(edit->path);
    free(edit->content);
    free(edit->after.data);
    cs_file_deinit(&edit->before);
}

int cs_edit_become(struct cs_edit *edit, char *data)
{
    if (!data)
        return CS_ERR_MEMORY;
    free(edit->after.data);
    edit->after.data = data;
    edit->after.there = true;
    edit->after.changes = !edit->before.there || strlen(data) != edit->before.len ||
                          memcmp(data, edit->before.data, edit->before.len) != 0;
    return 0;
}

void cs_edit_vanish(struct cs_edit *edit)
{
    edit->after.there = false;
    edit->after.changes = edit->before.there;
}

static int refuse_changed(const struct cs_edit *edit, struct cs_fault *fault)
{
    return cs_fail(fault, CS_ERR_INVALID,
        "%s was changed since 'countersign setup' wrote it: keep what you want of it elsewhere, "
        "and "
        "remove it",
        edit->path);
}

static int apply_file(struct cs_edit *edit, struct cs_fault *fault)
{
    if (edit->before.linked)
        return cs_fail(fault, CS_ERR_INVALID,
            "%s is a symbolic link, where a file of Countersign's own belongs: remove it",
            edit->path);
    if (edit->before.there) {
        switch (cs_mark_of_file(edit->before.data, edit->before.len)) {
        case CS_MARK_NONE:
            return cs_fail(fault, CS_ERR_INVALID,
                "%s is there already, and 'countersign setup' did not write it: move it away",
                edit->path);
        case CS_MARK_CHANGED:
            return refuse_changed(edit, fault);
        case CS_MARK_OURS:
            break;
        }
    }
    return cs_edit_become(edit, cs_mark_file(edit->target, edit->content));
}

static int undo_file(struct cs_edit *edit, struct cs_fault *fault)
{
    if (edit->before.linked || !edit->before.there)
        return 0;
    switch (cs_mark_of_file(edit->before.data, edit->before.len)) {
    case CS_MARK_NONE:
        return 0;
    case CS_MARK_CHANGED:
        return refuse_changed(edit, fault);
    case CS_MARK_OURS:
        cs_edit_vanish(edit);
    }
    return 0;
}

const struct cs_edit_kind cs_edit_file = {.apply = apply_file, .undo = undo_file};

/* The setting of a line in ~/.curlrc, ~/.gitconfig and their like: "--cert x", "sslCert = x". */
static bool line_sets(const char *line, const char *name)
{
    size_t len = strlen(name);

    line += strspn(line, " \t-");
    return strncasecmp(line, name, len) == 0 && strchr(" \t=:\n", line[len]);
}

static int refuse_rivals(
    const struct cs_edit *edit, const struct cs_block *block, struct cs_fault *fault)
{
    const char *data = edit->before.data, *line = data;
    int number = 1;

    for (; edit->rivals && *line; number++) {
        size_t at = (size_t)(line - data);

        for (const char *const *name = edit->rivals; *name; name++)
            if ((at < block->start || at >= block->end) && line_sets(line, *name))
                return cs_fail(fault, CS_ERR_INVALID,
                    "%s:%d: a setting '%s' of your own is there already: nothing is put beside it",
                    edit->before.path, number, *name);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return 0;
}

/* Our block, or nothing, in place of what lay between start and end. */
static char *splice(const struct cs_edit *edit, size_t start, size_t end, const char *block)
{
    char *data;

    if (asprintf(&data, "%.*s%s%s", (int)start, edit->before.data, block, edit->before.data + end) <
        0)
        return NULL;
    return data;
}

/* Where our block is, or else where it belongs: at the top. */
static int find_block(struct cs_edit *edit, struct cs_block *block, struct cs_fault *fault)
{
    const char *data = edit->before.data;
    size_t top = strncmp(data, BOM, strlen(BOM)) == 0 ? strlen(BOM) : 0;
    int r;

    if (strlen(data) != edit->before.len)
        return cs_fail(fault, CS_ERR_INVALID, "%s is not a text file", edit->before.path);
    r = cs_mark_find_block(block, edit->target, edit->before.path, data + top, fault);
    block->start += top;
    block->end += top;
    return r;
}

static int apply_block(struct cs_edit *edit, struct cs_fault *fault)
{
    CS_AUTO(cs_freep) char *text = NULL;
    struct cs_block block;
    int r = find_block(edit, &block, fault);

    if (r == 0)
        r = refuse_rivals(edit, &block, fault);
    if (r < 0)
        return r;
    if (block.start == block.end)
        block.made_file = !edit->before.there;
    text = cs_mark_block(edit->target, edit->content, block.made_file);
    if (!text)
        return CS_ERR_MEMORY;
    return cs_edit_become(edit, splice(edit, block.start, block.end, text));
}

static int undo_block(struct cs_edit *edit, struct cs_fault *fault)
{
    struct cs_block block;
    int r = find_block(edit, &block, fault);

    if (r < 0 || block.start == block.end)
        return r;
    if (block.made_file && block.start == 0 && block.end == edit->before.len) {
        cs_edit_vanish(edit);
        return 0;
    }
    return cs_edit_become(edit, splice(edit, block.start, block.end, ""));
}

const struct cs_edit_kind cs_edit_block = {.apply = apply_block, .undo = undo_block};
