/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the libcrypto that loaded us. */
#ifndef CS_PROVIDER_CORE_H
#define CS_PROVIDER_CORE_H

#include "provider/provider.h"

/* Finds n functions by their names; NULL for one that is not there. */
void cs_core_find(
    const struct cs_provider *provider, const char *const names[], size_t n, void *found[]);

#endif
