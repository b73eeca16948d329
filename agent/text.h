/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from strangers made fit for a person's eyes, and for fields that must be UTF-8. */
#ifndef CS_AGENT_TEXT_H
#define CS_AGENT_TEXT_H

#include "base/buf.h"

#define CS_TEXT_MAX 256

/* Writes bytes as UTF-8 with a zero behind it: control characters and what is no UTF-8 become '?',
 * what does not fit is cut at a character. Returns out. */
char *cs_text_clean(struct cs_bytes bytes, char *out, size_t size);

/* Whether it is UTF-8 without control characters. */
bool cs_text_is_clean(struct cs_bytes bytes);

#endif
