/* SPDX-License-Identifier: Apache-2.0 */
/* Text for a terminal: made harmless, measured, cut. */
#ifndef CS_CLI_TEXT_H
#define CS_CLI_TEXT_H

#include "base/buf.h"

#include <stdio.h>

enum cs_cut {
    CS_CUT_NEVER,
    CS_CUT_END,
    CS_CUT_MIDDLE, /* where the end tells as much as the beginning: URIs, paths, subjects */
};

/*
 * A copy that can do no harm: control characters, what is no UTF-8, and what turns the direction of
 * writing are spelled out (\x1b, \u202e); so is everything beyond ASCII when the locale is not
 * UTF-8. To be freed; NULL without memory. A copy of a copy is the same.
 */
char *cs_text_safe(struct cs_bytes text);

/* A word of a command that may be copied into a shell: in single quotes if it needs any. To be
 * freed; NULL without memory. */
char *cs_text_quoted(const char *text);

/* Of a safe text, in the columns of a terminal. */
size_t cs_text_width(const char *text);
/* A copy of a safe text of at most this width, with an ellipsis where something was cut. */
char *cs_text_cut(const char *text, size_t width, enum cs_cut cut);
/* Prints a safe text in lines of at most this width, behind `indent` spaces, `at` of which are
 * there already in the first line. Words are not broken: a URI stays one that can be copied. */
void cs_text_fill(FILE *out, const char *text, size_t at, size_t indent, size_t width);

#endif
