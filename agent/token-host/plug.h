/* SPDX-License-Identifier: Apache-2.0 */
/* Notices that tokens come and go, while nobody asks. */
#ifndef CS_TOKEN_HOST_PLUG_H
#define CS_TOKEN_HOST_PLUG_H

#include "token-host/slot.h"

struct cs_plug_slot {
    CK_SLOT_ID id;
    CK_FLAGS flags; /* of CK_SLOT_INFO */
};

struct cs_plug {
    struct cs_slots *slots;
    unsigned interval; /* milliseconds between looks; 0: never */
    bool wait;         /* the module tells */
    size_t n_seen;
    struct cs_plug_slot *seen;
    unsigned n_gone; /* the slots' count at the last look */

    pthread_mutex_t calling; /* held around calls */
    pthread_mutex_t lock;    /* guards stopped */
    pthread_cond_t stop;
    bool stopped;
};

/* how: "wait", "never" or a number of milliseconds. False when it is none of them. */
bool cs_plug_init(struct cs_plug *plug, const char *how, struct cs_slots *slots);
/* Before the first scan: what happens from now on is noticed. */
void cs_plug_begin(struct cs_plug *plug);
/* After it. */
void cs_plug_start(struct cs_plug *plug);
/* No call begins any more. False if one is under way that does not end in that time; one that
 * waits for an event does not count, for C_Finalize ends it. */
bool cs_plug_stop(struct cs_plug *plug, int seconds);

#endif
