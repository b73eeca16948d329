/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of authorities that no token holds, out of the configuration: they complete chains.
 */
#ifndef CS_AGENT_INTERMEDIATE_H
#define CS_AGENT_INTERMEDIATE_H

#include "config/settings.h"
#include "inventory/object.h"

struct cs_intermediates {
    size_t n;
    struct cs_object **items; /* their labels are their subjects (RFC 2253) */
};

/* The file that a setting names, PEM, takes the place of what an earlier one named. CS_ERR_CONFIG
 * with a sentence. */
int cs_intermediates_take(
    struct cs_intermediates *intermediates, const struct cs_setting *at, struct cs_fault *fault);
void cs_intermediates_deinit(struct cs_intermediates *intermediates);

#endif
