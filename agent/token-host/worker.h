/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: a few that take short jobs from a queue, and one of its own for each long job. */
#ifndef CS_TOKEN_HOST_WORKER_H
#define CS_TOKEN_HOST_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#define CS_WORKERS_MAX 4

struct cs_job {
    void (*run)(struct cs_job *job); /* owns the job */
    struct cs_workers *workers;
    struct cs_job *next;
};

struct cs_workers {
    pthread_mutex_t lock;
    pthread_cond_t added, rested;
    struct cs_job *first, **lastp;
    unsigned n_busy; /* jobs that run, long ones too */
    bool stopped;
};

void cs_workers_init(struct cs_workers *workers);
/* Adds threads. CS_ERR_SYSTEM. */
int cs_workers_start(struct cs_workers *workers, unsigned n);
void cs_workers_add(struct cs_workers *workers, struct cs_job *job);
/* Runs the job on a thread of its own. CS_ERR_SYSTEM: it does not run, and is still the caller's.
 */
int cs_workers_run_long(struct cs_workers *workers, struct cs_job *job);
/* No job begins any more. True if those that ran have ended within the time. */
bool cs_workers_stop(struct cs_workers *workers, int timeout_ms);

#endif
