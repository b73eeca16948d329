/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that come and go. There is a call that waits for it, C_WaitForSlotEvent, but a module that
 * does not wait well hangs in C_Finalize, or keeps all others out while it waits, so it is used
 * only where the configuration says so; else the slots are looked at every now and then, by
 * C_GetSlotList and one C_GetSlotInfo each; and because a token may be pulled and put back, or
 * another put in its place, between two looks, by one C_GetSessionInfo for each token, whose
 * sessions it takes along. Slots from which nothing can be removed are not worth it. A thread of
 * its own does this, from the boot to the end of the process.
 */
#include "token-host/plug.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INTERVAL 2000      /* when waiting turns out to be impossible */
#define BETWEEN_EVENTS 50u /* a module that tells of events without end does not keep us busy */
#define STACK_SIZE (512 * 1024)

bool cs_plug_init(struct cs_plug *plug, const char *how, struct cs_slots *slots)
{
    pthread_condattr_t attr;
    char *end = NULL;

    *plug = (struct cs_plug){.slots = slots};
    pthread_mutex_init(&plug->calling, NULL);
    pthread_mutex_init(&plug->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&plug->stop, &attr);
    pthread_condattr_destroy(&attr);
    if (strcmp(how, "never") == 0)
        return true;
    plug->wait = strcmp(how, "wait") == 0;
    plug->interval = plug->wait ? INTERVAL : (unsigned)strtoul(how, &end, 10);
    return plug->interval > 0 && (!end || *end == '\0');
}

/* A token that somebody else found gone may be back by now, so that its slot looks as before. */
static bool is_any_gone(struct cs_plug *plug)
{
    unsigned n_gone = __atomic_load_n(&plug->slots->n_gone, __ATOMIC_RELAXED);
    bool more = n_gone != plug->n_gone;

    plug->n_gone = n_gone;
    return more;
}

/* True if slots look different from before. A module that does not answer has said nothing. */
static bool look(struct cs_plug *plug)
{
    struct cs_module *module = plug->slots->module;
    CS_AUTO(cs_freep) struct cs_plug_slot *now = NULL;
    CK_SLOT_ID ids[CS_SLOTS_MAX];
    CK_ULONG n = 0;
    bool was_unlisted = __atomic_load_n(&plug->slots->n_unlisted, __ATOMIC_RELAXED) > 0;
    bool changed;

    if (cs_slots_list(plug->slots, CK_FALSE, ids, &n) != CKR_OK)
        return false;
    now = calloc(n + 1, sizeof(*now));
    if (!now)
        return false;
    for (CK_ULONG i = 0; i < n; i++) {
        CK_SLOT_INFO info = {.flags = CKF_REMOVABLE_DEVICE};

        now[i].id = ids[i];
        if (CS_MODULE_CALL(module, C_GetSlotInfo(ids[i], &info)) != CKR_OK)
            info.flags = CKF_REMOVABLE_DEVICE;
        now[i].flags = info.flags & (CKF_REMOVABLE_DEVICE | CKF_TOKEN_PRESENT);
    }
    changed = is_any_gone(plug) || was_unlisted || n != plug->n_seen;
    for (CK_ULONG i = 0; i < n && !changed; i++)
        changed = now[i].id != plug->seen[i].id || now[i].flags != plug->seen[i].flags;
    free(plug->seen);
    plug->seen = cs_steal(&now);
    plug->n_seen = n;
    return changed;
}

/* Where no slot is, a reader may be plugged in. */
static bool is_worth_it(const struct cs_plug *plug)
{
    bool removable = plug->n_seen == 0;

    for (size_t i = 0; i < plug->n_seen; i++)
        removable |= (plug->seen[i].flags & CKF_REMOVABLE_DEVICE) != 0;
    return removable;
}

static void scan(struct cs_plug *plug)
{
    struct cs_failure failure = {0};
    int r = cs_slots_scan(plug->slots, &failure);

    if (r < 0)
        cs_warn("%s", cs_fault_text(&failure.fault, r));
}

static struct timespec in_milliseconds(clockid_t clock, unsigned milliseconds)
{
    struct timespec time;

    clock_gettime(clock, &time);
    time.tv_sec += milliseconds / 1000;
    time.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

/* False when it is time to stop. */
static bool rest(struct cs_plug *plug, unsigned milliseconds)
{
    const struct timespec until = in_milliseconds(CLOCK_MONOTONIC, milliseconds);
    bool stopped;
    int r = 0;

    pthread_mutex_lock(&plug->lock);
    while (!plug->stopped && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&plug->stop, &plug->lock, &until);
    stopped = plug->stopped;
    pthread_mutex_unlock(&plug->lock);
    return !stopped;
}

static bool is_stopped(struct cs_plug *plug)
{
    bool stopped;

    pthread_mutex_lock(&plug->lock);
    stopped = plug->stopped;
    pthread_mutex_unlock(&plug->lock);
    return stopped;
}

/* The calls are made with `calling` held, which stop takes for good. */
static void look_on(struct cs_plug *plug)
{
    while (rest(plug, plug->interval)) {
        pthread_mutex_lock(&plug->calling);
        if (!is_stopped(plug) && (look(plug) || cs_slots_are_stale(plug->slots)))
            scan(plug);
        pthread_mutex_unlock(&plug->calling);
    }
}

static void wait_on(struct cs_plug *plug)
{
    CK_FUNCTION_LIST *functions = cs_module_functions(plug->slots->module);
    CK_SLOT_ID slot;
    CK_RV rv;

    do {
        rv = functions->C_WaitForSlotEvent(0, &slot, NULL);
        pthread_mutex_lock(&plug->calling);
        if (rv == CKR_OK && !is_stopped(plug))
            scan(plug);
        pthread_mutex_unlock(&plug->calling);
    } while (rest(plug, BETWEEN_EVENTS) && rv == CKR_OK);
    if (!is_stopped(plug))
        cs_notice("the module cannot wait for tokens (%s): its slots are looked at every %u s",
            cs_ckr_name(rv), plug->interval / 1000);
}

static void *run(void *arg)
{
    struct cs_plug *plug = arg;

    if (plug->wait)
        wait_on(plug);
    look_on(plug);
    return NULL;
}

void cs_plug_begin(struct cs_plug *plug)
{
    if (plug->interval > 0)
        look(plug);
}

void cs_plug_start(struct cs_plug *plug)
{
    pthread_attr_t attr;
    pthread_t thread;

    if (plug->interval == 0 || !is_worth_it(plug))
        return;
    /* One thread at a time: none may stay in a call. */
    plug->wait = plug->wait && cs_module_threaded(plug->slots->module);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    if (pthread_create(&thread, &attr, run, plug) != 0)
        cs_warn("no thread looks for tokens that come and go");
    pthread_attr_destroy(&attr);
}

bool cs_plug_stop(struct cs_plug *plug, int seconds)
{
    const struct timespec until = in_milliseconds(CLOCK_REALTIME, (unsigned)seconds * 1000);

    pthread_mutex_lock(&plug->lock);
    plug->stopped = true;
    pthread_cond_broadcast(&plug->stop);
    pthread_mutex_unlock(&plug->lock);
    return pthread_mutex_timedlock(&plug->calling, &until) == 0;
}
