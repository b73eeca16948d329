/* SPDX-License-Identifier: Apache-2.0 */
/* agent/hosts/host-process without a process: the target holds the host's end of the socket. Linked
 * in the place of host-process.c. There is one at a time. */
#ifndef CS_TESTS_FUZZ_FAKE_PROCESS_H
#define CS_TESTS_FUZZ_FAKE_PROCESS_H

#include "base/wire.h"
#include "hosts/host-process.h"

struct fake_process {
    int fd;         /* -1 when it has hung up */
    unsigned lives; /* how often it was started */
    bool alive;
    bool killed;
    bool stubborn; /* does not end when it is killed: its module waits for a reader */
    bool absent;   /* cannot be started */
    int status;    /* of its end */
};

extern struct fake_process fake_process;

void fake_process_hang_up(void);
/* The loop then finds it ended; at once when it was killed and is not stubborn. */
void fake_process_end(int status);

/* Whether all of it went; with so many descriptors. */
bool fake_process_say_octets(struct cs_bytes octets, size_t n_fds);
bool fake_process_say(uint16_t type, uint32_t id, struct cs_bytes body, size_t n_fds);
/* Reads what the agent says, which is as it should be; whether it said something. */
bool fake_process_listen(void);

#endif
