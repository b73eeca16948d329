/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines. A library has no right to its host's standard error, so nothing is written until a
 * program sets a handler. Never pass PINs, signed bytes, signatures or certificates to it.
 */
#include "base/log.h"
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    cs_log_handler handler;
    enum cs_log_level most;
} state;

void cs_log_init(cs_log_handler handler, enum cs_log_level most)
{
    state.handler = handler;
    state.most = most;
}

bool cs_log_wants(enum cs_log_level level)
{
    return state.handler && level <= state.most;
}

void cs_log_to_stderr(enum cs_log_level level, const char *line)
{
    if (secure_getenv("JOURNAL_STREAM"))
        fprintf(stderr, "<%d>%s\n", (int)level, line);
    else
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
}

/* What strangers send may be in the line: no control character may reach a terminal or fake a line.
 */
static void neutralise(char *line)
{
    for (; *line; line++)
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            *line = '?';
}

static void __attribute__((format(printf, 3, 0)))
log_line(enum cs_log_level level, const char *suffix, const char *format, va_list args)
{
    char line[1600];
    int n;

    n = vsnprintf(line, sizeof(line), format, args);
    if (n < 0)
        return;
    if (suffix && (size_t)n < sizeof(line))
        snprintf(line + n, sizeof(line) - (size_t)n, ": %s", suffix);
    neutralise(line);
    state.handler(level, line);
}

void cs_log(enum cs_log_level level, const char *format, ...)
{
    int saved = errno;
    va_list args;

    if (!cs_log_wants(level))
        return;
    va_start(args, format);
    log_line(level, NULL, format, args);
    va_end(args);
    errno = saved;
}

void cs_log_r(enum cs_log_level level, int code, const char *format, ...)
{
    int saved = errno;
    va_list args;

    if (!cs_log_wants(level))
        return;
    va_start(args, format);
    log_line(level, cs_error_text(code), format, args);
    va_end(args);
    errno = saved;
}

void cs_log_errno(enum cs_log_level level, const char *format, ...)
{
    int saved = errno;
    char text[128];
    va_list args;

    if (!cs_log_wants(level))
        return;
    va_start(args, format);
    log_line(level, strerror_r(saved, text, sizeof(text)), format, args);
    va_end(args);
    errno = saved;
}
