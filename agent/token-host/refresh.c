/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at all slots may take a slow card seconds, and there is one at a time: who asks while one
 * is under way waits with all others for the next, and no thread waits with them. Called by
 * request.c.
 */
#include "token-host/refresh.h"
#include "token-host/host.h"

static void answer(
    struct cs_host *host, struct cs_reader *ids, int r, const struct cs_failure *failure)
{
    while (ids->left > 0) {
        uint32_t id = cs_get_u32(ids);

        if (r < 0)
            cs_link_failed(&host->link, id, r, failure);
        else
            cs_link_done(&host->link, id);
    }
}

static struct cs_buf take_waiting(struct cs_refresh *refresh)
{
    struct cs_buf ids;

    pthread_mutex_lock(&refresh->lock);
    ids = refresh->waiting;
    refresh->waiting = CS_BUF_INIT(ids.max);
    pthread_mutex_unlock(&refresh->lock);
    return ids;
}

static void run(struct cs_job *job)
{
    struct cs_refresh *refresh = (struct cs_refresh *)job;
    CS_AUTO(cs_buf_deinit) struct cs_buf ids = take_waiting(refresh);
    struct cs_reader reader = cs_reader_of(cs_buf_bytes(&ids));
    struct cs_failure failure = {0};
    int r = cs_slots_scan(&refresh->host->slots, &failure);

    answer(refresh->host, &reader, r, &failure);
    pthread_mutex_lock(&refresh->lock);
    refresh->under_way = refresh->waiting.len > 0;
    if (refresh->under_way)
        cs_workers_add(&refresh->host->workers, &refresh->job);
    pthread_mutex_unlock(&refresh->lock);
}

void cs_refresh_init(struct cs_refresh *refresh, struct cs_host *host)
{
    *refresh = (struct cs_refresh){
        .job = {.run = run}, .host = host, .waiting = CS_BUF_INIT(1024u * 1024u)};
    pthread_mutex_init(&refresh->lock, NULL);
}

int cs_refresh_start(struct cs_host *host, uint32_t id)
{
    struct cs_refresh *refresh = &host->refresh;
    int r;

    pthread_mutex_lock(&refresh->lock);
    cs_buf_put_u32(&refresh->waiting, id);
    r = refresh->waiting.error;
    refresh->waiting.error = 0; /* of this one alone: the others are whole */
    if (r == 0 && !refresh->under_way) {
        refresh->under_way = true;
        cs_workers_add(&host->workers, &refresh->job);
    }
    pthread_mutex_unlock(&refresh->lock);
    return r;
}
