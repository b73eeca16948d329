/* SPDX-License-Identifier: Apache-2.0 */
/* A verb is a file of its name that defines one of these. */
#ifndef CS_CLI_VERBS_H
#define CS_CLI_VERBS_H

#include "cli/cli.h"

extern const struct cs_verb cs_verb_status;
extern const struct cs_verb cs_verb_list;
extern const struct cs_verb cs_verb_show;
extern const struct cs_verb cs_verb_unlock;
extern const struct cs_verb cs_verb_lock;
extern const struct cs_verb cs_verb_pin;
extern const struct cs_verb cs_verb_pem;
extern const struct cs_verb cs_verb_run;
extern const struct cs_verb cs_verb_find;
extern const struct cs_verb cs_verb_setup;
extern const struct cs_verb cs_verb_doctor;
extern const struct cs_verb cs_verb_policy;
extern const struct cs_verb cs_verb_refresh;
extern const struct cs_verb cs_verb_watch;
extern const struct cs_verb cs_verb_consent;
extern const struct cs_verb cs_verb_log;
extern const struct cs_verb cs_verb_version;
extern const struct cs_verb cs_verb_help;

#endif
