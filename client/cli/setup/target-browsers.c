/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chromium and its kin read one NSS database for each user, Firefox and Thunderbird one for each
 * profile, Firefox an administrator's policies.json, too. Sandboxed ones are seen, and told what
 * only their user can do.
 */
#include "cli/setup/targets.h"
#include "base/cleanup.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

static const char *const chromium_programs[] = {"/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser", "/opt/google/chrome/chrome",
    "/opt/brave.com/brave/brave", "/opt/microsoft/msedge/msedge"};
static const char *const firefox_programs[] = {"/usr/lib/firefox-esr/firefox-esr",
    "/usr/lib/firefox/firefox", "/usr/lib64/firefox/firefox", "/opt/firefox/firefox"};

static const char *const thunderbird_programs[] = {"/usr/lib/thunderbird/thunderbird-bin",
    "/usr/lib64/thunderbird/thunderbird-bin", "/usr/lib64/thunderbird/thunderbird",
    "/opt/thunderbird/thunderbird-bin"};

/* Folders that sandboxed programs make in the user's home. */
static int note_sandboxes(struct cs_setup *setup, const char *const *snaps,
    const char *const *flatpaks, const char *module)
{
    char path[2 * PATH_MAX];
    int r = 0;

    for (; *snaps && r == 0; snaps++) {
        snprintf(path, sizeof(path), "%s/snap/%s", setup->home, *snaps);
        if (access(path, F_OK) == 0)
            r = cs_setup_note(setup,
                "The snap of %s cannot use a key of the agent: a snap sees neither the module nor "
                "the socket, and nothing outside it can change that. Install it as a "
                "package or a Flatpak.",
                *snaps);
    }
    for (; *flatpaks && r == 0; flatpaks++) {
        snprintf(path, sizeof(path), "%s/.var/app/%s", setup->home, *flatpaks);
        if (access(path, F_OK) == 0)
            r = cs_setup_note(setup,
                "The Flatpak %s sees neither module nor socket until you run: flatpak override "
                "--user --filesystem=host-os --filesystem=xdg-run/countersign %s. Then add "
                "/run/host%s as a security device in its settings.",
                *flatpaks, *flatpaks, module);
    }
    return r;
}

int cs_target_chromium(struct cs_setup *setup)
{
    static const char *const snaps[] = {"chromium", "brave", NULL};
    static const char *const flatpaks[] = {"org.chromium.Chromium", "com.google.Chrome",
        "com.brave.Browser", "com.microsoft.Edge", NULL};
    char module[PATH_MAX], old[2 * PATH_MAX];
    bool is_old, undo = setup->plan.undo;
    int r = cs_setup_part(setup, CS_PART_PKCS11, module);

    /* Chromium prefers the place of former times, if it is there; it may have come since. */
    snprintf(old, sizeof(old), "%s/.pki/nssdb", setup->home);
    is_old = access(old, F_OK) == 0;
    if (r == 0 && (is_old || undo))
        r = cs_setup_edit(
            setup, &cs_edit_nss, cs_setup_text(setup, "%s", module), NULL, "%s/pkcs11.txt", old);
    if (r == 0 && (!is_old || undo))
        r = cs_setup_edit(setup, &cs_edit_nss, cs_setup_text(setup, "%s", module), NULL,
            "%s/pki/nssdb/pkcs11.txt", setup->data);
    if (r == 0)
        r = cs_setup_rule(
            setup, chromium_programs, sizeof(chromium_programs) / sizeof(chromium_programs[0]));
    if (r == 0 && !is_old)
        r = cs_setup_note(setup,
            "Chromium before release 146 reads ~/.pki/nssdb: start it once, then set it up again.");
    if (r == 0)
        r = cs_setup_note(setup,
            "Chromium sees it at its next start. It asks which certificate to show; the policy "
            "AutoSelectCertificateForUrls answers for you: a sample is in %s/chromium-policy.json.",
            CS_EXAMPLES_DIR);
    return r < 0 ? r : note_sandboxes(setup, snaps, flatpaks, module);
}

/* profiles.ini: the folders of the profiles. */
struct profiles {
    struct cs_setup *setup;
    const char *folder, *module;
    char section[64], path[PATH_MAX];
    bool relative;
    size_t n;
    int error;
};

static void end_profile(struct profiles *profiles)
{
    char folder[3 * PATH_MAX];

    if (profiles->error < 0 || !profiles->path[0] || strncmp(profiles->section, "Profile", 7) != 0)
        return;
    snprintf(folder, sizeof(folder), "%s%s%s", profiles->relative ? profiles->folder : "",
        profiles->relative ? "/" : "", profiles->path);
    /* Firefox forgets profiles whose folder is gone, and does not tell profiles.ini. */
    if (access(folder, F_OK) < 0)
        return;
    profiles->n++;
    profiles->error = cs_setup_edit(profiles->setup, &cs_edit_nss,
        cs_setup_text(profiles->setup, "%s", profiles->module), NULL, "%s/pkcs11.txt", folder);
}

