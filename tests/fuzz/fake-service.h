/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's service, with one token host, which is ours, and one token. */
#ifndef CS_TESTS_FUZZ_FAKE_SERVICE_H
#define CS_TESTS_FUZZ_FAKE_SERVICE_H

#include "service.h"

struct cs_service *fake_service_start(void);
/* What the agent does at each turn of its loop. */
void fake_service_turn(void);

/* The token is pulled, put back, or changes its state. */
void fake_service_disturb(uint8_t what);
/* The requests that wait for the token to come back. */
size_t fake_service_count_waiting(void);
/* The token is what it was at the start. False if nothing was to be done. */
bool fake_service_mend_token(void);

#endif
