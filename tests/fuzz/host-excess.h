/* SPDX-License-Identifier: Apache-2.0 */
/* A host that says more than may be, in fuzz-host. */
#ifndef CS_TESTS_FUZZ_HOST_EXCESS_H
#define CS_TESTS_FUZZ_HOST_EXCESS_H

#include <stdint.h>

/* The input chooses of what. The host has then broken a rule. */
void host_excess(uint8_t how);

#endif
