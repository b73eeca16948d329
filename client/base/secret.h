/* SPDX-License-Identifier: Apache-2.0 */
/* A PIN: in locked memory of its own, left out of core dumps, wiped when freed. It has no print
 * function. */
#ifndef CS_BASE_SECRET_H
#define CS_BASE_SECRET_H

#include "base/cleanup.h"

#include <stddef.h>
#include <sys/types.h>

#define CS_SECRET_MAX 255

struct cs_secret;

int cs_secret_new(struct cs_secret **secretp);
void cs_secret_free(struct cs_secret *secret);
CS_DEFINE_CLEANUP(struct cs_secret *, cs_secret_free);

/* The bytes, with a zero behind them that does not count. */
char *cs_secret_data(struct cs_secret *secret);
size_t cs_secret_len(const struct cs_secret *secret);
int cs_secret_set_len(struct cs_secret *secret, size_t len);

/* Reads to the end of fd, within timeout_ms; one line end at the end is dropped. It is given up as
 * soon as cancel_fd, if not -1, is readable. CS_ERR_TOO_LARGE, CS_ERR_TIMEOUT, CS_ERR_CANCELLED,
 * CS_ERR_SYSTEM: the secret is then empty. */
int cs_secret_read(struct cs_secret *secret, int fd, int cancel_fd, int timeout_ms);

void cs_wipe(void *data, size_t len);

#endif
