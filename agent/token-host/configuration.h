/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent configures a host with: how to ask, and where PINs come from unasked. */
#ifndef CS_TOKEN_HOST_CONFIGURATION_H
#define CS_TOKEN_HOST_CONFIGURATION_H

#include "token-host/host-message.h"

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

struct cs_configuration {
    struct cs_buf body;
    struct cs_host_configure m; /* borrows from body */
    bool given;
};

/* Copies. It is given once, before anything that reads it. */
int cs_configuration_take(struct cs_configuration *configuration, struct cs_bytes body);

/* The next source from *ip on that is for the token, or NULL; *ip moves behind it. */
const struct cs_host_pin_source *cs_configuration_source(
    const struct cs_configuration *configuration, const CK_TOKEN_INFO *info, uint32_t *ip);

#endif
