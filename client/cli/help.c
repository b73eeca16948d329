/* SPDX-License-Identifier: Apache-2.0 */
/* countersign help: what there is, and how to begin. */
#include "cli/verbs.h"

static const char introduction[] =
    "Use: countersign COMMAND [OPTION...]\n"
    "\n"
    "The keys that prove who you are to TLS servers stay on their PKCS#11 token (a\n"
    "smart card, a TPM, an HSM). The Countersign agent signs with them for your\n"
    "programs; this command shows what there is and unlocks it.\n"
    "\n"
    "Commands:\n";

static const char conclusion[] =
    "\n"
    "To begin:\n"
    "  countersign list                              which keys are there\n"
    "  countersign run -- curl https://example.com   use one; the PIN is asked for\n"
    "  countersign setup curl                        have curl use one from now on\n"
    "  countersign doctor curl                       see why it does not\n"
    "\n"
    "'countersign help COMMAND' tells more about each; most know --json.\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 no agent answers, 4 nothing\n"
    "matches (or several do), 5 locked or wrong PIN, 6 cancelled or denied, 7 the\n"
    "token or its module failed.\n";

void cs_help_print(const struct cs_verb *verb, FILE *out)
{
    if (verb) {
        fprintf(out, "Use: countersign %s%s%s\n\n%s", verb->name, *verb->arguments ? " " : "",
            verb->arguments, verb->help);
        if (verb->examples)
            fprintf(out, "\nExamples:\n%s", verb->examples);
        return;
    }
    fputs(introduction, out);
    for (const struct cs_verb *const *v = cs_verbs; *v; v++)
        fprintf(out, "  %-8s %s\n", (*v)->name, (*v)->summary);
    fputs(conclusion, out);
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const struct cs_verb *verb = NULL;
    int r = cs_options_read(cli, NULL, 0, &argc, &argv, 0, 1);

    if (r != CS_OPTIONS_GO)
        return r;
    if (argc > 0) {
        verb = cs_verb_get(argv[0]);
        if (!verb)
            return cs_cli_usage(cli, "there is no command '%s'", argv[0]);
    }
    cs_help_print(verb, cli->out);
    return CS_EXIT_OK;
}

const struct cs_verb cs_verb_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "explain a command",
    .help = "Explains a command, or lists them all.\n",
    .run = run,
};
