/* SPDX-License-Identifier: Apache-2.0 */
/* Idle connections of a client, for any number of threads. */
#ifndef CS_LIB_POOL_H
#define CS_LIB_POOL_H

#include "lib/connection.h"

#include <stdatomic.h>

#define CS_POOL_MAX 16

struct cs_pool {
    _Atomic(struct cs_connection *) idle[CS_POOL_MAX];
};

void cs_pool_deinit(struct cs_pool *pool);
/* A connection that can be used, or NULL. */
struct cs_connection *cs_pool_take(struct cs_pool *pool);
/* Takes the connection over. */
void cs_pool_put(struct cs_pool *pool, struct cs_connection *connection);

#endif
