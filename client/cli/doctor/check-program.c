/* SPDX-License-Identifier: Apache-2.0 */
/* Which way a program has to the keys, and whether it is open. */
#include "cli/doctor/checks.h"
#include "cli/doctor/program.h"
#include "cli/installed.h"
#include "cli/setup/openssl-conf.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Programs with a setup target of their own. */
static const struct {
    const char *name, *target;
} targets[] = {
    {"curl", "curl"},
    {"git", "git"},
    {"wget", "wget"},
    {"openconnect", "openconnect"},
    {"nm-openconnect-auth-dialog", "openconnect"},
    {"python3*", "python"},
    {"node*", "node"},
    {"nginx", "nginx"},
    {"psql", "psql"},
    {"chrom*", "chromium"},
    {"google-chrome*", "chromium"},
    {"brave*", "chromium"},
    {"microsoft-edge*", "chromium"},
    {"firefox*", "firefox"},
    {"thunderbird*", "thunderbird"},
    {"java", "java"},
    {"keytool", "java"},
    {"openvpn", "openvpn"},
    {"ssh", "ssh"},
};

static const char *name_of(const struct cs_program *program)
{
    const char *slash = strrchr(program->path, '/');

    return slash ? slash + 1 : program->path;
}

static const char *target_of(const struct cs_program *program)
{
    const char *name = name_of(program);

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        if (fnmatch(targets[i].name, name, 0) == 0)
            return targets[i].target;
    return NULL;
}

static void check_part(struct cs_findings *findings, enum cs_part part, const char *what)
{
    char path[PATH_MAX];

    if (cs_installed_path(path, part))
        return;
    cs_find(findings, CS_SEVERITY_ERROR, "program", "The %s is not at %s.", what, path);
    cs_mend(findings, "install Countersign anew");
}

static void say_sandbox(struct cs_findings *findings, const struct cs_program *program)
{
    if (program->sandbox == CS_SANDBOX_SNAP) {
        cs_find(findings, CS_SEVERITY_ERROR, "program",
            "%s is a snap: nothing of Countersign can be seen from inside, and nothing outside can "
            "change that.",
            program->path);
        cs_mend(findings, "install it as a package, or as a Flatpak");
        return;
    }
    cs_find(findings, CS_SEVERITY_WARNING, "program",
        "%s is a Flatpak: it sees the agent only when it is let.", program->path);
    cs_mend(findings, "flatpak override --user --filesystem=host-os "
                      "--filesystem=xdg-run/countersign ID");
}

/* The preload library, and files in place of keys. */
static void say_openssl(struct cs_findings *findings, const struct cs_program *program)
{
    const char *target = target_of(program), *name = name_of(program);

    /* It begins no login by certificate without a key. */
    if (strcmp(name, "wpa_supplicant") != 0) {
        cs_find(findings, CS_SEVERITY_OK, "route",
            "Told nothing, it presents a certificate when it is run by 'countersign run -- %s'.",
            name);
        check_part(findings, CS_PART_PRELOAD, "preload library");
    }
    if (fnmatch("ruby*", name, 0) == 0) {
        cs_find(findings, CS_SEVERITY_NOTE, "route",
            "Ruby wants to see the private half of a key before it uses it, so it does not take "
            "what "
            "'countersign pem' writes.");
        return;
    }
    cs_find(findings, CS_SEVERITY_OK, "route",
        "Where it takes a certificate and a key as files, it takes what 'countersign pem' "
        "writes.%s%s%s",
        target ? " For good: 'countersign setup " : "", target ? target : "", target ? "'." : "");
}

static void say_static(struct cs_findings *findings, const struct cs_program *program)
{
    const char *target = target_of(program);

    cs_find(findings, CS_SEVERITY_OK, "route",
        "'countersign run' does not reach it, because OpenSSL is in the program itself. Where it "
        "takes a certificate and a key as files, it takes what 'countersign pem' writes.");
    cs_mend(findings, "countersign setup %s", target ? target : "session");
}