static int take_setting(void *user, const char *section, const char *name, const char *value)
{
    struct profiles *profiles = user;

    if (strcmp(section, profiles->section) != 0) {
        end_profile(profiles);
        snprintf(profiles->section, sizeof(profiles->section), "%s", section);
        profiles->path[0] = '\0';
        profiles->relative = true;
    }
    if (strcmp(name, "Path") == 0)
        snprintf(profiles->path, sizeof(profiles->path), "%s", value);
    if (strcmp(name, "IsRelative") == 0)
        profiles->relative = strcmp(value, "0") != 0;
    return 1;
}

static int add_profiles(struct cs_setup *setup, const char *folder, const char *module, size_t *np)
{
    struct profiles profiles = {.setup = setup, .folder = folder, .module = module};
    CS_AUTO(cs_freep) char *path = NULL;

    if (asprintf(&path, "%s/profiles.ini", folder) < 0) {
        path = NULL;
        return CS_ERR_MEMORY;
    }
    if (ini_parse(path, take_setting, &profiles) == 0)
        end_profile(&profiles);
    *np += profiles.n;
    return profiles.error;
}

static int plan_policies(struct cs_setup *setup, const char *module)
{
    const char *path = setup->policies ? setup->policies : "/etc/firefox/policies/policies.json";
    int r = cs_setup_edit(setup, &cs_edit_saved, cs_setup_text(setup, "%s", path), NULL,
        "%s" CS_EDIT_SAVED_SUFFIX, path);

    if (r == 0)
        r = cs_setup_edit(
            setup, &cs_edit_policies, cs_setup_text(setup, "%s", module), NULL, "%s", path);
    return r;
}

static int note_profiles(
    struct cs_setup *setup, const char *program, size_t n, const char *otherwise)
{
    if (n > 0)
        return cs_setup_note(setup, "%s sees it at its next start.", program);
    return cs_setup_note(setup,
        "%s has no profile here yet: start it once, then set it up again%s.", program, otherwise);
}

static int plan_profiles(struct cs_setup *setup, const char *module)
{
    char folder[2 * PATH_MAX];
    size_t n = 0;
    int r;

    snprintf(folder, sizeof(folder), "%s/.mozilla/firefox", setup->home);
    r = add_profiles(setup, folder, module, &n);
    snprintf(folder, sizeof(folder), "%s/mozilla/firefox", setup->config);
    if (r == 0)
        r = add_profiles(setup, folder, module, &n);
    return r < 0 ? r
                 : note_profiles(setup, "Firefox", n,
                       "; or, as an administrator, set it up for everybody by --system");
}

int cs_target_firefox(struct cs_setup *setup)
{
    static const char *const snaps[] = {"firefox", NULL};
    static const char *const flatpaks[] = {"org.mozilla.firefox", NULL};
    char module[PATH_MAX];
    int r = cs_setup_part(setup, CS_PART_PKCS11, module);

    if (r == 0 && (setup->system || setup->policies))
        return plan_policies(setup, module);
    if (r == 0)
        r = plan_profiles(setup, module);
    if (r == 0)
        r = cs_setup_rule(
            setup, firefox_programs, sizeof(firefox_programs) / sizeof(firefox_programs[0]));
    return r < 0 ? r : note_sandboxes(setup, snaps, flatpaks, module);
}

int cs_target_thunderbird(struct cs_setup *setup)
{
    static const char *const snaps[] = {"thunderbird", NULL};
    static const char *const flatpaks[] = {"org.mozilla.Thunderbird", NULL};
    char module[PATH_MAX], folder[2 * PATH_MAX];
    size_t n = 0;
    int r = cs_setup_part(setup, CS_PART_PKCS11, module);

    snprintf(folder, sizeof(folder), "%s/.thunderbird", setup->home);
    if (r == 0)
        r = add_profiles(setup, folder, module, &n);
    if (r == 0)
        r = note_profiles(setup, "Thunderbird", n, "");
    if (r == 0)
        r = cs_setup_note(
            setup, "Mails that it signs are digests to the agent, so the rule allows them, too.");
    if (r == 0)
        r = cs_setup_rule(setup, thunderbird_programs,
            sizeof(thunderbird_programs) / sizeof(thunderbird_programs[0]));
    return r < 0 ? r : note_sandboxes(setup, snaps, flatpaks, module);
}
