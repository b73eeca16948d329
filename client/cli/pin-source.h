/* SPDX-License-Identifier: Apache-2.0 */
/* Where a PIN is to come from: a descriptor that is handed on, or a dialog. */
#ifndef CS_CLI_PIN_SOURCE_H
#define CS_CLI_PIN_SOURCE_H

#include "cli/cli.h"

/* For dialogs: pinentry-curses draws on the terminal that GPG_TTY names. Before connecting. */
void cs_pin_tell_terminal(void);
/* The descriptor that text, the value of --option, names. 0, or the exit status of a usage error.
 */
int cs_pin_descriptor(const struct cs_cli *cli, const char *option, const char *text, int *fdp);

#endif
