/* SPDX-License-Identifier: Apache-2.0 */
/* Fields: names in one column, values in another. Used by the verbs. */
#include "cli/field.h"
#include "base/cleanup.h"
#include "cli/text.h"

#include <stdarg.h>

#define VALUE_COLUMN 14

static char *__attribute__((format(printf, 1, 0))) format_safely(const char *format, va_list args)
{
    CS_AUTO(cs_freep) char *text = NULL;

    if (vasprintf(&text, format, args) < 0) {
        text = NULL;
        return NULL;
    }
    return cs_text_safe(cs_bytes_of(text));
}

void cs_field_print(const struct cs_cli *cli, const char *name, const char *format, ...)
{
    CS_AUTO(cs_freep) char *safe = NULL;
    va_list args;

    va_start(args, format);
    safe = format_safely(format, args);
    va_end(args);
    fprintf(cli->out, "%-*s", VALUE_COLUMN, name);
    cs_text_fill(cli->out, safe ? safe : "", VALUE_COLUMN, VALUE_COLUMN, cli->width);
}

void cs_field_line(const struct cs_cli *cli, const char *format, ...)
{
    CS_AUTO(cs_freep) char *safe = NULL;
    va_list args;

    va_start(args, format);
    safe = format_safely(format, args);
    va_end(args);
    fprintf(cli->out, "%s\n", safe ? safe : "");
}

void cs_field_title(const struct cs_cli *cli, const char *title)
{
    fprintf(cli->out, "\n%s\n", title);
}
