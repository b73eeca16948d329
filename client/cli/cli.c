/* SPDX-License-Identifier: Apache-2.0 */
/* The ground that the verbs stand on. Nothing here knows what a verb does. */
#include "cli/cli.h"
#include "base/cleanup.h"
#include "cli/text.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define WIDTH_UNKNOWN 80
#define WIDTH_MAX 1000
#define NAME_WIDTH 13 /* of "countersign: " */

static size_t terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    long width = columns ? strtol(columns, NULL, 10) : 0;

    /* In front of a pager standard output is no terminal, but this is still the width there is. */
    for (int fd = STDOUT_FILENO; width <= 0 && fd <= STDERR_FILENO; fd++)
        if (ioctl(fd, TIOCGWINSZ, &size) == 0)
            width = size.ws_col;
    return width <= 0 ? WIDTH_UNKNOWN : width > WIDTH_MAX ? WIDTH_MAX : (size_t)width;
}

void cs_cli_init(struct cs_cli *cli)
{
    *cli = (struct cs_cli){.out = stdout, .width = terminal_width(), .now = (int64_t)time(NULL)};
}

void cs_cli_deinit(struct cs_cli *cli)
{
    countersign_client_free(cli->client);
    cli->client = NULL;
}

int cs_cli_connect(struct cs_cli *cli)
{
    return countersign_client_new(&cli->client, "countersign");
}

void cs_cli_say(const char *format, ...)
{
    CS_AUTO(cs_freep) char *text = NULL;
    CS_AUTO(cs_freep) char *safe = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        text = NULL;
    safe = cs_text_safe(cs_bytes_of(text));
    fputs("countersign: ", stderr);
    /* One line for scripts; for people, lines that end between words. */
    cs_text_fill(stderr, safe ? safe : "out of memory", NAME_WIDTH, NAME_WIDTH,
        isatty(STDERR_FILENO) ? terminal_width() : SIZE_MAX);
}

int cs_cli_fail(const struct cs_cli *cli, int code)
{
    bool said = cli->fault.code == code && cli->fault.text[0];

    cs_cli_say("%s", said ? cli->fault.text : cs_error_text(code));
    return cs_error_exit_status(code);
}

int cs_cli_usage(const struct cs_cli *cli, const char *format, ...)
{
    CS_AUTO(cs_freep) char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    cs_cli_say("%s: see 'countersign help%s%s'", text ? text : "usage", cli->verb ? " " : "",
        cli->verb ? cli->verb->name : "");
    return CS_EXIT_USAGE;
}

const struct cs_verb *cs_verb_get(const char *name)
{
    for (const struct cs_verb *const *verb = cs_verbs; *verb; verb++)
        if (strcmp((*verb)->name, name) == 0)
            return *verb;
    return NULL;
}
