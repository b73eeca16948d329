/* SPDX-License-Identifier: Apache-2.0 */
/* agent/hosts/host without a process: it says and answers what the target wants. Linked in the
 * place of host.c and host-talk.c. */
#ifndef CS_TESTS_FUZZ_FAKE_HOST_H
#define CS_TESTS_FUZZ_FAKE_HOST_H

#include "hosts/host.h"

/* Takes frames as they come on a host's socket. */
void fake_host_report(struct cs_host *host, struct cs_bytes frames);
/* It fails, and its tokens go; or runs again. */
void fake_host_set_up(struct cs_host *host, bool up);
/* Answers what it was asked first; false if it was asked nothing. */
bool fake_host_answer(struct cs_host *host, int code);

#endif
