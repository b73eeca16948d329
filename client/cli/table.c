/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table is collected whole, then measured, then printed: optional columns take what
 * the others leave, then the widest column that may be cut gives way, until it fits. Used by the
 * verbs.
 */
#include "cli/table.h"

#include <countersign/error.h>
#include <string.h>

#define COLUMNS_MAX 12
#define GAP 2
#define LEAST 4           /* what a column keeps */
#define OPTIONAL_LEAST 24 /* less of an optional column is not worth its place */
#define NOTE_INDENT 4

struct row {
    char *cells[COLUMNS_MAX];
    char *note;
};

struct cs_table {
    const struct cs_column *columns;
    size_t n_columns;
    struct row *rows;
    size_t n_rows;
    bool failed; /* no memory */
};

struct cs_table *cs_table_new(const struct cs_column *columns, size_t n_columns)
{
    struct cs_table *table = calloc(1, sizeof(*table));

    if (!table || n_columns > COLUMNS_MAX) {
        free(table);
        return NULL;
    }
    table->columns = columns;
    table->n_columns = n_columns;
    return table;
}

void cs_table_free(struct cs_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->n_rows; i++) {
        for (size_t c = 0; c < table->n_columns; c++)
            free(table->rows[i].cells[c]);
        free(table->rows[i].note);
    }
    free(table->rows);
    free(table);
}

void cs_table_add(struct cs_table *table, const char *const *cells)
{
    struct row *rows;

    if (!table)
        return;
    rows = reallocarray(table->rows, table->n_rows + 1, sizeof(*rows));
    if (!rows) {
        table->failed = true;
        return;
    }
    table->rows = rows;
    rows[table->n_rows] = (struct row){0};
    for (size_t c = 0; c < table->n_columns; c++) {
        rows[table->n_rows].cells[c] = cs_text_safe(cs_bytes_of(cells[c]));
        table->failed |= !rows[table->n_rows].cells[c];
    }
    table->n_rows++;
}

void cs_table_note(struct cs_table *table, const char *text)
{
    if (!table || table->n_rows == 0 || !text || !*text)
        return;
    free(table->rows[table->n_rows - 1].note);
    table->rows[table->n_rows - 1].note = cs_text_safe(cs_bytes_of(text));
}

static size_t total(const size_t *widths, size_t n)
{
    size_t sum = 0;

    for (size_t c = 0; c < n; c++)
        sum += widths[c] ? widths[c] + GAP : 0;
    return sum > GAP ? sum - GAP : 0;
}

/* The widest column that can still be cut, or n. */
static size_t widest(const struct cs_table *table, const size_t *widths)
{
    size_t at = table->n_columns;

    for (size_t c = 0; c < table->n_columns; c++)
        if (table->columns[c].cut != CS_CUT_NEVER && widths[c] > LEAST &&
            (at == table->n_columns || widths[c] > widths[at]))
            at = c;
    return at;
}

/* What is left for an optional column, if that is enough to be of use. */
static size_t optional_width(
    const struct cs_table *table, size_t *widths, size_t column, size_t width)
{
    size_t wanted = widths[column], room;

    widths[column] = 0;
    room = total(widths, table->n_columns) + GAP;
    room = width > room ? width - room : 0;
    if (room >= wanted)
        return wanted;
    return room >= OPTIONAL_LEAST ? room : 0;
}

/* The width of each column; 0: not shown. */
static void measure(const struct cs_table *table, size_t *widths, size_t width)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        widths[c] = cs_text_width(table->columns[c].title);
        for (size_t i = 0; i < table->n_rows; i++) {
            size_t w = cs_text_width(table->rows[i].cells[c]);

            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
    for (size_t c = 0; c < table->n_columns; c++)
        if (table->columns[c].optional)
            widths[c] = optional_width(table, widths, c, width);
    while (total(widths, table->n_columns) > width) {
        size_t c = widest(table, widths);

        if (c == table->n_columns)
            break;
        widths[c]--;
    }
}

/* Puts the line together; what is still too wide is cut at the edge of the terminal. */
static int print_line(const struct cs_table *table, FILE *out, const char *const *cells,
    const size_t *widths, size_t width)
{
    CS_AUTO(cs_freep) char *line = NULL;
    CS_AUTO(cs_freep) char *fit = NULL;
    size_t size, left, owed = 0;
    FILE *memory = open_memstream(&line, &size);

    if (!memory)
        return CS_ERR_MEMORY;
    for (size_t c = 0; c < table->n_columns; c++) {
        CS_AUTO(cs_freep) char *cell = NULL;

        if (widths[c] == 0)
            continue;
        cell = cs_text_cut(cells[c], widths[c], table->columns[c].cut);
        left = cell ? widths[c] - cs_text_width(cell) : 0;
        /* Blanks are owed until something follows them: no line ends in blanks. */
        owed += table->columns[c].right ? left : 0;
        if (cell && *cell) {
            fprintf(memory, "%*s%s", (int)owed, "", cell);
            owed = 0;
        }
        owed += (table->columns[c].right ? 0 : left) + GAP;
    }
    fclose(memory);
    fit = line ? cs_text_cut(line, width, CS_CUT_END) : NULL;
    if (!fit)
        return CS_ERR_MEMORY;
    fprintf(out, "%s\n", fit);
    return 0;
}

int cs_table_print(const struct cs_table *table, FILE *out, size_t width)
{
    const char *titles[COLUMNS_MAX] = {NULL};
    size_t widths[COLUMNS_MAX] = {0};
    int r;

    if (!table || table->failed)
        return CS_ERR_MEMORY;
    for (size_t c = 0; c < table->n_columns; c++)
        titles[c] = table->columns[c].title;
    measure(table, widths, width);
    r = print_line(table, out, titles, widths, width);
    for (size_t i = 0; r == 0 && i < table->n_rows; i++) {
        r = print_line(table, out, (const char *const *)table->rows[i].cells, widths, width);
        if (table->rows[i].note)
            cs_text_fill(out, table->rows[i].note, 0, NOTE_INDENT, width);
    }
    return r;
}
