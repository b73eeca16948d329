/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock stands still until it is put forward: no loop waits for a timer. */
#ifndef CS_TESTS_FUZZ_FAKE_CLOCK_H
#define CS_TESTS_FUZZ_FAKE_CLOCK_H

void fake_clock_advance(unsigned seconds);

#endif
