/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM (RFC 7468) line by line, for the decoder. It sees every file that the program reads keys
 * from, so it looks at no more than it needs to say no.
 */
#include "provider/block.h"
#include "base/pem.h"

#include <countersign/error.h>
#include <string.h>

#define LINE_SIZE 256
#define DASHES "-----"

static bool starts_with(const char *line, const char *start)
{
    return strncmp(line, start, strlen(start)) == 0;
}

/* Whether the line is KIND LABEL between dashes, with nothing but white space behind. */
static bool is_boundary(const char *line, const char *kind, const char *label)
{
    const char *parts[] = {DASHES, kind, " ", label, DASHES};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!starts_with(line, parts[i]))
            return false;
        line += strlen(parts[i]);
    }
    return line[strspn(line, " \t\r\n")] == 0;
}

static const char *label_of(const char *line)
{
    static const char *const labels[] = {CS_PEM_REFERENCE, CS_PEM_PKCS11_PROVIDER};

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        if (is_boundary(line, "BEGIN", labels[i]))
            return labels[i];
    return NULL;
}

/* The line that begins the next block. */
static bool find_begin(cs_block_gets gets, void *source, char *line)
{
    bool at_start = true;
    int n;

    while ((n = gets(source, line, LINE_SIZE)) > 0) {
        if (at_start && starts_with(line, DASHES "BEGIN "))
            return true;
        at_start = line[n - 1] == '\n';
    }
    return false;
}

int cs_block_read(cs_block_gets gets, void *source, struct cs_buf *body)
{
    char line[LINE_SIZE];
    const char *label;
    int n;

    if (!find_begin(gets, source, line))
        return 0;
    label = label_of(line);
    if (!label)
        return 0;
    while ((n = gets(source, line, sizeof(line))) > 0) {
        if (starts_with(line, DASHES))
            return is_boundary(line, "END", label) ? 1 : CS_ERR_PROTOCOL;
        cs_buf_put(body, line, (size_t)n);
        if (body->error)
            return body->error;
    }
    return CS_ERR_PROTOCOL;
}
