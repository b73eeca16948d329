/* SPDX-License-Identifier: Apache-2.0 */
/* Whether OpenSSL finds our provider, and is told of it. */
#include "cli/doctor/checks.h"
#include "base/cleanup.h"
#include "cli/installed.h"
#include "cli/setup/openssl-conf.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "countersign"

static const char *modules_folder(void)
{
    const char *given = getenv("OPENSSL_MODULES");
    const char *folder = OPENSSL_info(OPENSSL_INFO_MODULES_DIR);

    return given && *given ? given : folder ? folder : "";
}

/* As a program would: in a library context of its own. */
static _Noreturn void load(const char *name, int fd)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider = context ? OSSL_PROVIDER_load(context, name) : NULL;
    const char *data = NULL;
    int flags = 0;

    ERR_peek_error_data(&data, &flags);
    if (!provider && data && (flags & ERR_TXT_STRING))
        dprintf(fd, "%s", data);
    _exit(provider ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* In a process of its own, because a damaged library ends the one that loads it. */
static bool loads(const char *name, char *why, size_t size)
{
    int pipes[2], status = -1;
    ssize_t n;
    pid_t pid;

    why[0] = '\0';
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return false;
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        load(name, pipes[1]);
    close(pipes[1]);
    n = pid > 0 ? read(pipes[0], why, size - 1) : 0;
    why[n > 0 ? n : 0] = '\0';
    close(pipes[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        snprintf(why, size, "it is damaged");
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* path: as a configuration names it, or "" for what OpenSSL finds by name. */
static void check_provider(struct cs_findings *findings, const char *named)
{
    char path[PATH_MAX], installed[PATH_MAX], why[256];
    bool is_installed = cs_installed_path(installed, CS_PART_PROVIDER);

    if (*named)
        snprintf(path, sizeof(path), "%s", named);
    else
        snprintf(path, sizeof(path), "%s/" NAME ".so", modules_folder());
    if (access(path, F_OK) < 0) {
        cs_find(findings, CS_SEVERITY_ERROR, "provider",
            *named ? "The configuration names the provider %s, which is not there."
                   : "OpenSSL looks for the provider at %s, and it is not there.",
            path);
        if (getenv("OPENSSL_MODULES") && !*named)
            cs_mend(findings, "unset OPENSSL_MODULES");
        else if (is_installed)
            cs_mend(findings, "countersign setup session, whose configuration names %s", installed);
        else
            cs_mend(findings, "install Countersign anew");
    } else if (!loads(*named ? named : NAME, why, sizeof(why))) {
        cs_find(findings, CS_SEVERITY_ERROR, "provider", "OpenSSL cannot load %s%s%s.", path,
            *why ? ": " : "", why);
        cs_mend(findings, "install Countersign anew");
    } else {
        cs_find(findings, CS_SEVERITY_OK, "provider", "OpenSSL (%s) loads the provider %s.",
            OpenSSL_version(OPENSSL_VERSION_STRING), path);
    }
}

static void check_conf(struct cs_findings *findings, const struct cs_openssl_conf *conf,
    const char *path, bool from_environment)
{
    const char *whose = from_environment ? ", which OPENSSL_CONF names" : "";

    if (!conf->active) {
        cs_find(findings, CS_SEVERITY_NOTE, "openssl",
            "The configuration in force, %s%s, does not activate the provider: PEM files that "
            "stand "
            "for a key, and pkcs11: URIs, do not work. 'countersign run' needs no configuration.",
            path, whose);
        cs_mend(findings, "countersign setup session");
    } else if (!conf->default_active) {
        cs_find(findings, CS_SEVERITY_ERROR, "openssl",
            "The configuration in force, %s%s, activates our provider and not OpenSSL's own: no "
            "program can make a TLS connection.",
            path, whose);
        cs_mend(
            findings, "add to it: default = default_section, and [default_section] activate = 1");
    } else if (!conf->for_node) {
        cs_find(findings, CS_SEVERITY_WARNING, "openssl",
            "The configuration in force, %s%s, says nothing to node, which reads nodejs_conf.",
            path, whose);
        cs_mend(findings, "add to its beginning: nodejs_conf = what openssl_conf says");
    } else {
        cs_find(findings, CS_SEVERITY_OK, "openssl",
            "The configuration in force, %s%s, activates the provider.", path, whose);
    }
}

void cs_doctor_openssl(struct cs_findings *findings)
{
    struct cs_openssl_conf conf = {0};
    struct cs_fault fault = {0};
    char path[PATH_MAX];
    bool from_environment;
    int r;

    cs_openssl_conf_path(path, &from_environment);
    r = cs_openssl_conf_read(&conf, path, &fault);
    if (r == CS_ERR_NOT_FOUND && from_environment) {
        cs_find(findings, CS_SEVERITY_ERROR, "openssl",
            "OPENSSL_CONF names %s, which is not there.", path);
        cs_mend(findings, "countersign setup session, or: unset OPENSSL_CONF");
    } else if (r < 0 && r != CS_ERR_NOT_FOUND) {
        cs_find(findings, CS_SEVERITY_ERROR, "openssl", "%s.", cs_fault_text(&fault, r));
        cs_mend(findings, "mend that line, see config(5)");
    } else {
        check_conf(findings, &conf, path, from_environment);
    }
    check_provider(findings, conf.active ? conf.module : "");
}
