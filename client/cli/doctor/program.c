/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name to the file that speaks TLS. Some programs leave that to another: git has a helper
 * for https, browsers are started by scripts, interpreters load a module when they need it. Of
 * several TLS libraries the nearest counts: Debian's libcurl brings GnuTLS, too, for LDAP.
 */
#include "cli/doctor/program.h"
#include "base/cleanup.h"
#include "cli/doctor/elf.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define SCRIPTS_MAX 4     /* interpreters that are scripts themselves */
#define LIBRARIES_MAX 512 /* of one program */

/* A program by another name; patterns, the first file that is there counts. "/" at the front of a
 * pattern is the root, else it is below the folder of the program. */
static const struct {
    const char *name, *files[4];
} helpers[] = {
    {"git", {"../lib/git-core/git-remote-https", "../libexec/git-core/git-remote-https"}},
    {"psql", {"/usr/lib/postgresql/*/bin/psql"}}, /* Debian's is a script that chooses one */
    {"chromium", {"/usr/lib/chromium/chromium", "/usr/lib64/chromium-browser/chromium-browser"}},
    {"google-chrome*", {"/opt/google/chrome/chrome"}},
    {"brave-browser*", {"/opt/brave.com/brave/brave"}},
    {"microsoft-edge*", {"/opt/microsoft/msedge/msedge"}},
    {"firefox*", {"libxul.so", "/usr/lib/firefox/libxul.so", "/usr/lib64/firefox/libxul.so",
                     "/usr/lib/firefox-esr/libxul.so"}},
    {"thunderbird*",
        {"libxul.so", "/usr/lib/thunderbird/libxul.so", "/usr/lib64/thunderbird/libxul.so"}},
    {"python3*", {"../lib/python3*/lib-dynload/_ssl.*.so"}},
    {"perl*", {"../lib/*/perl5/*/auto/Net/SSLeay/SSLeay.so"}},
    {"ruby*", {"../lib/*/ruby/*/openssl.so", "../lib/ruby/*/*/openssl.so"}},
};

static const struct {
    const char *pattern;
    enum cs_tls tls;
} libraries[] = {
    {"libssl.so.[3-9]*", CS_TLS_OPENSSL},
    {"libssl.so.1*", CS_TLS_OPENSSL_OLD},
    {"libgnutls.so*", CS_TLS_GNUTLS},
    {"libnss3.so*", CS_TLS_NSS},
    {"libjli.so*", CS_TLS_JAVA},
    {"libjvm.so*", CS_TLS_JAVA},
    {"libmbedtls.so*", CS_TLS_OTHER},
    {"libwolfssl.so*", CS_TLS_OTHER},
};

/* What a program that has its TLS in itself cannot hide. */
static const char *const marks[] = {
    "OpenSSL 3.", "OpenSSL 1.1", "boringssl/src", "Go buildinf:", "rustls-", NULL};
static const enum cs_tls mark_means[] = {
    CS_TLS_OPENSSL_STATIC, CS_TLS_OPENSSL_OLD, CS_TLS_BORINGSSL, CS_TLS_GO, CS_TLS_RUSTLS};
#define N_MARKS (sizeof(mark_means) / sizeof(mark_means[0]))

const char *cs_tls_name(enum cs_tls tls)
{
    static const char *const names[] = {
        [CS_TLS_NONE] = "no TLS library",
        [CS_TLS_OPENSSL] = "OpenSSL 3",
        [CS_TLS_OPENSSL_OLD] = "OpenSSL 1",
        [CS_TLS_OPENSSL_STATIC] = "OpenSSL 3, in the program itself",
        [CS_TLS_GNUTLS] = "GnuTLS",
        [CS_TLS_NSS] = "NSS",
        [CS_TLS_JAVA] = "Java",
        [CS_TLS_BORINGSSL] = "BoringSSL",
        [CS_TLS_GO] = "Go",
        [CS_TLS_RUSTLS] = "rustls",
        [CS_TLS_OTHER] = "another TLS library",
    };

    return names[tls];
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool find_in_path(char path[PATH_MAX], const char *name)
{
    const char *list = getenv("PATH");

    if (strchr(name, '/'))
        return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && is_program(path);
    for (list = list ? list : "/usr/bin:/bin"; *list;) {
        size_t len = strcspn(list, ":");

        if (snprintf(path, PATH_MAX, "%.*s/%s", (int)len, list, name) < PATH_MAX &&
            is_program(path))
            return true;
        list += len + (list[len] == ':');
    }
    return false;
}

static enum cs_sandbox sandbox_of(const char *path, const char *real)
{
    const char *slash = strrchr(real, '/');

    if (strncmp(path, "/snap/", 6) == 0 || (slash && strcmp(slash, "/snap") == 0))
        return CS_SANDBOX_SNAP;
    return strstr(path, "/flatpak/exports/bin/") ? CS_SANDBOX_FLATPAK : CS_SANDBOX_NONE;
}

static bool first_match(char path[PATH_MAX], const char *pattern, const char *program)
{
    char copy[PATH_MAX], whole[2 * PATH_MAX];
    glob_t found;
    bool any;

    snprintf(copy, sizeof(copy), "%s", program);
    snprintf(whole, sizeof(whole), "%s%s%s", *pattern == '/' ? "" : dirname(copy),
        *pattern == '/' ? "" : "/", pattern);
    any = glob(whole, 0, NULL, &found) == 0 && realpath(found.gl_pathv[0], path);
    globfree(&found);
    return any;
}

/* A script that starts the snap or the Flatpak, as distributions put in place of a program. */
static enum cs_sandbox sandbox_of_script(const char *file)
{
    static const char *const calls[] = {"/snap/bin/", "flatpak run", NULL};
    bool found[2] = {false};

    cs_elf_search(file, calls, found);
    return found[0] ? CS_SANDBOX_SNAP : found[1] ? CS_SANDBOX_FLATPAK : CS_SANDBOX_NONE;
}

/* The helper or module of a program, if it has one that is there. */
static void go_to_helper(char file[PATH_MAX], const char *name)
{
    const char *slash = strrchr(name, '/');

    for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
        if (fnmatch(helpers[i].name, slash ? slash + 1 : name, 0) != 0)
            continue;
        for (size_t j = 0; j < 4 && helpers[i].files[j]; j++)
            if (first_match(file, helpers[i].files[j], file))
                return;
    }
}

