/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps OpenSSL's default key managers in front of ours. */
#ifndef CS_PROVIDER_FETCH_H
#define CS_PROVIDER_FETCH_H

#include "provider/provider.h"

/* Called before a key is handed out; does its work once per provider context. */
void cs_fetch_defaults(struct cs_provider *provider);

#endif
