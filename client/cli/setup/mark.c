/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that setup remembers stands in the files themselves: there is no state that could be lost, or
 * could tell of files that are no longer so. All the files it writes take '#' for a comment.
 */
#include "cli/setup/mark.h"
#include "base/cleanup.h"
#include "base/hex.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define SUM_BYTES 6
#define SUM_SIZE (2 * SUM_BYTES + 1)
#define FILE_MARK "# Written by 'countersign setup "
#define SUM_MARK ", checksum "
#define MADE_FILE "; --undo removes this file >>>"
#define FOUND_FILE "; --undo removes this >>>"

/* Against a slip of the hand, not against an enemy: whoever writes here can write the sum, too. */
static void sum_of(char sum[SUM_SIZE], const char *data, size_t len)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};

    EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL);
    cs_hex_write(digest, SUM_BYTES, sum);
}

char *cs_mark_file(const char *target, const char *content)
{
    char sum[SUM_SIZE];
    char *text;

    sum_of(sum, content, strlen(content));
    if (asprintf(&text,
            FILE_MARK "%s'" SUM_MARK "%s;\n"
                      "# 'countersign setup %s --undo' removes it.\n%s",
            target, sum, target, content) < 0)
        return NULL;
    return text;
}

/* Whether the line has the checksum of this. */
static bool line_has_sum(const char *line, const char *content, size_t len)
{
    const char *end = strchr(line, '\n');
    const char *sum = strstr(line, SUM_MARK);
    char expected[SUM_SIZE];

    if (!sum || (end && sum > end))
        return false;
    sum_of(expected, content, len);
    return strncmp(sum + strlen(SUM_MARK), expected, SUM_SIZE - 1) == 0;
}

enum cs_mark cs_mark_of_file(const char *data, size_t len)
{
    const char *content = data;

    if (strncmp(data, FILE_MARK, strlen(FILE_MARK)) != 0)
        return CS_MARK_NONE;
    for (int lines = 0; lines < 2; lines++) {
        content = strchr(content, '\n');
        if (!content++)
            return CS_MARK_CHANGED;
    }
    return line_has_sum(data, content, len - (size_t)(content - data)) ? CS_MARK_OURS
                                                                       : CS_MARK_CHANGED;
}

char *cs_mark_block(const char *target, const char *content, bool made_file)
{
    char sum[SUM_SIZE];
    char *text;

    sum_of(sum, content, strlen(content));
    if (asprintf(&text,
            "# >>> countersign setup %s" SUM_MARK "%s%s\n"
            "%s# <<< countersign setup %s <<<\n",
            target, sum, made_file ? MADE_FILE : FOUND_FILE, content, target) < 0)
        return NULL;
    return text;
}

static int line_number(const char *data, const char *at)
{
    int number = 1;

    for (; data < at; data++)
        number += *data == '\n';
    return number;
}

/* At the beginning of a line. */
static const char *find_line(const char *data, const char *line)
{
    const char *at = data;

    while ((at = strstr(at, line)) && at != data && at[-1] != '\n')
        at++;
    return at;
}

int cs_mark_find_block(struct cs_block *block, const char *target, const char *path,
    const char *data, struct cs_fault *fault)
{
    CS_AUTO(cs_freep) char *first = NULL;
    CS_AUTO(cs_freep) char *last = NULL;
    const char *start, *content, *end;

    *block = (struct cs_block){0};
    if (asprintf(&first, "# >>> countersign setup %s" SUM_MARK, target) < 0 ||
        asprintf(&last, "# <<< countersign setup %s <<<", target) < 0)
        return CS_ERR_MEMORY;
    start = find_line(data, first);
    if (!start)
        return 0;
    content = strchr(start, '\n');
    end = content ? find_line(content + 1, last) : NULL;
    if (!end || find_line(start + 1, first))
        return cs_fail(fault, CS_ERR_INVALID,
            "%s:%d: the lines of 'countersign setup %s' begin here and %s: take them away by hand",
            path, line_number(data, start), target, end ? "begin again later" : "never end");
    content++;
    if (!line_has_sum(start, content, (size_t)(end - content)))
        return cs_fail(fault, CS_ERR_INVALID,
            "%s:%d: somebody changed what 'countersign setup %s' wrote there: take back the "
            "change, "
            "or take lines %d to %d away by hand",
            path, line_number(data, start), target, line_number(data, start),
            line_number(data, end));
    block->start = (size_t)(start - data);
    block->made_file = memmem(start, (size_t)(content - start), MADE_FILE, strlen(MADE_FILE));
    block->end = (size_t)(end - data) + strlen(last);
    block->end += data[block->end] == '\n';
    return 0;
}
