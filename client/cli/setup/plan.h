/* SPDX-License-Identifier: Apache-2.0 */
/* A list of edits that can be shown, carried out and undone. */
#ifndef CS_CLI_SETUP_PLAN_H
#define CS_CLI_SETUP_PLAN_H

#include "cli/cli.h"
#include "cli/setup/edit.h"

struct cs_plan {
    struct cs_edit *edits;
    size_t n_edits;
    char **notes; /* what setup cannot do, for the person to do */
    size_t n_notes;
    bool undo;
};

void cs_plan_deinit(struct cs_plan *plan);

/* Takes the edit, also when it fails. */
int cs_plan_add(struct cs_plan *plan, struct cs_edit *edit);
/* Says the same no second time. */
int cs_plan_note(struct cs_plan *plan, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads the files and works out what becomes of them. Nothing is written; whatever can be known to
 * be in the way is said here. */
int cs_plan_work_out(struct cs_plan *plan, struct cs_fault *fault);
/* How many files change; of one target, or of all: NULL. */
size_t cs_plan_n_changes(const struct cs_plan *plan, const char *target);
/* Prints the changes, line by line. home is written as ~. */
void cs_plan_show(const struct cs_plan *plan, const struct cs_cli *cli, const char *home);
void cs_plan_show_notes(const struct cs_plan *plan, const struct cs_cli *cli);
/* All of it or, if it can be helped, nothing. stops: see cs_file_remove. */
int cs_plan_carry_out(struct cs_plan *plan, const char *const *stops, struct cs_fault *fault);

#endif
