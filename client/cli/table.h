/* SPDX-License-Identifier: Apache-2.0 */
/* A table that fits a terminal. */
#ifndef CS_CLI_TABLE_H
#define CS_CLI_TABLE_H

#include "base/cleanup.h"
#include "cli/text.h"

struct cs_column {
    const char *title;
    enum cs_cut cut;
    bool optional; /* takes what the others leave, or goes */
    bool right;    /* numbers */
};

struct cs_table;

/* columns are borrowed. */
struct cs_table *cs_table_new(const struct cs_column *columns, size_t n_columns);
void cs_table_free(struct cs_table *table);
CS_DEFINE_CLEANUP(struct cs_table *, cs_table_free);

/* One cell for each column, made safe and copied; NULL is empty. */
void cs_table_add(struct cs_table *table, const char *const *cells);
/* A line of its own below the last row, filled and indented; nothing if it is empty. */
void cs_table_note(struct cs_table *table, const char *text);

/* No row is wider than width. CS_ERR_MEMORY if memory ran out on the way. */
int cs_table_print(const struct cs_table *table, FILE *out, size_t width);

#endif
