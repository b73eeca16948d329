/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths of time as people write them: 30s, 15m, 8h. */
#ifndef CS_BASE_DURATION_H
#define CS_BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#define CS_DURATION_MAX (366ull * 24 * 60 * 60 * 1000)

/* A number and ms, s, m, h or d, or "none", which is 0; in milliseconds. CS_ERR_INVALID. */
int cs_duration_parse(const char *text, uint64_t *millisecondsp);

/* "8 hours". Returns out. */
const char *cs_duration_text(uint64_t milliseconds, char *out, size_t size);

#endif