/* Those that open certificate and key themselves. */
static bool takes_files_alone(const char *name)
{
    static const char *const names[] = {"ldap*", "mutt", "lftp"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (fnmatch(names[i], name, 0) == 0)
            return true;
    return false;
}

/* GnuTLS sees what p11-kit knows. */
static void say_gnutls(struct cs_findings *findings, const struct cs_program *program)
{
    const char *target = target_of(program);
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[PATH_MAX];
    bool registered = cs_installed_p11_kit(path);

    if (takes_files_alone(name_of(program))) {
        cs_find(findings, CS_SEVERITY_ERROR, "route",
            "It opens certificate and key as files itself, so it takes no pkcs11: URI.");
        return;
    }
    snprintf(path, sizeof(path), "%s%s/pkcs11/modules/countersign.module",
        config ? config
        : home ? home
               : "",
        config ? "" : "/.config");
    /* p11-kit reads no configuration of root's own. */
    registered = registered || (geteuid() != 0 && access(path, R_OK) == 0);
    cs_find(findings, registered ? CS_SEVERITY_OK : CS_SEVERITY_ERROR, "route",
        registered ? "Through p11-kit it takes a pkcs11: URI for its key. For its certificate give "
                     "it what 'countersign pem' writes: by a URI the chain is left out."
                   : "It takes a pkcs11: URI for its key, but p11-kit does not know our PKCS#11 "
                     "module.");
    if (target || !registered)
        cs_mend(findings, "countersign setup %s", target ? target : "p11-kit");
    check_part(findings, CS_PART_PKCS11, "PKCS#11 module");
}

static bool has_module(const char *pattern)
{
    glob_t found;
    bool any = false;

    for (size_t i = 0; glob(pattern, GLOB_TILDE, NULL, &found) == 0 && i < found.gl_pathc; i++) {
        FILE *file = fopen(found.gl_pathv[i], "re");
        char line[PATH_MAX];

        while (file && !any && fgets(line, sizeof(line), file))
            any = strstr(line, "countersign-pkcs11.so");
        if (file)
            fclose(file);
    }
    globfree(&found);
    return any;
}

/* Where the program looks; of Chromium's two places the one of former times counts, if it is
 * there. */
static bool is_set_up_for_nss(const char *target)
{
    const char *home = getenv("HOME");
    char old[PATH_MAX];

    if (strcmp(target, "firefox") == 0)
        return has_module("~/.mozilla/firefox/*/pkcs11.txt") ||
               has_module("~/.config/mozilla/firefox/*/pkcs11.txt") ||
               has_module("/etc/firefox/policies/policies.json");
    if (strcmp(target, "thunderbird") == 0)
        return has_module("~/.thunderbird/*/pkcs11.txt");
    snprintf(old, sizeof(old), "%s/.pki/nssdb", home ? home : "");
    return has_module(
        access(old, F_OK) == 0 ? "~/.pki/nssdb/pkcs11.txt" : "~/.local/share/pki/nssdb/pkcs11.txt");
}

static void say_nss(struct cs_findings *findings, const struct cs_program *program)
{
    const char *target = target_of(program);
    bool set_up = target && is_set_up_for_nss(target);

    cs_find(findings, set_up ? CS_SEVERITY_OK : CS_SEVERITY_ERROR, "route",
        set_up ? "Our PKCS#11 module is in its database."
               : "It needs our PKCS#11 module in its database, and it is not there.");
    if (!set_up && target)
        cs_mend(findings, "countersign setup %s", target);
    else if (!set_up)
        cs_mend(findings, "modutil -dbdir sql:FOLDER -add Countersign -libfile %s",
            CS_PKCS11_DIR "/countersign-pkcs11.so");
    check_part(findings, CS_PART_PKCS11, "PKCS#11 module");
}

static void say_java(struct cs_findings *findings)
{
    cs_find(findings, CS_SEVERITY_OK, "route", "It takes our PKCS#11 module by SunPKCS11.");
    cs_mend(findings, "countersign setup java");
    check_part(findings, CS_PART_PKCS11, "PKCS#11 module");
}

static void say_module(struct cs_findings *findings, const char *target)
{
    cs_find(findings, CS_SEVERITY_OK, "route", "It takes our PKCS#11 module.");
    cs_mend(findings, "countersign setup %s", target);
    check_part(findings, CS_PART_PKCS11, "PKCS#11 module");
}

static void say_none(struct cs_findings *findings, const struct cs_program *program)
{
    static const char *const reasons[] = {
        [CS_TLS_NONE] = "It is linked to no TLS library; one that it loads by itself, or has in "
                        "itself, was not recognised.",
        [CS_TLS_OPENSSL_OLD] = "OpenSSL before 3 knows no providers.",
        [CS_TLS_BORINGSSL] = "BoringSSL takes no keys from outside.",
        [CS_TLS_GO] = "Go's TLS takes no keys from outside.",
        [CS_TLS_RUSTLS] = "rustls takes no keys from outside.",
        [CS_TLS_OTHER] = "Its TLS library takes no keys from outside.",
    };

    cs_find(findings, program->tls == CS_TLS_NONE ? CS_SEVERITY_NOTE : CS_SEVERITY_ERROR, "route",
        "%s", reasons[program->tls]);
    if (program->tls != CS_TLS_NONE)
        cs_mend(findings, "a relay that logs in for it: see PROGRAMS THAT SETUP DOES NOT KNOW in "
                          "countersign(1)");
}

static void say_route(struct cs_findings *findings, const struct cs_program *program)
{
    const char *target = target_of(program);

    if (target && (strcmp(target, "ssh") == 0 || strcmp(target, "openvpn") == 0)) {
        say_module(findings, target);
        return;
    }
    switch (program->tls) {
    case CS_TLS_OPENSSL:
        say_openssl(findings, program);
        break;
    case CS_TLS_OPENSSL_STATIC:
        say_static(findings, program);
        break;
    case CS_TLS_GNUTLS:
        say_gnutls(findings, program);
        break;
    case CS_TLS_NSS:
        say_nss(findings, program);
        break;
    case CS_TLS_JAVA:
        say_java(findings);
        break;
    default:
        say_none(findings, program);
    }
}

int cs_doctor_program(struct cs_findings *findings, const char *name, struct cs_fault *fault)
{
    struct cs_program program;
    int r = cs_program_look(&program, name, fault);

    if (r < 0)
        return r;
    if (program.sandbox != CS_SANDBOX_NONE) {
        say_sandbox(findings, &program);
        return 0;
    }
    if (program.shell_script) {
        cs_find(findings, CS_SEVERITY_NOTE, "program",
            "%s is a shell script: what it starts does the work.", program.path);
        cs_mend(findings, "countersign doctor PROGRAM, for a program that it starts");
        return 0;
    }
    if (program.alien) {
        cs_find(findings, CS_SEVERITY_ERROR, "program",
            "%s is for another kind of machine, or damaged: our libraries do not load into it.",
            program.file);
        return 0;
    }
    cs_find(findings, CS_SEVERITY_OK, "program", "%s: %s uses %s%s%s%s.", program.path,
        strcmp(program.path, program.file) == 0 ? "it" : program.file, cs_tls_name(program.tls),
        *program.library ? " (" : "", program.library, *program.library ? ")" : "");
    if (program.set_id) {
        cs_find(findings, CS_SEVERITY_ERROR, "program",
            "It has more rights than its user (set-uid, or capabilities): it ignores OPENSSL_CONF "
            "and LD_PRELOAD, and should.");
        return 0;
    }
    say_route(findings, &program);
    return 0;
}
