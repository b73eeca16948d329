/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes for people and for names. */
#ifndef CS_BASE_HEX_H
#define CS_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* The first len bytes in lower-case hex, with a zero; out has 2 * len + 1 bytes. Returns out. */
char *cs_hex_write(const uint8_t *bytes, size_t len, char *out);

#endif
