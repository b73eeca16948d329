/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as a person reads it: which lines of which file come and go. */
#include "cli/setup/plan.h"
#include "base/cleanup.h"
#include "cli/text.h"

#include <string.h>

static size_t line_length(const char *line)
{
    size_t n = strcspn(line, "\n");

    return n + (line[n] == '\n');
}

/* How many bytes of whole lines are the same at the front. */
static size_t same_front(const char *a, const char *b)
{
    const char *from = a;

    while (*a) {
        size_t n = line_length(a);

        if (n != line_length(b) || memcmp(a, b, n) != 0)
            break;
        a += n;
        b += n;
    }
    return (size_t)(a - from);
}

/* And at the back, of the rest. */
static size_t same_back(const char *a, const char *b)
{
    size_t n_a = strlen(a), n_b = strlen(b), same = 0, whole = 0;

    while (same < n_a && same < n_b && a[n_a - same - 1] == b[n_b - same - 1]) {
        same++;
        if ((same == n_a || a[n_a - same - 1] == '\n') &&
            (same == n_b || b[n_b - same - 1] == '\n'))
            whole = same;
    }
    return whole;
}

/* A tab is as good as blanks here. */
static char *safe_line(const char *text, size_t len)
{
    CS_AUTO(cs_freep) char *line = strndup(text, len);

    if (!line)
        return NULL;
    for (size_t i = 0; line[i]; i++)
        if (line[i] == '\t')
            line[i] = ' ';
    return cs_text_safe(cs_bytes_of(line));
}

static void print_lines(FILE *out, char sign, const char *text, size_t len)
{
    bool in_block = false; /* base64 tells nobody anything */

    for (const char *end = text + len; text < end;) {
        size_t n = line_length(text), shown = n - (n > 0 && text[n - 1] == '\n');
        CS_AUTO(cs_freep) char *safe = safe_line(text, shown);
        bool first = strncmp(text, "-----BEGIN ", 11) == 0;
        bool last = strncmp(text, "-----END ", 9) == 0;

        if (!in_block || last)
            fprintf(out, "    %c %s\n", sign, safe ? safe : "");
        if (first)
            fprintf(out, "    %c ...\n", sign);
        in_block = first || (in_block && !last);
        text += n;
    }
}

static void print_path(FILE *out, const char *path, const char *home)
{
    size_t len = strlen(home);
    bool below = len > 1 && strncmp(path, home, len) == 0 && path[len] == '/';
    CS_AUTO(cs_freep) char *safe = cs_text_safe(cs_bytes_of(below ? path + len : path));

    fprintf(out, "  %s%s", below ? "~" : "", safe ? safe : "");
}

static void show_edit(const struct cs_edit *edit, FILE *out, const char *home)
{
    const char *before = edit->before.data, *after = edit->after.there ? edit->after.data : "";
    size_t front = same_front(before, after), back = same_back(before + front, after + front);

    print_path(out, edit->before.path, home);
    if (edit->before.linked) {
        fputs(", to which this links:", out);
        print_path(out, edit->path, home);
    }
    fputs(!edit->before.there ? " (new)\n" : !edit->after.there ? " (removed)\n" : "\n", out);
    print_lines(out, '-', before + front, edit->before.len - front - back);
    print_lines(out, '+', after + front, strlen(after) - front - back);
}

void cs_plan_show(const struct cs_plan *plan, const struct cs_cli *cli, const char *home)
{
    const char *target = NULL;

    for (size_t i = 0; i < plan->n_edits; i++) {
        const struct cs_edit *edit = &plan->edits[i];

        if (!edit->after.changes)
            continue;
        if (!target || strcmp(target, edit->target) != 0)
            fprintf(cli->out, "%s:\n", edit->target);
        target = edit->target;
        show_edit(edit, cli->out, home);
    }
}

void cs_plan_show_notes(const struct cs_plan *plan, const struct cs_cli *cli)
{
    for (size_t i = 0; i < plan->n_notes; i++) {
        CS_AUTO(cs_freep) char *safe = cs_text_safe(cs_bytes_of(plan->notes[i]));

        fputs("* ", cli->out);
        cs_text_fill(cli->out, safe ? safe : "", 2, 2, cli->width);
    }
}
