/* SPDX-License-Identifier: Apache-2.0 */
/* All token hosts: starts them, says when they have settled, stops them. */
#ifndef CS_AGENT_SUPERVISOR_H
#define CS_AGENT_SUPERVISOR_H

#include "hosts/host.h"

struct cs_supervisor {
    struct cs_host_setting setting;
    struct cs_modules modules;
    size_t n_hosts;
    struct cs_host *hosts[CS_LIMIT_MODULES];
    /* A host settled, failed or stopped: look again. */
    void (*changed)(void *user);
    void *user;
};

/* setting's changed and user are the supervisor's own. */
void cs_supervisor_init(struct cs_supervisor *supervisor, const struct cs_host_setting *setting);
/* Once. Takes the modules. */
int cs_supervisor_start(struct cs_supervisor *supervisor, struct cs_modules *modules);
void cs_supervisor_stop(struct cs_supervisor *supervisor);
/* Has every host look at its slots, tokens and objects again: all at once with nobody waiting, or
 * each by this question. renew: by cs_host_renew, where that may be. */
extern const struct cs_host_question cs_supervisor_refresh_question;
void cs_supervisor_refresh(struct cs_supervisor *supervisor, bool renew);
/* Every host has ended and is reaped; its own memory then goes with the loop's next turn. */
bool cs_supervisor_is_stopped(const struct cs_supervisor *supervisor);
void cs_supervisor_deinit(struct cs_supervisor *supervisor);

/* Nothing more is to be known for now: every host has reported its tokens, or takes too long. */
bool cs_supervisor_is_settled(const struct cs_supervisor *supervisor);
/* A host that failed is soon to be back. */
bool cs_supervisor_awaits(const struct cs_supervisor *supervisor);
/* The name of a module that does not run, or NULL. */
const char *cs_supervisor_failed(const struct cs_supervisor *supervisor);
/* cs_host_silent_token of each; how many. */
size_t cs_supervisor_silent(
    const struct cs_supervisor *supervisor, const struct cs_token *tokens[CS_LIMIT_MODULES]);
/* The name of a module with a token that cannot be used, or NULL. */
const char *cs_supervisor_troubled(const struct cs_supervisor *supervisor);

#endif
