/* SPDX-License-Identifier: Apache-2.0 */
/* REFRESH: one look at the slots for all who wait for it. */
#ifndef CS_TOKEN_HOST_REFRESH_H
#define CS_TOKEN_HOST_REFRESH_H

#include "base/buf.h"
#include "token-host/worker.h"

struct cs_host;

struct cs_refresh {
    struct cs_job job;
    struct cs_host *host;
    pthread_mutex_t lock;  /* guards the rest */
    bool under_way;        /* or about to be */
    struct cs_buf waiting; /* ids of requests that came since it began */
};

void cs_refresh_init(struct cs_refresh *refresh, struct cs_host *host);
/* Answers the request when all has been looked at after it came. CS_ERR_MEMORY: it does not. */
int cs_refresh_start(struct cs_host *host, uint32_t id);

#endif
