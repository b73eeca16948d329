/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign run: a program, and all that it starts, with the preload library. This process
 * becomes the program, so signals and the exit status are its own.
 */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <string.h>

#define IDENTITY "COUNTERSIGN_IDENTITY"
#define PRELOAD "libcountersign-preload.so"
#define PROVIDER "countersign.so"
#define NOT_EXECUTABLE 126 /* as shells say it */
#define NO_SUCH_PROGRAM 127

static bool is_there(char *path, const char *directory, const char *name)
{
    int n = snprintf(path, PATH_MAX, "%s/%s", directory, name);

    return n > 0 && n < PATH_MAX && access(path, R_OK) == 0;
}

/* In a build that is not installed, the folder of that name beside this program's own. */
static bool is_beside(char *path, const char *folder, const char *name)
{
    char self[PATH_MAX], relative[PATH_MAX], found[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (len <= 0)
        return false;
    self[len] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    snprintf(relative, sizeof(relative), "../%s/%s", folder, name);
    if (!is_there(found, self, relative))
        return false;
    return realpath(found, path);
}

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

    if (!is_beside(path, "preload", PRELOAD) && !is_there(path, CS_PRELOAD_DIR, PRELOAD)) {
        cs_cli_say("%s/%s is not there: install Countersign anew", CS_PRELOAD_DIR, PRELOAD);
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

/* The preload library looks where OpenSSL looks, and where the provider was installed; nothing is
 * set if that is enough, because OPENSSL_MODULES would hide OpenSSL's own modules. */
static int add_modules(void)
{
    const char *theirs = getenv("OPENSSL_MODULES");
    const char *looks = theirs ? theirs : OPENSSL_info(OPENSSL_INFO_MODULES_DIR);
    char path[PATH_MAX];

    if ((looks && is_there(path, looks, PROVIDER)) || is_there(path, CS_MODULES_DIR, PROVIDER))
        return 0;
    if (!is_beside(path, "provider", PROVIDER)) {
        cs_cli_say("%s/%s is not there: install Countersign anew", CS_MODULES_DIR, PROVIDER);
        return CS_ERR_SYSTEM;
    }
    if (theirs) {
        cs_cli_say("OPENSSL_MODULES is %s, and %s is not in it: copy it there", theirs, path);
        return CS_ERR_INVALID;
    }
    *strrchr(path, '/') = '\0';
    return setenv("OPENSSL_MODULES", path, 1) < 0 ? CS_ERR_MEMORY : 0;
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
    if (r == 0)
        r = add_modules();
    if (r == 0 && identity)
        r = add_identity(cli, identity);
    if (r < 0)
        return r == CS_ERR_INVALID ? CS_EXIT_FAILURE : cs_error_exit_status(r);
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
