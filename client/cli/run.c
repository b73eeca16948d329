/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign run: a program, and all that it starts, with the preload library and the provider.
 * This process becomes the program, so signals and the exit status are its own.
 */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/installed.h"
#include "cli/run-conf.h"
#include "cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define IDENTITY "COUNTERSIGN_IDENTITY"
#define NOT_EXECUTABLE 126 /* as shells say it */
#define NO_SUCH_PROGRAM 127

static bool has_preload(const char *list, const char *path)
{
    size_t len = strlen(path);

    while (*list) {
        size_t n = strcspn(list, " :");

        if (n == len && memcmp(list, path, len) == 0)
            return true;
        list += n;
        list += strspn(list, " :");
    }
    return false;
}

/* Behind what the user preloads, which may insist on being first. */
static int add_preload(void)
{
    const char *theirs = getenv("LD_PRELOAD");
    CS_AUTO(cs_freep) char *list = NULL;
    char path[PATH_MAX];

    if (!cs_installed_path(path, CS_PART_PRELOAD)) {
        cs_cli_say("%s is not there: install Countersign anew", path);
        return CS_ERR_SYSTEM;
    }
    if (path[strcspn(path, " :")]) {
        cs_cli_say("%s cannot be preloaded from a folder with a blank or colon in its name", path);
        return CS_ERR_INVALID;
    }
    if (theirs && has_preload(theirs, path))
        return 0;
    if (asprintf(&list, "%s%s%s", theirs ? theirs : "", theirs && *theirs ? ":" : "", path) < 0) {
        list = NULL;
        return CS_ERR_MEMORY;
    }
    return setenv("LD_PRELOAD", list, 1) < 0 ? CS_ERR_MEMORY : 0;
}

/* Without it the preload library still does its work, where OpenSSL finds the provider by itself;
 * so a configuration that cannot be read, or no place to write one, keeps no program from running.
 */
static void add_conf(void)
{
    struct cs_fault fault = {0};
    int r = cs_run_conf_set(&fault);

    if (r < 0)
        cs_cli_say("%s; the program runs with OpenSSL as it is", cs_fault_text(&fault, r));
}

/* That it can be presented is better told now than by a server's refusal. */
static int add_identity(struct cs_cli *cli, const char *name)
{
    struct countersign_identity *identity = NULL;
    int r = cs_cli_connect(cli);

    if (r == 0)
        r = countersign_resolve(cli->client, name, CS_EXPECT_KEY, &identity, &cli->fault);
    if (r < 0) {
        cs_cli_fail(cli, r);
        return r;
    }
    if (!countersign_identity_id(identity) || countersign_identity_n_chain(identity) == 0) {
        cs_cli_say("'%s' has no %s on any token here, so it cannot be presented to a server", name,
            countersign_identity_id(identity) ? "certificate" : "private key");
        r = CS_ERR_NOT_FOUND;
    } else if (setenv(IDENTITY, name, 1) < 0) {
        r = CS_ERR_MEMORY;
    }
    countersign_identity_free(identity);
    return r;
}

static int become(struct cs_cli *cli, char **argv)
{
    cs_cli_deinit(cli);
    fflush(NULL);
    execvp(argv[0], argv);
    if (errno == ENOENT) {
        cs_cli_say("there is no program '%s'", argv[0]);
        return NO_SUCH_PROGRAM;
    }
    cs_cli_say("cannot run '%s': %s", argv[0], strerrordesc_np(errno));
    return NOT_EXECUTABLE;
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const char *identity = NULL;
    const struct cs_option options[] = {{.name = "identity", .value = &identity}};
    int r = cs_options_read(cli, options, 1, &argc, &argv, 1, INT_MAX);

    if (r != CS_OPTIONS_GO)
        return r;
    r = add_preload();
    if (r == 0 && identity)
        r = add_identity(cli, identity);
    if (r < 0)
        return r == CS_ERR_INVALID ? CS_EXIT_FAILURE : cs_error_exit_status(r);
    add_conf();
    return become(cli, argv);
}

const struct cs_verb cs_verb_run = {
    .name = "run",
    .arguments = "[--identity ID] [--] PROGRAM [ARGUMENT...]",
    .summary = "a program that shows your certificate when asked",
    .help = "Runs a program with OpenSSL 3 so that it presents a certificate of yours to a\n"
            "server that asks for one, though nobody told the program of any. So does what\n"
            "the program starts. A certificate that the program was given itself wins. If\n"
            "nothing suits the server, or no agent answers, the program runs as ever.\n"
            "'countersign find' says which certificate it would be.\n"
            "\n"
            "  --identity ID   this identity, whatever the server accepts: an id of 8 digits\n"
            "                  or more, a label, or a pkcs11: URI\n"
            "\n"
            "The exit status is the program's; 127 if there is no such program, 126 if it\n"
            "cannot be run.\n",
    .examples = "  countersign run -- curl https://api.corp.example/\n"
                "  countersign run --identity alice -- python3 report.py\n",
    .run = run,
    .takes_command = true,
};
