/* SPDX-License-Identifier: Apache-2.0 */
/* What all verbs share: the way to the agent, the way to complain. */
#ifndef CS_CLI_CLI_H
#define CS_CLI_CLI_H

#include "base/error.h"

#include <countersign/countersign.h>
#include <stdbool.h>
#include <stdio.h>

struct cs_cli;

struct cs_verb {
    const char *name;
    const char *arguments; /* behind the name, in the synopsis; its lines fit 80 columns */
    const char *summary;   /* half a line */
    const char *help;      /* paragraphs, ready for 80 columns */
    const char *examples;  /* lines, likewise */
    /* argv[0] is the verb. Returns an enum cs_exit. */
    int (*run)(struct cs_cli *cli, int argc, char **argv);
    bool takes_command; /* what follows the first argument is not ours to read */
};

/* Ends with NULL. */
extern const struct cs_verb *const cs_verbs[];
const struct cs_verb *cs_verb_get(const char *name);

struct cs_cli {
    const struct cs_verb *verb;
    struct countersign_client *client;
    struct countersign_fault fault;
    FILE *out;
    bool json;
    size_t width; /* of the terminal */
    int64_t now;
};

void cs_cli_init(struct cs_cli *cli);
void cs_cli_deinit(struct cs_cli *cli);

/* Makes the client. 0, or a CS_ERR_* for cs_cli_fail. */
int cs_cli_connect(struct cs_cli *cli);

/* These say "countersign: ..." on standard error, harmlessly, and return the exit status. */
int cs_cli_fail(const struct cs_cli *cli, int code);
int cs_cli_usage(const struct cs_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cs_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An option of a verb: exactly one of flag and value. --help is understood everywhere. With count
 * it may come again: value points to room for argc values then. */
struct cs_option {
    const char *name;
    char letter; /* 0: none */
    bool *flag;
    const char **value;
    size_t *count;
};

/* Reads the options and moves argv on to the arguments behind them, of which there must be least
 * to most. CS_OPTIONS_GO, else the exit status: usage was explained or help was given. */
#define CS_OPTIONS_GO (-1)
int cs_options_read(struct cs_cli *cli, const struct cs_option *options, size_t n_options,
    int *argcp, char ***argvp, int least, int most);

/* Prints the help of a verb. */
void cs_help_print(const struct cs_verb *verb, FILE *out);

#endif
