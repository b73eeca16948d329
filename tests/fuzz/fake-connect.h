/* SPDX-License-Identifier: Apache-2.0 */
/* Stands before libc's connect: whoever connects to a socket is with an agent that says what the
 * input holds, whatever it is asked, and then no more. */
#ifndef CS_TESTS_FUZZ_FAKE_CONNECT_H
#define CS_TESTS_FUZZ_FAKE_CONNECT_H

#include "base/buf.h"

/* What is said from now on; borrowed until the next. */
void fake_connect_say(struct cs_bytes octets);
/* Closes the agent's ends. */
void fake_connect_close(void);

#endif
