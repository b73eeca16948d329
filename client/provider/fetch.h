/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps OpenSSL's own key managers in front of ours. */
#ifndef CS_PROVIDER_FETCH_H
#define CS_PROVIDER_FETCH_H

#include "provider/provider.h"

#include <stdbool.h>

/* Finds what the rest needs of OpenSSL; once, before anything else. */
void cs_fetch_init(struct cs_provider *provider);

/*
 * Called when OpenSSL asks for our key managers, before it is answered. False: it asks because of
 * what goes on in here, and wants no answer yet.
 */
bool cs_fetch_others_first(struct cs_provider *provider);

/* Called before a key of ours is handed out. */
void cs_fetch_again(struct cs_provider *provider);

#endif
