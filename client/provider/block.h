/* SPDX-License-Identifier: Apache-2.0 */
/* A PEM block of ours in what OpenSSL reads. */
#ifndef CS_PROVIDER_BLOCK_H
#define CS_PROVIDER_BLOCK_H

#include "base/buf.h"

/* BIO_gets: at most size - 1 octets of a line with its end, and a zero; returns how many, or <= 0.
 */
typedef int (*cs_block_gets)(void *source, char *line, unsigned size);

/*
 * Reads up to the end of the next PEM block if it is a key reference, and only its first line if
 * it is another. 1: a reference, its base64 appended to body. 0: another block, or none at all.
 * CS_ERR_PROTOCOL: a reference without an end, CS_ERR_TOO_LARGE, CS_ERR_MEMORY.
 */
int cs_block_read(cs_block_gets gets, void *source, struct cs_buf *body);

#endif
