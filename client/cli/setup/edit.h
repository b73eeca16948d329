/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An edit: what is to become of one file. It is worked out from what the file holds now, for doing
 * as for undoing; showing and writing are then the same for all kinds (plan.h).
 */
#ifndef CS_CLI_SETUP_EDIT_H
#define CS_CLI_SETUP_EDIT_H

#include "cli/setup/file.h"

struct cs_edit;

struct cs_edit_kind {
    /* Set after, or leave it where nothing is to change. */
    int (*apply)(struct cs_edit *edit, struct cs_fault *fault);
    int (*undo)(struct cs_edit *edit, struct cs_fault *fault);
};

/* A file of our own. content is without the mark. */
extern const struct cs_edit_kind cs_edit_file;
/* A block at the top of somebody's file, where the first of several settings may count. */
extern const struct cs_edit_kind cs_edit_block;
/* A PKCS#11 module in the pkcs11.txt of an NSS database; content is its path. */
extern const struct cs_edit_kind cs_edit_nss;
/* A PKCS#11 module in Firefox's policies.json; content is its path. */
extern const struct cs_edit_kind cs_edit_policies;
/* The policies.json that content names as it was before; it goes before that one's edit. */
extern const struct cs_edit_kind cs_edit_saved;
/* Behind the name of policies.json. */
#define CS_EDIT_SAVED_SUFFIX ".before-countersign"

struct cs_edit {
    const struct cs_edit_kind *kind;
    const char *target;
    char *path;
    mode_t mode;   /* of a new file */
    char *content; /* NULL when undoing */
    const char *const
        *rivals; /* block: settings of these names are the user's own, ends with NULL */
    struct cs_file before;
    struct {
        bool changes;
        bool there;
        char *data;
    } after;
};

void cs_edit_deinit(struct cs_edit *edit);

/* For kinds. become takes data, which may be NULL: CS_ERR_MEMORY. */
int cs_edit_become(struct cs_edit *edit, char *data);
void cs_edit_vanish(struct cs_edit *edit);

#endif
