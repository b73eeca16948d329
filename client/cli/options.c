/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a verb, on top of getopt_long. */
#include "cli/cli.h"

#include <getopt.h>
#include <string.h>

#define OPTIONS_MAX 8
#define FIRST 256 /* what getopt_long returns for option 0; letters are below */

struct tables {
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 5];
};

/* First in shorts, '+': stop at the first argument; ':': a missing value is told from an unknown
 * option. */
static void tables_init(struct tables *tables, const struct cs_option *options, size_t n, bool stop)
{
    char *at = tables->shorts;

    if (stop)
        *at++ = '+';
    *at++ = ':';
    *at++ = 'h';
    for (size_t i = 0; i < n; i++) {
        tables->longs[i] = (struct option){options[i].name,
            options[i].value ? required_argument : no_argument, NULL, FIRST + (int)i};
        if (!options[i].letter)
            continue;
        *at++ = options[i].letter;
        if (options[i].value)
            *at++ = ':';
    }
    tables->longs[n] = (struct option){"help", no_argument, NULL, 'h'};
}

static const struct cs_option *option_of(const struct cs_option *options, size_t n, int c)
{
    for (size_t i = 0; i < n; i++)
        if (c == FIRST + (int)i || (c == options[i].letter && c != 0))
            return &options[i];
    return NULL;
}

int cs_options_read(struct cs_cli *cli, const struct cs_option *options, size_t n_options,
    int *argcp, char ***argvp, int least, int most)
{
    struct tables tables = {0};
    int c;

    tables_init(&tables, options, n_options, cli->verb->takes_command);
    opterr = 0;
    optind = 0; /* GNU: begin anew */
    while ((c = getopt_long(*argcp, *argvp, tables.shorts, tables.longs, NULL)) != -1) {
        const struct cs_option *option = option_of(options, n_options, c);

        if (c == 'h') {
            cs_help_print(cli->verb, cli->out);
            return CS_EXIT_OK;
        }
        if (c == ':')
            return cs_cli_usage(cli, "%s needs a value", (*argvp)[optind - 1]);
        if (!option)
            return cs_cli_usage(cli, "unknown option %s", (*argvp)[optind - 1]);
        if (option->flag)
            *option->flag = true;
        else if (option->count)
            option->value[(*option->count)++] = optarg;
        else
            *option->value = optarg;
    }
    *argcp -= optind;
    *argvp += optind;
    if (*argcp < least)
        return cs_cli_usage(cli, "%s needs %.*s", cli->verb->name,
            (int)strcspn(cli->verb->arguments, "\n"), cli->verb->arguments);
    if (*argcp > most)
        return cs_cli_usage(cli, "%s is too much", (*argvp)[most]);
    return CS_OPTIONS_GO;
}
