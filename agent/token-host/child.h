/* SPDX-License-Identifier: Apache-2.0 */
/* A program whose standard output is a PIN. */
#ifndef CS_TOKEN_HOST_CHILD_H
#define CS_TOKEN_HOST_CHILD_H

#include "base/error.h"
#include "base/secret.h"

/*
 * Runs argv[0], a path or a name in $PATH, without a shell, and reads what it writes into pin.
 * Ended early when cancel_fd becomes readable or the time is over. CS_ERR_CANCELLED,
 * CS_ERR_TIMEOUT; CS_ERR_LOCKED when it does not start, fails or writes nothing. The sentence
 * names the program. No process is left behind.
 */
int cs_child_read_pin(char *const argv[], int cancel_fd, int timeout_ms, struct cs_secret *pin,
    struct cs_fault *fault);

#endif
