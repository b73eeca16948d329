/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First every file is read and every change worked out, then it is shown, then written: what is in
 * the way of the last change is known before the first is made.
 */
#include "cli/setup/plan.h"
#include "base/cleanup.h"

#include <stdarg.h>
#include <string.h>

void cs_plan_deinit(struct cs_plan *plan)
{
    for (size_t i = 0; i < plan->n_edits; i++)
        cs_edit_deinit(&plan->edits[i]);
    for (size_t i = 0; i < plan->n_notes; i++)
        free(plan->notes[i]);
    free(plan->edits);
    free(plan->notes);
    *plan = (struct cs_plan){0};
}

int cs_plan_add(struct cs_plan *plan, struct cs_edit *edit)
{
    struct cs_edit *grown = reallocarray(plan->edits, plan->n_edits + 1, sizeof(*plan->edits));

    if (grown)
        plan->edits = grown;
    if (!grown || !edit->path) {
        cs_edit_deinit(edit);
        return CS_ERR_MEMORY;
    }
    plan->edits[plan->n_edits++] = *edit;
    return 0;
}

int cs_plan_note(struct cs_plan *plan, const char *format, ...)
{
    CS_AUTO(cs_freep) char *text = NULL;
    char **grown;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        text = NULL;
        return CS_ERR_MEMORY;
    }
    for (size_t i = 0; i < plan->n_notes; i++)
        if (strcmp(plan->notes[i], text) == 0)
            return 0;
    grown = reallocarray(plan->notes, plan->n_notes + 1, sizeof(*plan->notes));
    if (!grown)
        return CS_ERR_MEMORY;
    plan->notes = grown;
    plan->notes[plan->n_notes++] = cs_steal(&text);
    return 0;
}

int cs_plan_work_out(struct cs_plan *plan, struct cs_fault *fault)
{
    int r = 0;

    for (size_t i = 0; i < plan->n_edits && r == 0; i++) {
        struct cs_edit *edit = &plan->edits[i];

        r = cs_file_read(&edit->before, edit->path, fault);
        if (r == 0)
            r = (plan->undo ? edit->kind->undo : edit->kind->apply)(edit, fault);
        if (r == 0 && edit->after.changes)
            r = cs_file_check(&edit->before, fault);
    }
    return r;
}

size_t cs_plan_n_changes(const struct cs_plan *plan, const char *target)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n_edits; i++)
        if (!target || strcmp(plan->edits[i].target, target) == 0)
            n += plan->edits[i].after.changes;
    return n;
}

static int carry_out(const struct cs_edit *edit, const char *const *stops, struct cs_fault *fault)
{
    if (!edit->after.changes)
        return 0;
    if (!edit->after.there)
        return cs_file_remove(&edit->before, stops, fault);
    return cs_file_put(
        &edit->before, edit->after.data, strlen(edit->after.data), edit->mode, fault);
}

/* Puts back what a change found. The sentence to be read is that of the failure before. */
static void take_back(const struct cs_edit *edit, const char *const *stops)
{
    struct cs_file now;

    if (!edit->after.changes || cs_file_read(&now, edit->path, NULL) < 0)
        return;
    if (edit->before.there)
        cs_file_put(&now, edit->before.data, edit->before.len, edit->before.mode, NULL);
    else
        cs_file_remove(&now, stops, NULL);
    cs_file_deinit(&now);
}

int cs_plan_carry_out(struct cs_plan *plan, const char *const *stops, struct cs_fault *fault)
{
    for (size_t i = 0; i < plan->n_edits; i++) {
        /* Undone from the last to the first: what is stood on goes last. */
        size_t at = plan->undo ? plan->n_edits - 1 - i : i;
        int r = carry_out(&plan->edits[at], stops, fault);

        if (r == 0)
            continue;
        while (i-- > 0)
            take_back(&plan->edits[plan->undo ? plan->n_edits - 1 - i : i], stops);
        return r;
    }
    return 0;
}
