/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's configuration, and the session that tells all programs of it. */
#include "cli/setup/targets.h"
#include "base/cleanup.h"
#include "cli/setup/openssl-conf.h"

#include <string.h>

#define CONF "openssl.cnf"
#define INCLUDE "\n.include "

static void own_conf(const struct cs_setup *setup, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s/" CONF, PATH_MAX / 2, setup->own);
}

/* What our file includes now; it may be a path with backslashes, which nobody has. */
static bool included(char base[PATH_MAX], const char *own)
{
    struct cs_file file;
    const char *at;

    if (cs_file_read(&file, own, NULL) < 0)
        return false;
    at = strstr(file.data, INCLUDE);
    if (at) {
        at += strlen(INCLUDE);
        snprintf(base, PATH_MAX, "%.*s", (int)strcspn(at, "\n"), at);
    }
    cs_file_deinit(&file);
    return at && !strchr(base, '\\');
}

int cs_target_openssl(struct cs_setup *setup)
{
    char own[PATH_MAX], base[PATH_MAX], provider[PATH_MAX];
    struct cs_openssl_conf conf;
    const char *in_force = getenv("OPENSSL_CONF");
    bool from_environment;
    char *text = NULL;
    int r = cs_setup_part(setup, CS_PART_PROVIDER, provider);

    own_conf(setup, own);
    if (r == 0 && setup->plan.undo) {
        r = cs_setup_own_file(setup, NULL, CONF);
        if (r == 0 && in_force && strcmp(in_force, own) == 0)
            r = cs_plan_note(&setup->plan, "In this shell: unset OPENSSL_CONF");
        return r;
    }
    if (r < 0)
        return r;
    cs_openssl_conf_path(base, &from_environment);
    if (strcmp(base, own) == 0 && !included(base, own))
        cs_openssl_conf_default(base);
    r = cs_openssl_conf_read(&conf, base, setup->fault);
    if (r == 0 && conf.active)
        return cs_setup_note(setup, "%s already tells OpenSSL of the agent's keys", base);
    if (r == 0 || r == CS_ERR_NOT_FOUND)
        r = cs_openssl_conf_extend(&text, base, provider, setup->fault);
    if (r == 0)
        r = cs_setup_own_file(setup, text, CONF);
    if (r == 0 && !setup->planned[cs_target_get("session") - cs_targets] &&
        (!in_force || strcmp(in_force, own) != 0))
        r = cs_setup_note(setup,
            "For the programs of this shell: export OPENSSL_CONF='%s'. For all of your session: "
            "'countersign setup session'.",
            own);
    return r;
}

/* environment.d(5) expands variables and takes quotes and backslashes away. */
static void put_value(FILE *out, const char *value)
{
    for (; *value; value++) {
        if (strchr("\\\"'$ \t", *value))
            fputc('\\', out);
        fputc(*value, out);
    }
    fputc('\n', out);
}

static int write_environment(struct cs_setup *setup, const char *conf, const char *preload)
{
    char *text = NULL;
    size_t size;
    FILE *out;

    if (!setup->plan.undo) {
        out = open_memstream(&text, &size);
        if (!out)
            return CS_ERR_MEMORY;
        if (conf) {
            fputs("OPENSSL_CONF=", out);
            put_value(out, conf);
        }
        if (preload) {
            fputs("LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}", out);
            put_value(out, preload);
        }
        fclose(out);
    }
    return cs_setup_edit(
        setup, &cs_edit_file, text, NULL, "%s/environment.d/60-countersign.conf", setup->config);
}

static bool socket_is_enabled(const struct cs_setup *setup)
{
    static const char unit[] = "systemd/user/sockets.target.wants/countersign-agent.socket";
    char path[2 * PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", setup->config, unit);
    if (access(path, F_OK) == 0)
        return true;
    snprintf(path, sizeof(path), "/etc/%s", unit);
    return access(path, F_OK) == 0;
}

/* Our own file, or one of the user's that does the same; false if every program reads it already.
 */
static bool conf_to_name(const struct cs_setup *setup, char path[PATH_MAX])
{
    struct cs_openssl_conf conf;
    char base[PATH_MAX];
    bool from_environment;

    own_conf(setup, path);
    cs_openssl_conf_path(base, &from_environment);
    if (strcmp(base, path) == 0 || cs_openssl_conf_read(&conf, base, NULL) < 0 || !conf.active)
        return true;
    snprintf(path, PATH_MAX, "%s", base);
    return from_environment;
}

int cs_target_session(struct cs_setup *setup)
{
    char preload[PATH_MAX], path[PATH_MAX];
    bool names = conf_to_name(setup, path);
    int r = cs_setup_need(setup, "openssl");

    if (r == 0 && setup->preload)
        r = cs_setup_part(setup, CS_PART_PRELOAD, preload);
    if (r == 0 && (names || setup->preload || setup->plan.undo))
        r = write_environment(setup, names ? path : NULL, setup->preload ? preload : NULL);
    if (r == 0 && names)
        r = cs_setup_note(setup,
            "Programs see it when you log in anew. Where no systemd reads environment.d, ssh and "
            "text consoles among them, put into your shell's profile: export OPENSSL_CONF='%s'",
            path);
    if (r == 0 && !socket_is_enabled(setup))
        r = cs_setup_note(setup, "To have an agent from login on: systemctl --user enable --now "
                                 "countersign-agent.socket");
    return r;
}
