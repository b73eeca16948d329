/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs there are, in the order of the help. */
#include "cli/verbs.h"

const struct cs_verb *const cs_verbs[] = {
    &cs_verb_status,
    &cs_verb_list,
    &cs_verb_show,
    &cs_verb_unlock,
    &cs_verb_lock,
    &cs_verb_pin,
    &cs_verb_pem,
    &cs_verb_run,
    &cs_verb_find,
    &cs_verb_setup,
    &cs_verb_doctor,
    &cs_verb_policy,
    &cs_verb_refresh,
    &cs_verb_watch,
    &cs_verb_consent,
    &cs_verb_log,
    &cs_verb_version,
    &cs_verb_help,
    NULL,
};
