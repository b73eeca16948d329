/* SPDX-License-Identifier: Apache-2.0 */
/* The call log: a line per call. Never a PIN. */
#ifndef FAULT_LOG_H
#define FAULT_LOG_H

#include <stdbool.h>
#include <stdint.h>

bool fault_log_open(int dirfd);
uint64_t fault_log_now(void); /* microseconds of the monotonic clock */

/* A line: time, process, thread, and what is given, which starts with a word: a function's name,
 * @EVENT or !ERROR. */
void fault_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
