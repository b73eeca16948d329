/* SPDX-License-Identifier: Apache-2.0 */
/* Everything else that takes the PKCS#11 module. */
#include "cli/setup/targets.h"
#include "base/cleanup.h"

#include <string.h>

int cs_target_p11_kit(struct cs_setup *setup)
{
    char module[PATH_MAX], path[PATH_MAX];
    int r = cs_setup_part(setup, CS_PART_PKCS11, module);

    if (r < 0)
        return r;
    /* It comes with the package; p11-kit does not want the same module twice. */
    if (!setup->plan.undo && cs_installed_p11_kit(path))
        return cs_setup_note(setup, "%s registers the module with p11-kit already.", path);
    if (geteuid() == 0 && !setup->system)
        r = cs_setup_note(setup,
            "p11-kit reads no configuration of root's own: --system registers the module for "
            "everybody.");
    if (r == 0)
        r = cs_setup_edit(setup, &cs_edit_file,
            cs_setup_text(setup, "module: %s\npriority: 10\n", module), NULL,
            "%s/pkcs11/modules/countersign.module", setup->system ? "/etc" : setup->config);
    return r;
}

/* Java numbers its providers, and stops at a gap. */
static int next_java_provider(char java[PATH_MAX])
{
    char path[2 * PATH_MAX], *slash;
    struct cs_file file;
    int last = 0;

    /* JAVA_HOME/bin/java */
    for (int i = 0; i < 2 && (slash = strrchr(java, '/')); i++)
        *slash = '\0';
    snprintf(path, sizeof(path), "%s/conf/security/java.security", java);
    if (cs_file_read(&file, path, NULL) < 0)
        return 0;
    for (const char *line = file.data; line; line = strchr(line, '\n')) {
        int number;

        line += *line == '\n';
        if (sscanf(line, "security.provider.%d=", &number) == 1 && number > last)
            last = number;
    }
    cs_file_deinit(&file);
    return last > 0 ? last + 1 : 0;
}

static bool find_java(char path[PATH_MAX])
{
    const char *home = getenv("JAVA_HOME");
    char name[2 * PATH_MAX];

    snprintf(name, sizeof(name), "%s/bin/java", home ? home : "/usr");
    return realpath(name, path);
}

int cs_target_java(struct cs_setup *setup)
{
    char module[PATH_MAX], java[PATH_MAX] = "";
    const char *program = java;
    bool found = find_java(java);
    int number, r = cs_setup_part(setup, CS_PART_PKCS11, module);

    if (r == 0)
        r = cs_setup_rule(setup, &program, 1);
    number = found ? next_java_provider(java) : 0;
    if (r == 0)
        r = cs_setup_own_file(setup,
            cs_setup_text(
                setup, "name = Countersign\nlibrary = \"%s\"\nslotListIndex = 0\n", module),
            "java.cfg");
    if (r == 0)
        r = cs_setup_own_file(setup,
            cs_setup_text(setup, "security.provider.%d=SunPKCS11 %s/java.cfg\n",
                number ? number : 13, setup->own),
            "java.security");
    if (r == 0 && !number)
        r = cs_setup_note(setup, "No Java is here whose providers could be counted: the number in "
                                 "java.security is to be "
                                 "one more than its last.");
    if (r == 0)
        r = cs_setup_note(setup,
            "Then: java -Djava.security.properties='%s/java.security' "
            "-Djavax.net.ssl.keyStoreType=PKCS11 -Djavax.net.ssl.keyStore=NONE ... ; and keytool "
            "-list -storetype PKCS11 -keystore NONE -storepass '' -providerClass "
            "sun.security.pkcs11.SunPKCS11 -providerArg '%s/java.cfg'",
            setup->own, setup->own);
    return r;
}

int cs_target_openvpn(struct cs_setup *setup)
{
    static const char *const programs[] = {"/usr/sbin/openvpn"};
    char module[PATH_MAX];
    int r = cs_setup_part(setup, CS_PART_PKCS11, module);

    if (r == 0)
        r = cs_setup_rule(setup, programs, 1);
    if (r == 0)
        r = cs_setup_own_file(
            setup, cs_setup_text(setup, "pkcs11-providers \"%s\"\n", module), "countersign.ovpn");
    if (r == 0)
        r = cs_setup_note(setup,
            "'openvpn --show-pkcs11-ids %s' lists the keys; then: openvpn --config "
            "%s/countersign.ovpn "
            "--pkcs11-id ID ... . The agent answers its own user alone, so start openvpn as yours.",
            module, setup->own);
    return r;
}

int cs_target_ssh(struct cs_setup *setup)
{
    static const char *const rivals[] = {"PKCS11Provider", NULL};
    static const char *const programs[] = {"/usr/bin/ssh", "/usr/lib/openssh/ssh-pkcs11-helper"};
    char module[PATH_MAX];
    CS_AUTO(cs_freep) char *quoted = NULL;
    int r = cs_setup_part(setup, CS_PART_PKCS11, module);

    quoted = cs_setup_quoted(setup, module);
    if (r == 0)
        r = cs_setup_rule(setup, programs, 2);
    if (r == 0)
        r = cs_setup_edit(setup, &cs_edit_block,
            cs_setup_text(setup, "PKCS11Provider %s\n", quoted), rivals, "%s/.ssh/config",
            setup->home);
    if (r == 0)
        r = cs_setup_note(setup, "'ssh-keygen -D %s' prints the public keys for servers.", module);
    return r;
}
