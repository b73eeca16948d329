/* SPDX-License-Identifier: Apache-2.0 */
/* [host "NAME"] of the configuration: what servers of that name are to see. */
#ifndef CS_AGENT_PREFERENCE_H
#define CS_AGENT_PREFERENCE_H

#include "config/settings.h"
#include "inventory/pattern.h"

struct cs_preference {
    char *host;             /* fnmatch(3) */
    struct cs_pattern *key; /* NULL: no identity at all */
    char *where;            /* file:line */
    bool administrator;     /* out of the administrator's directory */
};

struct cs_preferences {
    size_t n;
    struct cs_preference *items;
};

/* A setting of [host "name"]; administrator: the file is one of the administrator's. CS_ERR_CONFIG
 * with a sentence. */
int cs_preferences_take(struct cs_preferences *preferences, const char *host,
    const struct cs_setting *at, bool administrator, struct cs_fault *fault);
/* Takes what the user's files said out of older ones, as if it were read behind what is here. The
 * older ones are then for cs_preferences_deinit alone. */
void cs_preferences_keep_user(struct cs_preferences *preferences, struct cs_preferences *older);
void cs_preferences_deinit(struct cs_preferences *preferences);

/* The one for a server, "" if its name is unknown: a name before a wildcard, a longer wildcard
 * before a shorter one, of equals the later one. NULL when there is none. */
const struct cs_preference *cs_preferences_find(
    const struct cs_preferences *preferences, struct cs_bytes host);

#endif
