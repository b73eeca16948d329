/* SPDX-License-Identifier: Apache-2.0 */
/* The host under test in fuzz-host, over the lives of its process, and what must be so of it. */
#ifndef CS_TESTS_FUZZ_HOST_LIFE_H
#define CS_TESTS_FUZZ_HOST_LIFE_H

#include "fake-process.h"
#include "hosts/host.h"

#define HOST_TIMEOUT 1 /* of the module, seconds */

/* What becomes of the process, by what it did in this life. */
enum host_verdict { HOST_FINE, HOST_BROKEN, HOST_ANY };

struct host_life {
    struct cs_host *host;
    uv_loop_t loop;
    struct cs_inventory inventory;
    enum host_verdict verdict;
    unsigned number;                /* of the life that all this is about */
    bool loaded, scanned, reported; /* in this life; a token is */
    bool renewing;
    bool stopping;
};

extern struct host_life host_life;

/* changed: as the agent has it told. */
void host_life_begin(void (*changed)(void *user));
/* Nothing is left. */
void host_life_end(void);
/* What must be so at any time. */
void host_life_check(void);

bool host_life_is_up(void);
void host_life_stop(void);
void host_life_renew(void);
/* The first thing that it does wrong counts. */
void host_life_judge(enum host_verdict verdict);
/* Turns the loop until each has read what the other said. */
void host_life_settle(void);
/* Seconds in which the host says nothing. */
void host_life_wait(unsigned n);

/* When not all of it went, anything may come of it. */
void host_life_say_octets(struct cs_bytes octets, size_t n_fds);
void host_life_say(uint16_t type, uint32_t id, struct cs_bytes body, size_t n_fds);
/* TOKEN_BEGIN and, of a whole one, TOKEN_END. */
void host_life_say_token(uint32_t slot, bool whole);

#endif
