/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: a few that read what the agent says and do it, and one of its own for each long job. */
#ifndef CS_TOKEN_HOST_WORKER_H
#define CS_TOKEN_HOST_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct cs_job {
    void (*run)(struct cs_job *job); /* owns the job */
    uint32_t id;                     /* by which it can be withdrawn; 0: it cannot */
    struct cs_workers *workers;
    struct cs_job *next;
};

struct cs_workers {
    /* Called on one thread at a time when fd may be readable; reads until nothing is left. */
    void (*readable)(void *arg);
    void *arg;
    int epoll, wake;

    pthread_mutex_t reading; /* held by the thread that reads */
    pthread_mutex_t lock;    /* guards the rest */
    pthread_cond_t rested;
    struct cs_job *first, **lastp;
    unsigned n_running; /* jobs of the queue that run */
    unsigned max;       /* that may run at once */
    unsigned n_long;    /* jobs with a thread of their own */
    bool stopped;
};

/* No job runs before cs_workers_allow. CS_ERR_SYSTEM. */
int cs_workers_init(struct cs_workers *workers, int fd, void (*readable)(void *arg), void *arg);
/* Allows n jobs at once, and starts threads for them. CS_ERR_SYSTEM: fewer. */
int cs_workers_allow(struct cs_workers *workers, unsigned n);
/* Puts the calling thread to work; does not return. */
_Noreturn void cs_workers_join(struct cs_workers *workers);

void cs_workers_add(struct cs_workers *workers, struct cs_job *job);
/* Before all that wait. */
void cs_workers_add_first(struct cs_workers *workers, struct cs_job *job);
/* One that has not begun is the caller's again; NULL: there is none of this id. */
struct cs_job *cs_workers_withdraw(struct cs_workers *workers, uint32_t id);
/* Runs the job on a thread of its own. CS_ERR_SYSTEM: it does not run, and is still the caller's.
 */
int cs_workers_run_long(struct cs_workers *workers, struct cs_job *job);
/* No job begins any more. True if those that ran have ended within the time. */
bool cs_workers_stop(struct cs_workers *workers, int seconds);

#endif
