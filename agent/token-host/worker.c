/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that call the module. The thread that reads a request does it itself, so that a
 * signature is not handed from thread to thread; the others wait at the same epoll instance and
 * one of them wakes when there is more. There is always one thread more than jobs may run, so that
 * the agent is heard, and its end seen, whatever the module does.
 *
 * What may wait for a person has a thread of its own. Threads end with the process: a call into a
 * vendor's module cannot be broken off.
 */
#include "token-host/worker.h"
#include "base/log.h"

#include <countersign/error.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (512 * 1024)

/* Edge-triggered: one thread wakes for what came, and none for what another is reading. */
static int watch(struct cs_workers *workers, int fd, bool is_link)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = is_link};

    return epoll_ctl(workers->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : CS_ERR_SYSTEM;
}

int cs_workers_init(struct cs_workers *workers, int fd, void (*readable)(void *arg), void *arg)
{
    pthread_condattr_t attr;

    *workers = (struct cs_workers){.readable = readable, .arg = arg, .lastp = &workers->first};
    workers->epoll = epoll_create1(EPOLL_CLOEXEC);
    workers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&workers->reading, NULL);
    pthread_mutex_init(&workers->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->rested, &attr);
    pthread_condattr_destroy(&attr);
    if (workers->epoll < 0 || workers->wake < 0 || watch(workers, fd, true) < 0)
        return CS_ERR_SYSTEM;
    return watch(workers, workers->wake, false);
}

/* Another thread looks into the queue. */
static void wake_one(struct cs_workers *workers)
{
    uint64_t one = 1;
    ssize_t n = write(workers->wake, &one, sizeof(one));

    (void)n;
}

static bool may_begin(const struct cs_workers *workers)
{
    return workers->first && workers->n_running < workers->max && !workers->stopped;
}

/* The next job, or NULL. */
static struct cs_job *begin(struct cs_workers *workers)
{
    struct cs_job *job = NULL;
    bool more = false;

    pthread_mutex_lock(&workers->lock);
    if (may_begin(workers)) {
        job = workers->first;
        workers->first = job->next;
        if (!workers->first)
            workers->lastp = &workers->first;
        workers->n_running++;
        more = may_begin(workers);
    }
    pthread_mutex_unlock(&workers->lock);
    if (more)
        wake_one(workers);
    return job;
}

static void end(struct cs_workers *workers, unsigned *counter)
{
    pthread_mutex_lock(&workers->lock);
    --*counter;
    if (workers->n_running + workers->n_long == 0)
        pthread_cond_broadcast(&workers->rested);
    pthread_mutex_unlock(&workers->lock);
}

static void wait_for_work(struct cs_workers *workers)
{
    struct epoll_event event;
    int n = epoll_wait(workers->epoll, &event, 1, -1);

    if (n < 0 && errno != EINTR)
        cs_log_errno(CS_LOG_ERROR, "epoll_wait");
    if (n != 1 || !event.data.u32)
        return;
    pthread_mutex_lock(&workers->reading);
    workers->readable(workers->arg);
    pthread_mutex_unlock(&workers->reading);
}

_Noreturn void cs_workers_join(struct cs_workers *workers)
{
    for (;;) {
        struct cs_job *job = begin(workers);

        if (job) {
            job->run(job);
            end(workers, &workers->n_running);
        } else {
            wait_for_work(workers);
        }
    }
}

static void *work(void *arg)
{
    cs_workers_join(arg);
}

static void *work_long(void *arg)
{
    struct cs_job *job = arg;
    struct cs_workers *workers = job->workers;

    job->run(job);
    end(workers, &workers->n_long);
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

/* The thread that joins is the one more. */
int cs_workers_allow(struct cs_workers *workers, unsigned n)
{
    int r = 0;

    pthread_mutex_lock(&workers->lock);
    while (r == 0 && workers->max < n) {
        r = start_thread(work, workers);
        if (r == 0)
            workers->max++;
    }
    pthread_mutex_unlock(&workers->lock);
    wake_one(workers);
    return r;
}

void cs_workers_add(struct cs_workers *workers, struct cs_job *job)
{
    job->workers = workers;
    job->next = NULL;
    pthread_mutex_lock(&workers->lock);
    *workers->lastp = job;
    workers->lastp = &job->next;
    pthread_mutex_unlock(&workers->lock);
}

void cs_workers_add_first(struct cs_workers *workers, struct cs_job *job)
{
    job->workers = workers;
    pthread_mutex_lock(&workers->lock);
    job->next = workers->first;
    if (!workers->first)
        workers->lastp = &job->next;
    workers->first = job;
    pthread_mutex_unlock(&workers->lock);
}

struct cs_job *cs_workers_withdraw(struct cs_workers *workers, uint32_t id)
{
    struct cs_job **p = &workers->first, *job;

    pthread_mutex_lock(&workers->lock);
    while (*p && ((*p)->id != id || id == 0))
        p = &(*p)->next;
    job = *p;
    if (job)
        *p = job->next;
    if (job && !job->next)
        workers->lastp = p;
    pthread_mutex_unlock(&workers->lock);
    return job;
}

int cs_workers_run_long(struct cs_workers *workers, struct cs_job *job)
{
    int r;

    job->workers = workers;
    pthread_mutex_lock(&workers->lock);
    r = workers->stopped ? CS_ERR_SYSTEM : start_thread(work_long, job);
    if (r == 0)
        workers->n_long++;
    pthread_mutex_unlock(&workers->lock);
    return r;
}

bool cs_workers_stop(struct cs_workers *workers, int seconds)
{
    struct timespec limit;
    bool rested;
    int r = 0;

    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += seconds;
    pthread_mutex_lock(&workers->lock);
    workers->stopped = true;
    while (workers->n_running + workers->n_long > 0 && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&workers->rested, &workers->lock, &limit);
    rested = workers->n_running + workers->n_long == 0;
    pthread_mutex_unlock(&workers->lock);
    return rested;
}
