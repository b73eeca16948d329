/* SPDX-License-Identifier: Apache-2.0 */
/* The error catalogue's table, and an error with a sentence. */
#ifndef CS_BASE_ERROR_H
#define CS_BASE_ERROR_H

#include <countersign/error.h>

/* An error for a person: its code, and one sentence that says what to do next. */
struct cs_fault {
    int code;
    char text[1024];
};

/* Exit statuses of our programs. */
enum cs_exit {
    CS_EXIT_OK = 0,
    CS_EXIT_FAILURE = 1,
    CS_EXIT_USAGE = 2,
    CS_EXIT_NO_AGENT = 3,
    CS_EXIT_NOT_FOUND = 4,
    CS_EXIT_LOCKED = 5,
    CS_EXIT_DENIED = 6,
    CS_EXIT_TOKEN = 7,
};

const char *cs_error_text(int code);
const char *cs_error_dbus_name(int code);
unsigned long cs_error_ckr(int code);
int cs_error_exit_status(int code);

/* Between a negative code and the positive one on the wire; an unknown wire code is
 * CS_ERR_PROTOCOL. */
unsigned cs_error_to_wire(int code);
int cs_error_from_wire(unsigned wire);

/* Writes the sentence if fault is not NULL, and returns code. What is no UTF-8 or a control
 * character in it becomes '?'. */
int cs_fail(struct cs_fault *fault, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The sentence of fault, or the catalogue's text when it has none. */
const char *cs_fault_text(const struct cs_fault *fault, int code);

/* Passes an error on and leaves a line of where it went in the debug log. */
#define cs_trace(code) cs_trace_at((code), __FILE__, __LINE__, __func__)
int cs_trace_at(int code, const char *file, int line, const char *function);

#endif
