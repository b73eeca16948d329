/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in files of the configuration, for keys and chains whose token has not got them. */
#ifndef CS_AGENT_BUNDLE_H
#define CS_AGENT_BUNDLE_H

#include "config/settings.h"
#include "inventory/object.h"

struct cs_bundle {
    size_t n;
    struct cs_object **items; /* their labels are their subjects (RFC 2253) */
};

/* Adds those of the file that a setting names, PEM; each is there once. CS_ERR_CONFIG with a
 * sentence. */
int cs_bundle_take(struct cs_bundle *bundle, const struct cs_setting *at, struct cs_fault *fault);
void cs_bundle_deinit(struct cs_bundle *bundle);

#endif
