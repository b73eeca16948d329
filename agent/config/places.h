/* SPDX-License-Identifier: Apache-2.0 */
/* The directories of the configuration. */
#ifndef CS_AGENT_PLACES_H
#define CS_AGENT_PLACES_H

#include "config/settings.h"

struct cs_places {
    char system[4096]; /* the administrator's directory, "" for none */
    char user[4096];   /* the user's directory, or the file or directory in place of it; or "" */
    bool named;        /* that one was named, and may be a file */
    bool settled;      /* nothing is read of what has just changed: CS_ERR_BUSY */
};

/* Milliseconds for which a slow disk or a busy machine may keep somebody from writing on. */
#define CS_PLACES_SETTLED 500

/* path: in place of both usual ones, or NULL. system: in place of the administrator's, or NULL. */
void cs_places_find(struct cs_places *places, const char *system, const char *path);
/* Hands every setting over; a directory that is not there says nothing. CS_ERR_CONFIG. */
int cs_places_read_system(const struct cs_places *places, cs_settings_handler *handler, void *user,
    struct cs_fault *fault);
int cs_places_read_user(const struct cs_places *places, cs_settings_handler *handler, void *user,
    struct cs_fault *fault);

#endif