/* The interpreter of a script, or what env(1) would start; false if file is no script. */
static bool interpreter_of(char interpreter[PATH_MAX], const char *file)
{
    CS_AUTO(cs_closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char line[256] = "", *word, *rest = NULL;
    ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;

    if (n < 3 || strncmp(line, "#!", 2) != 0)
        return false;
    line[strcspn(line, "\n")] = '\0';
    word = strtok_r(line + 2, " \t", &rest);
    if (word && strcmp(word, "/usr/bin/env") == 0)
        do
            word = strtok_r(NULL, " \t", &rest);
        while (word && (*word == '-' || strchr(word, '=')));
    return word && find_in_path(interpreter, word);
}

static bool is_shell(const char *file)
{
    static const char *const shells[] = {"sh", "bash", "dash", "zsh", "ksh", "busybox"};
    const char *slash = strrchr(file, '/');

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(slash ? slash + 1 : file, shells[i]) == 0)
            return true;
    return false;
}

static bool has_more_rights(const char *file)
{
    struct stat st;

    return (stat(file, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID))) ||
           getxattr(file, "security.capability", NULL, 0) > 0;
}

/* Breadth first: the nearest library that is one of TLS. */
struct walk {
    char *paths[LIBRARIES_MAX];
    size_t n;
};

static bool walk_knows(const struct walk *walk, const char *path)
{
    for (size_t i = 0; i < walk->n; i++)
        if (strcmp(walk->paths[i], path) == 0)
            return true;
    return false;
}

static void walk_add(struct walk *walk, const char *path)
{
    if (walk->n < LIBRARIES_MAX && !walk_knows(walk, path)) {
        walk->paths[walk->n] = strdup(path);
        walk->n += walk->paths[walk->n] != NULL;
    }
}

static enum cs_tls tls_of_library(const char *name)
{
    const char *slash = strrchr(name, '/');

    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
        if (fnmatch(libraries[i].pattern, slash ? slash + 1 : name, 0) == 0)
            return libraries[i].tls;
    return CS_TLS_NONE;
}

/* All that one file needs; stops at the first library of TLS. */
static void walk_file(struct walk *walk, const char *file, struct cs_program *program)
{
    struct cs_elf elf;
    char path[PATH_MAX];

    if (cs_elf_read(&elf, file) < 0)
        return;
    for (size_t i = 0; i < elf.n_needed && program->tls == CS_TLS_NONE; i++) {
        bool found = cs_elf_find(path, elf.needed[i], file, &elf);

        program->tls = tls_of_library(elf.needed[i]);
        if (program->tls != CS_TLS_NONE)
            snprintf(program->library, PATH_MAX, "%s", found ? path : elf.needed[i]);
        else if (found)
            walk_add(walk, path);
    }
    cs_elf_deinit(&elf);
}

static void find_library(struct cs_program *program)
{
    CS_AUTO(cs_freep) struct walk *walk = calloc(1, sizeof(*walk));
    bool found[N_MARKS] = {false};

    if (!walk)
        return;
    walk_add(walk, program->file);
    for (size_t i = 0; i < walk->n && program->tls == CS_TLS_NONE; i++)
        walk_file(walk, walk->paths[i], program);
    for (size_t i = 0; i < walk->n; i++)
        free(walk->paths[i]);
    if (program->tls != CS_TLS_NONE || cs_elf_search(program->file, marks, found) < 0)
        return;
    for (size_t i = 0; i < N_MARKS && program->tls == CS_TLS_NONE; i++)
        if (found[i])
            program->tls = mark_means[i];
}

int cs_program_look(struct cs_program *program, const char *name, struct cs_fault *fault)
{
    char interpreter[PATH_MAX];
    struct cs_elf elf;

    *program = (struct cs_program){0};
    if (!find_in_path(program->path, name) || !realpath(program->path, program->file))
        return cs_fail(fault, CS_ERR_NOT_FOUND, "there is no program '%s'%s", name,
            strchr(name, '/') ? "" : " in PATH: name it by its path");
    program->sandbox = sandbox_of(program->path, program->file);
    if (program->sandbox != CS_SANDBOX_NONE)
        return 0;
    program->set_id = has_more_rights(program->file);
    go_to_helper(program->file, program->path);
    for (int i = 0; i < SCRIPTS_MAX && interpreter_of(interpreter, program->file); i++) {
        if (!realpath(interpreter, program->file))
            break;
        program->shell_script = is_shell(interpreter);
        go_to_helper(program->file, interpreter);
    }
    if (program->shell_script) {
        program->sandbox = sandbox_of_script(program->path);
        return 0;
    }
    program->alien = cs_elf_read(&elf, program->file) < 0;
    if (program->alien)
        return 0;
    cs_elf_deinit(&elf);
    find_library(program);
    return 0;
}
