/* SPDX-License-Identifier: Apache-2.0 */
/* The ground that the targets stand on: where a user's files are, and what is said of his key. */
#include "cli/setup/setup.h"
#include "base/cleanup.h"
#include "cli/pem.h"
#include "cli/picture.h"

#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

static void set_base(char out[PATH_MAX], const char *variable, const char *home, const char *below)
{
    const char *given = getenv(variable);

    if (given && given[0] == '/')
        snprintf(out, PATH_MAX, "%s", given);
    else
        snprintf(out, PATH_MAX, "%s/%s", home, below);
}

int cs_setup_init(struct cs_setup *setup, struct cs_cli *cli, bool undo, struct cs_fault *fault)
{
    const char *home = getenv("HOME");
    struct stat st;

    setup->cli = cli;
    setup->fault = fault;
    setup->plan.undo = undo;
    if (!home || home[0] != '/' || stat(home, &st) < 0 || !S_ISDIR(st.st_mode))
        return cs_fail(fault, CS_ERR_INVALID, "HOME is not a folder: set it to yours");
    if (st.st_uid != geteuid())
        return cs_fail(fault, CS_ERR_INVALID,
            "%s belongs to another user: run this as that user, without sudo", home);
    if (strlen(home) > PATH_MAX / 2)
        return cs_fail(fault, CS_ERR_TOO_LARGE, "HOME is too long");
    snprintf(setup->home, sizeof(setup->home), "%s", home);
    set_base(setup->config, "XDG_CONFIG_HOME", home, ".config");
    set_base(setup->data, "XDG_DATA_HOME", home, ".local/share");
    if (snprintf(setup->own, sizeof(setup->own), "%s/countersign", setup->config) >= PATH_MAX / 2)
        return cs_fail(fault, CS_ERR_TOO_LARGE, "XDG_CONFIG_HOME is too long");
    return 0;
}

void cs_setup_deinit(struct cs_setup *setup)
{
    countersign_identity_free(setup->identity);
    cs_plan_deinit(&setup->plan);
}

const struct cs_target *cs_target_get(const char *name)
{
    for (size_t i = 0; i < cs_n_targets; i++)
        if (strcmp(cs_targets[i].name, name) == 0)
            return &cs_targets[i];
    return NULL;
}

int cs_setup_plan(struct cs_setup *setup, const struct cs_target *target)
{
    const struct cs_target *before = setup->target;
    int r;

    if (setup->planned[target - cs_targets])
        return 0;
    setup->planned[target - cs_targets] = true;
    setup->target = target;
    r = target->plan(setup);
    setup->target = before;
    return r;
}

int cs_setup_need(struct cs_setup *setup, const char *name)
{
    const struct cs_target *target = cs_target_get(name);

    setup->needed[target - cs_targets] = true;
    return setup->plan.undo ? 0 : cs_setup_plan(setup, target);
}

int cs_setup_edit(struct cs_setup *setup, const struct cs_edit_kind *kind, char *content,
    const char *const *rivals, const char *path, ...)
{
    struct cs_edit edit = {.kind = kind,
        .target = setup->target->name,
        .mode = setup->system || setup->policies ? 0644 : 0600,
        .content = content,
        .rivals = rivals};
    va_list args;

    va_start(args, path);
    if ((!setup->plan.undo && !content) || vasprintf(&edit.path, path, args) < 0)
        edit.path = NULL;
    va_end(args);
    return cs_plan_add(&setup->plan, &edit);
}

int cs_setup_own_file(struct cs_setup *setup, char *content, const char *name)
{
    return cs_setup_edit(setup, &cs_edit_file, content, NULL, "%s/%s", setup->own, name);
}

char *cs_setup_text(const struct cs_setup *setup, const char *format, ...)
{
    va_list args;
    char *text;
    int n;

    if (setup->plan.undo)
        return NULL;
    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    return n < 0 ? NULL : text;
}

char *cs_setup_quoted(const struct cs_setup *setup, const char *text)
{
    char *quoted = setup->plan.undo ? NULL : malloc(2 * strlen(text) + 3);
    char *out = quoted;

    if (!quoted)
        return NULL;
    *out++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *out++ = '\\';
        *out++ = *text;
    }
    strcpy(out, "\"");
    return quoted;
}

int cs_setup_part(struct cs_setup *setup, enum cs_part part, char path[PATH_MAX])
{
    if (cs_installed_path(path, part) || setup->plan.undo)
        return 0;
    return cs_fail(setup->fault, CS_ERR_SYSTEM, "%s is not there: install Countersign anew", path);
}

