/* SPDX-License-Identifier: Apache-2.0 */
/* The time, for deadlines. */
#ifndef CS_BASE_CLOCK_H
#define CS_BASE_CLOCK_H

/* Milliseconds of a clock that nobody sets. */
long long cs_clock_ms(void);

#endif
