/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that call the module. Signatures, refreshes and logouts go through the queue; what
 * may wait for a person has a thread of its own, so that it holds up nobody. Threads end with the
 * process: a call into a vendor's module cannot be broken off.
 */
#include "token-host/worker.h"

#include <countersign/error.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define STACK_SIZE (512 * 1024)

void cs_workers_init(struct cs_workers *workers)
{
    pthread_condattr_t attr;

    *workers = (struct cs_workers){.lastp = &workers->first};
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->added, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->rested, &attr);
    pthread_condattr_destroy(&attr);
}

static void run(struct cs_workers *workers, struct cs_job *job)
{
    job->run(job);
    pthread_mutex_lock(&workers->lock);
    if (--workers->n_busy == 0)
        pthread_cond_broadcast(&workers->rested);
    pthread_mutex_unlock(&workers->lock);
}

static struct cs_job *next_job(struct cs_workers *workers)
{
    struct cs_job *job;

    pthread_mutex_lock(&workers->lock);
    while (!workers->first || workers->stopped)
        pthread_cond_wait(&workers->added, &workers->lock);
    job = workers->first;
    workers->first = job->next;
    if (!workers->first)
        workers->lastp = &workers->first;
    workers->n_busy++;
    pthread_mutex_unlock(&workers->lock);
    return job;
}

static void *work(void *arg)
{
    struct cs_workers *workers = arg;

    for (;;)
        run(workers, next_job(workers));
    return NULL;
}

static void *work_long(void *arg)
{
    struct cs_job *job = arg;

    run(job->workers, job);
    return NULL;
}

static int start_thread(void *(*function)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    r = pthread_create(&thread, &attr, function, arg);
    pthread_attr_destroy(&attr);
    return r == 0 ? 0 : CS_ERR_SYSTEM;
}

int cs_workers_start(struct cs_workers *workers, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (start_thread(work, workers) < 0)
            return CS_ERR_SYSTEM;
    return 0;
}

void cs_workers_add(struct cs_workers *workers, struct cs_job *job)
{
    job->workers = workers;
    job->next = NULL;
    pthread_mutex_lock(&workers->lock);
    *workers->lastp = job;
    workers->lastp = &job->next;
    pthread_cond_signal(&workers->added);
    pthread_mutex_unlock(&workers->lock);
}

int cs_workers_run_long(struct cs_workers *workers, struct cs_job *job)
{
    int r;

    job->workers = workers;
    pthread_mutex_lock(&workers->lock);
    r = workers->stopped ? CS_ERR_SYSTEM : start_thread(work_long, job);
    if (r == 0)
        workers->n_busy++;
    pthread_mutex_unlock(&workers->lock);
    return r;
}

bool cs_workers_stop(struct cs_workers *workers, int timeout_ms)
{
    struct timespec end;
    bool rested;
    int r = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout_ms / 1000;
    end.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&workers->lock);
    workers->stopped = true;
    while (workers->n_busy > 0 && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&workers->rested, &workers->lock, &end);
    rested = workers->n_busy == 0;
    pthread_mutex_unlock(&workers->lock);
    return rested;
}