/* To be told apart by a person who must choose. */
static void add_label(
    char *text, size_t size, size_t n, const struct countersign_identity *identity)
{
    size_t len, at = strlen(text);

    if (n < 5 && at < size)
        snprintf(text + at, size - at, "%s'%s'", n ? ", " : "",
            countersign_identity_label(identity, &len));
    else if (n == 5)
        snprintf(text + at, size - at, ", ...");
}

/* The only one that could be presented. */
static int find_only(struct cs_setup *setup, char *uri, size_t size)
{
    struct cs_cli *cli = setup->cli;
    struct cs_picture picture = {0};
    char labels[400] = "";
    size_t n = 0;
    int r = cs_picture_get(&picture, cli);

    for (size_t i = 0; r == 0 && i < picture.n_identities; i++) {
        if (countersign_identity_n_certificates(picture.sorted[i]) == 0)
            continue;
        snprintf(uri, size, "%s", countersign_identity_uri(picture.sorted[i]));
        add_label(labels, sizeof(labels), n++, picture.sorted[i]);
    }
    cs_picture_deinit(&picture);
    if (r < 0)
        return r;
    if (n == 0)
        return cs_fail(setup->fault, CS_ERR_NOT_FOUND,
            "there is no key with a certificate on any token: see 'countersign list'");
    if (n > 1)
        return cs_fail(setup->fault, CS_ERR_AMBIGUOUS,
            "there are several keys, %s: say which by --identity", labels);
    return 0;
}

static int get_identity(struct cs_setup *setup)
{
    struct cs_cli *cli = setup->cli;
    const char *name = setup->identity_name;
    char uri[4096];
    int r;

    if (setup->identity)
        return 0;
    r = cli->client ? 0 : cs_cli_connect(cli);
    if (r == 0 && !name) {
        r = find_only(setup, uri, sizeof(uri));
        name = uri;
    }
    if (r == 0)
        r = countersign_resolve(cli->client, name, CS_EXPECT_KEY, &setup->identity, &cli->fault);
    if (r < 0)
        return cli->fault.code == r ? cs_fail(setup->fault, r, "%s", cli->fault.text) : r;
    if (!countersign_identity_id(setup->identity) ||
        countersign_identity_n_chain(setup->identity) == 0)
        return cs_fail(setup->fault, CS_ERR_NOT_FOUND,
            "'%s' has no %s on any token here, so it cannot be presented to a server", name,
            countersign_identity_id(setup->identity) ? "certificate" : "private key");
    return 0;
}

int cs_setup_identity_uri(struct cs_setup *setup, const char **urip)
{
    int r = setup->plan.undo ? 0 : get_identity(setup);

    *urip = r == 0 && !setup->plan.undo ? countersign_identity_uri(setup->identity) : "";
    return r;
}

int cs_setup_reference_at(struct cs_setup *setup, const char *path)
{
    struct cs_buf pem = CS_BUF_INIT(CS_PEM_MAX);
    char *content = NULL;
    int r = setup->plan.undo ? 0 : get_identity(setup);

    if (r == 0 && !setup->plan.undo) {
        r = cs_pem_build(&pem, setup->identity, false);
        content = r == 0 ? cs_bytes_dup(cs_buf_bytes(&pem)) : NULL;
    }
    cs_buf_deinit(&pem);
    return r < 0 ? r : cs_setup_edit(setup, &cs_edit_file, content, NULL, "%s", path);
}

int cs_setup_reference(struct cs_setup *setup, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s/%s.pem", PATH_MAX / 2, setup->own, setup->target->name);
    return cs_setup_reference_at(setup, path);
}

int cs_setup_rule(struct cs_setup *setup, const char *const *programs, size_t n)
{
    const char *target = setup->target->name;
    char *text = NULL;
    size_t size, n_there = 0;
    FILE *out;

    if (!setup->plan.undo) {
        out = open_memstream(&text, &size);
        if (!out)
            return CS_ERR_MEMORY;
        fprintf(out,
            "; Programs that hand over a digest where others hand over the handshake itself, so\n"
            "; that the agent cannot see what it signs. Without this it asks.\n"
            "[rule \"setup %s\"]\nprogram = ",
            target);
        for (size_t i = 0; i < n; i++)
            if (access(programs[i], X_OK) == 0)
                fprintf(out, "%s%s", n_there++ ? ", " : "", programs[i]);
        fputs("\nsign = tls, digest\n", out);
        fclose(out);
        if (n_there == 0) {
            free(text);
            return 0;
        }
    }
    return cs_setup_edit(setup, &cs_edit_file, text, NULL, "%s/setup-%s.conf", setup->own, target);
}
