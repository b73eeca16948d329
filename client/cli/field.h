/* SPDX-License-Identifier: Apache-2.0 */
/* "Name  value" lines, for one thing told in full. */
#ifndef CS_CLI_FIELD_H
#define CS_CLI_FIELD_H

#include "cli/cli.h"

/* The value is made safe and filled behind the names; nothing is cut, so it can be copied. */
void cs_field_print(const struct cs_cli *cli, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A line of its own, made safe. */
void cs_field_line(const struct cs_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A title above fields. */
void cs_field_title(const struct cs_cli *cli, const char *title);

#endif
