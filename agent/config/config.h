/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's configuration, countersign.conf(5). */
#ifndef CS_AGENT_CONFIG_H
#define CS_AGENT_CONFIG_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "config/places.h"
#include "inventory/bundle.h"
#include "inventory/preference.h"
#include "policy/policy.h"
#include "session/setting.h"

/* [module "name"] */
struct cs_config_module {
    char *name;
    char *path;
    char *init_args; /* or NULL */
    char *hot_plug;  /* or NULL: as [agent] says */
    char *where;     /* file:line of its first setting */
};

/* [token "name"] */
struct cs_config_token {
    char *name;            /* a URI, label or serial */
    struct cs_buf command; /* argv: strings with a zero between them; empty when there is none */
    char *credential;      /* or NULL */
};

struct cs_config {
    bool prompt; /* may ask a person */
    bool choose; /* asks which of several keys a server is to see */
    char *pinentry;
    uint32_t prompt_timeout; /* seconds */
    uint64_t module_timeout; /* milliseconds without any answer; then a host counts as hung */
    char *hot_plug;          /* or NULL: the default */
    bool audit;              /* uses are recorded */
    bool audit_strict;       /* a use that cannot be recorded is refused */
    struct cs_session_setting session;
    struct cs_bundle certificates;
    size_t n_modules;
    struct cs_config_module *modules;
    size_t n_tokens;
    struct cs_config_token *tokens;
    struct cs_policy policy;           /* [rule "name"] */
    struct cs_preferences preferences; /* [host "name"] */
};

/* Reads the administrator's files, then the user's. CS_ERR_CONFIG with a sentence; CS_ERR_BUSY only
 * if what has settled is asked for. */
int cs_config_load(
    const struct cs_places *places, struct cs_config **configp, struct cs_fault *fault);
/* What is in force while there is nothing to load: allows nothing, and knows no module. */
int cs_config_new_denying(struct cs_config **configp);
/* Takes all of a configuration that was loaded later, which gets the old one's. */
void cs_config_take(struct cs_config *config, struct cs_config *newer);
/* Takes rules and preferences of a configuration that was loaded later, which gets the old ones. */
void cs_config_take_rules(struct cs_config *config, struct cs_config *newer);
/* As cs_config_take_rules, of a configuration of the administrator's files alone: what the user's
 * said stays behind it. */
int cs_config_take_system_rules(struct cs_config *config, struct cs_config *newer);
/* Writes the frame CONFIGURE for a token host. */
int cs_config_put(const struct cs_config *config, const char *prompt_program, struct cs_buf *buf);
/* How a module's slots are watched, as its token host wants to be told. */
const char *cs_config_hot_plug(const struct cs_config *config, const char *module);
void cs_config_free(struct cs_config *config);
CS_DEFINE_CLEANUP(struct cs_config *, cs_config_free);

#endif
