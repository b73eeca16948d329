/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that $OPENSSL_CONF names must last as long as anything that the program starts, and
 * nobody knows how long that is. So it is named for what is in it: whoever runs programs again and
 * again makes it once, and in the runtime directory it ends with the session.
 */
#include "cli/run-conf.h"
#include "base/cleanup.h"
#include "cli/installed.h"
#include "cli/setup/file.h"
#include "cli/setup/openssl-conf.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define VARIABLE "OPENSSL_CONF"
#define NO_CONF "/dev/null"

/* The directory where the agent's socket would be, if nobody chose another place for that. */
static int make_directory(char directory[PATH_MAX], struct cs_fault *fault)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char usual[32];

    snprintf(usual, sizeof(usual), "/run/user/%u", (unsigned)getuid());
    snprintf(directory, PATH_MAX, "%.*s/countersign", PATH_MAX / 2,
        runtime && runtime[0] == '/' ? runtime : usual);
    if (mkdir(directory, 0700) == 0 || errno == EEXIST)
        return 0;
    return cs_fail(fault, CS_ERR_SYSTEM, "cannot make the folder %s: %s; set XDG_RUNTIME_DIR",
        directory, strerrordesc_np(errno));
}

static void name_of(char path[PATH_MAX], const char *directory, const char *text)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t number;

    SHA256((const unsigned char *)text, strlen(text), digest);
    memcpy(&number, digest, sizeof(number));
    snprintf(
        path, PATH_MAX, "%.*s/openssl-%016llx.cnf", PATH_MAX / 2, directory, (long long)number);
}

/* Two who make it at once write the same, so it is no matter which of them was first. */
static int put(const char *path, const char *text, struct cs_fault *fault)
{
    struct cs_file file;
    int r = cs_file_read(&file, path, fault);

    if (r < 0)
        return r;
    if (strcmp(file.data, text) != 0) {
        r = cs_file_put(&file, text, strlen(text), 0600, fault);
        if (r < 0 && access(path, R_OK) == 0)
            r = 0;
    }
    cs_file_deinit(&file);
    return r;
}

/* $OPENSSL_CONF that is set to nothing is a wish, too. */
static void base_of(char base[PATH_MAX])
{
    const char *given = getenv(VARIABLE);
    bool from_environment;

    if (given && !*given)
        snprintf(base, PATH_MAX, "%s", NO_CONF);
    else
        cs_openssl_conf_path(base, &from_environment);
}

int cs_run_conf_set(struct cs_fault *fault)
{
    char base[PATH_MAX], provider[PATH_MAX], directory[PATH_MAX], path[PATH_MAX];
    CS_AUTO(cs_freep) char *text = NULL;
    struct cs_openssl_conf conf;
    int r;

    base_of(base);
    r = cs_openssl_conf_read(&conf, base, fault);
    if (r == 0 && conf.active)
        return 0;
    if (r < 0 && r != CS_ERR_NOT_FOUND)
        return r;
    if (!cs_installed_path(provider, CS_PART_PROVIDER))
        return cs_fail(fault, CS_ERR_SYSTEM, "%s is not there: install Countersign anew", provider);
    r = cs_openssl_conf_extend(&text, base, provider, fault);
    if (r == 0)
        r = make_directory(directory, fault);
    if (r < 0)
        return r;
    name_of(path, directory, text);
    r = put(path, text, fault);
    if (r == 0 && setenv(VARIABLE, path, 1) < 0)
        r = CS_ERR_MEMORY;
    return r;
}
