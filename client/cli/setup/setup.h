/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets of setup share. */
#ifndef CS_CLI_SETUP_SETUP_H
#define CS_CLI_SETUP_SETUP_H

#include "cli/installed.h"
#include "cli/setup/plan.h"

struct cs_setup;

struct cs_target {
    const char *name;
    /* Adds edits and notes to the plan. Of an undoing, too: then edits need no content. */
    int (*plan)(struct cs_setup *setup);
};

/* In the order of the help. */
extern const struct cs_target cs_targets[];
extern const size_t cs_n_targets;
#define CS_TARGETS_MAX 32

struct cs_setup {
    struct cs_cli *cli;
    struct cs_fault *fault;
    /* The command line. */
    bool system, preload;
    const char *identity_name, *host, *policies;
    /* Where things are. */
    char home[PATH_MAX], config[PATH_MAX], data[PATH_MAX], own[PATH_MAX];
    /* What comes of it. */
    struct cs_plan plan;
    const struct cs_target *target; /* that is being planned */
    bool planned[CS_TARGETS_MAX];
    bool needed[CS_TARGETS_MAX]; /* by the one that is being planned */
    struct countersign_identity *identity;
};

/* home must be a directory of this user's. */
int cs_setup_init(struct cs_setup *setup, struct cs_cli *cli, bool undo, struct cs_fault *fault);
void cs_setup_deinit(struct cs_setup *setup);

const struct cs_target *cs_target_get(const char *name);
/* Adds the target to the plan, if it is not in it yet. */
int cs_setup_plan(struct cs_setup *setup, const struct cs_target *target);

/* For targets. Paths are formats. */

/* This target stands on another, which is planned first. */
int cs_setup_need(struct cs_setup *setup, const char *target);
/* The edit of the path; content is taken, and NULL when undoing. */
int cs_setup_edit(struct cs_setup *setup, const struct cs_edit_kind *kind, char *content,
    const char *const *rivals, const char *path, ...) __attribute__((format(printf, 5, 6)));
/* A file in the folder of Countersign's own settings. */
int cs_setup_own_file(struct cs_setup *setup, char *content, const char *name);
/* Says what else is to be done; nothing when undoing. */
#define cs_setup_note(setup, ...)                                                                  \
    ((setup)->plan.undo ? 0 : cs_plan_note(&(setup)->plan, __VA_ARGS__))
/* asprintf that returns the text, or NULL; NULL as well when undoing. */
char *cs_setup_text(const struct cs_setup *setup, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* In double quotes, with backslashes before quotes and backslashes. NULL when undoing. */
char *cs_setup_quoted(const struct cs_setup *setup, const char *text);

/* The identity that --identity names, or the only one there is: as PEM references in a file of our
 * own, "curl.pem" for curl; or its URI, borrowed. Not asked for when undoing. */
int cs_setup_reference(struct cs_setup *setup, char path[PATH_MAX]);
int cs_setup_reference_at(struct cs_setup *setup, const char *path);
int cs_setup_identity_uri(struct cs_setup *setup, const char **urip);
/* The path of a part, which must be there unless this is an undoing. */
int cs_setup_part(struct cs_setup *setup, enum cs_part part, char path[PATH_MAX]);
/* A rule for those of the programs that are there, which can hand over nothing but a digest. */
int cs_setup_rule(struct cs_setup *setup, const char *const *programs, size_t n);

#endif
