/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: silent in shims, on standard error in our own programs. errno survives every call. */
#ifndef CS_BASE_LOG_H
#define CS_BASE_LOG_H

#include <stdbool.h>

enum cs_log_level { /* the numbers are the journal's priorities, syslog(3) */
    CS_LOG_ERROR = 3,
    CS_LOG_WARNING = 4,
    CS_LOG_NOTICE = 5,
    CS_LOG_INFO = 6,
    CS_LOG_DEBUG = 7,
};

typedef void (*cs_log_handler)(enum cs_log_level level, const char *line);

/* Until a handler is set nothing is formatted and nothing is written. */
void cs_log_init(cs_log_handler handler, enum cs_log_level most);
bool cs_log_wants(enum cs_log_level level);

/* Writes "<priority>line" where standard error is the journal's (JOURNAL_STREAM), "name: line"
 * elsewhere. */
void cs_log_to_stderr(enum cs_log_level level, const char *line);

void cs_log(enum cs_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The _r forms append ": " and the text of an error code; the _errno form appends strerror. */
void cs_log_r(enum cs_log_level level, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cs_log_errno(enum cs_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define cs_error(...) cs_log(CS_LOG_ERROR, __VA_ARGS__)
#define cs_warn(...) cs_log(CS_LOG_WARNING, __VA_ARGS__)
#define cs_notice(...) cs_log(CS_LOG_NOTICE, __VA_ARGS__)
#define cs_info(...) cs_log(CS_LOG_INFO, __VA_ARGS__)
#define cs_debug(...) cs_log(CS_LOG_DEBUG, __VA_ARGS__)

#endif
