/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's service, with one token host, which is ours, and one token; a person and a clock that
 * are ours, too. */
#ifndef CS_TESTS_FUZZ_FAKE_SERVICE_H
#define CS_TESTS_FUZZ_FAKE_SERVICE_H

#include "service.h"

struct cs_service *fake_service_start(void);
/* What the agent does at each turn of its loop. */
void fake_service_turn(void);

/* The token is pulled, put back, as it was or with more or less on it, or changes its state; the
 * host fails, or runs again. */
void fake_service_disturb(uint8_t what);
/* The host runs: who waited for it goes on. */
void fake_service_recover(void);
/* Another configuration, in which a person is asked, or what an agent has that could load none;
 * another display, or none, to ask at. */
void fake_service_configure(uint8_t which);
/* So many seconds go by. */
void fake_service_wait(unsigned seconds);
/* The requests that wait for the token to come back. */
size_t fake_service_count_waiting(void);
/* All is what it was at the start. False if nothing was to be done to the token. */
bool fake_service_mend(void);

#endif
