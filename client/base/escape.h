/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of JSON, in ASCII; and of markup. */
#ifndef CS_BASE_ESCAPE_H
#define CS_BASE_ESCAPE_H

#include "base/buf.h"

/* The text in quotes: control characters and all beyond ASCII spelled \uXXXX, so that it does no
 * harm on a terminal; bytes that are no UTF-8 become U+FFFD. */
void cs_escape_string(struct cs_buf *buf, struct cs_bytes text);
/* One character as \uXXXX, or as two of them. */
void cs_escape_character(struct cs_buf *buf, uint32_t character);
/* Lower-case hex, without quotes. */
void cs_escape_hex(struct cs_buf *buf, struct cs_bytes bytes);

/* As markup that shows the text, in size bytes, which are more than 0. What is too long is cut
 * between two characters, and what is no UTF-8 becomes '?': libdbus ends the process of who hands
 * it such a string. */
void cs_escape_markup(const char *text, char *out, size_t size);

#endif
