/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle connections. There is no lock: a slot is emptied and filled by one atomic exchange, so a
 * fork at any moment, under any number of threads, leaves the child a pool that it can use. What it
 * finds there is its parent's, and is closed without a word. Used by client alone.
 */
#include "lib/pool.h"

struct cs_connection *cs_pool_take(struct cs_pool *pool)
{
    for (size_t i = 0; i < CS_POOL_MAX; i++) {
        struct cs_connection *connection = atomic_exchange(&pool->idle[i], NULL);

        if (connection && cs_connection_is_idle(connection))
            return connection;
        cs_connection_free(connection);
    }
    return NULL;
}

void cs_pool_put(struct cs_pool *pool, struct cs_connection *connection)
{
    for (size_t i = 0; i < CS_POOL_MAX; i++) {
        struct cs_connection *empty = NULL;

        if (atomic_compare_exchange_strong(&pool->idle[i], &empty, connection))
            return;
    }
    cs_connection_free(connection);
}

void cs_pool_deinit(struct cs_pool *pool)
{
    for (size_t i = 0; i < CS_POOL_MAX; i++)
        cs_connection_free(atomic_exchange(&pool->idle[i], NULL));
}
