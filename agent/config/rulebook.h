/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration and the rules in force, kept true to the files. */
#ifndef CS_AGENT_RULEBOOK_H
#define CS_AGENT_RULEBOOK_H

#include "config/config.h"
#include "config/watch.h"

struct cs_rulebook {
    struct cs_config *config; /* borrowed; its rules and preferences are replaced */
    bool lacking; /* nothing could be loaded yet: config denies everything, and error says why */
    struct cs_places places;
    struct cs_watch watch;
    struct cs_audit *audit; /* where it is recorded that they changed; set after init */
    uint64_t loaded;        /* when the rules in force were read, seconds of Unix time; or 0 */
    char error[1024];       /* what is wrong in the files since then, or "" */
    /* While it is lacking: for another reason now, or it is no longer. Set after init. */
    void (*changed)(void *user);
    void *user;
};

/* Takes over a configuration that has just been loaded; or, with the sentence of why nothing could
 * be, one that denies everything. */
void cs_rulebook_init(struct cs_rulebook *rulebook, struct cs_config *config,
    const struct cs_places *places, const char *error);
/* 0 if there is a configuration. Else the files are read again, for not every change is told of;
 * CS_ERR_CONFIG if that fails, and error says why. */
int cs_rulebook_need(struct cs_rulebook *rulebook);
/* Reads the files again when they change. */
void cs_rulebook_watch(struct cs_rulebook *rulebook, uv_loop_t *loop);
void cs_rulebook_stop(struct cs_rulebook *rulebook);
/* Reads the files now. If there is a mistake in them, the rules stay what they are; but
 * the administrator's are taken over if the mistake is in the user's. */
void cs_rulebook_reload(struct cs_rulebook *rulebook);

#endif
