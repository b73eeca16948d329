/* SPDX-License-Identifier: Apache-2.0 */
/* From the socket's folder to the certificates: each needs the one before. */
#include "cli/doctor/checks.h"
#include "base/cleanup.h"
#include "base/runtime.h"
#include "cli/installed.h"
#include "cli/picture.h"
#include "cli/text.h"
#include "cli/when.h"
#include "cli/x509.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON (30 * 24 * 60 * 60) /* seconds; the agent's notices say it as early */

/* Others may not even look. */
static bool check_mode(
    struct cs_findings *findings, const char *what, const char *path, mode_t allowed)
{
    CS_AUTO(cs_freep) char *quoted = cs_text_quoted(path);
    struct stat st;

    if (lstat(path, &st) < 0)
        return false;
    if (st.st_uid != geteuid()) {
        cs_find(findings, CS_SEVERITY_ERROR, "socket",
            "The %s %s belongs to another user (uid %u): no program trusts it.", what, path,
            (unsigned)st.st_uid);
        cs_mend(findings, "unset COUNTERSIGN_SOCKET, or let its owner remove %s", path);
    } else if (st.st_mode & 0777 & ~allowed) {
        cs_find(findings, CS_SEVERITY_ERROR, "socket",
            "The %s %s has mode %04o: other users can reach it.", what, path,
            (unsigned)(st.st_mode & 0777));
        cs_mend(findings, "chmod %04o %s", (unsigned)allowed, quoted ? quoted : path);
    } else {
        return true;
    }
    return false;
}

/* False if there is no place to look for an agent. */
static bool check_socket(struct cs_findings *findings)
{
    char path[256], folder[256];
    struct cs_fault fault = {0};
    int r = cs_runtime_socket_path(path, sizeof(path));

    if (r < 0) {
        cs_runtime_refuse_socket_path(r, &fault);
        cs_find(findings, CS_SEVERITY_ERROR, "socket", "%s.", fault.text);
        cs_mend(findings, "unset %s", cs_runtime_socket_variable());
        return false;
    }
    if (getenv("COUNTERSIGN_SOCKET"))
        cs_find(findings, CS_SEVERITY_NOTE, "socket", "COUNTERSIGN_SOCKET names %s.", path);
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return true; /* that no agent answers is told next */
    snprintf(folder, sizeof(folder), "%s", path);
    if (check_mode(findings, "folder", dirname(folder), 0700) &&
        check_mode(findings, "socket", path, 0600))
        cs_find(findings, CS_SEVERITY_OK, "socket", "The socket %s is yours alone.", path);
    return true;
}

static void check_module(struct cs_findings *findings, const struct countersign_module *module)
{
    const char *name = countersign_module_name(module), *error = countersign_module_error(module);

    if (strcmp(countersign_module_state(module), "failed") == 0) {
        cs_find(findings, CS_SEVERITY_ERROR, "module", "The module %s (%s) does not run: %s", name,
            countersign_module_path(module), *error ? error : "it gave no reason");
        cs_mend(findings, "countersign status");
    } else if (strcmp(countersign_module_state(module), "running") == 0 && *error) {
        cs_find(findings, CS_SEVERITY_WARNING, "module", "The module %s is not shown whole: %s",
            name, error);
        cs_mend(findings, "see to that, then: countersign refresh");
    }
}

static void check_modules(struct cs_findings *findings, const struct countersign_status *status)
{
    const struct countersign_module *module;

    for (size_t i = 0; (module = countersign_status_module(status, i)); i++)
        check_module(findings, module);
    if (countersign_status_n_modules(status) > 0)
        return;
    cs_find(findings, CS_SEVERITY_ERROR, "module", "The agent has no PKCS#11 module.");
    cs_mend(findings,
        "install the module of your token (for most cards: apt install opensc-pkcs11), or name it "
        "in a [module] section of ~/.config/countersign/agent.conf");
}

static void check_token(struct cs_findings *findings, const struct countersign_token *token)
{
    const char *label = countersign_token_label(token), *state = cs_token_state(token);
    CS_AUTO(cs_freep) char *quoted = cs_text_quoted(label);
    char note[512];

    cs_token_note(note, sizeof(note), token);
    if (strcmp(state, "unlocked") == 0 || strcmp(state, "open") == 0) {
        cs_find(findings, CS_SEVERITY_OK, "token", "The token '%s' is %s.", label, state);
    } else if (strcmp(state, "locked") == 0) {
        cs_find(findings, CS_SEVERITY_NOTE, "token",
            "The token '%s' is locked: the first program that uses it asks for the PIN.%s%s", label,
            *note ? " " : "", note);
        cs_mend(findings, "countersign unlock %s", quoted ? quoted : "TOKEN");
    } else {
        cs_find(findings, CS_SEVERITY_ERROR, "token", "The token '%s' is %s.%s%s", label, state,
            *note ? " " : "", note);
        cs_mend(findings, "countersign status");
    }
}

/* A token's label can be anything: the command is to be safe to copy. */
static void mend_by_request(struct cs_findings *findings, const char *label, const char *uri)
{
    CS_AUTO(cs_freep) char *key = cs_text_quoted(uri);
    CS_AUTO(cs_freep) char *subject = NULL;
    CS_AUTO(cs_freep) char *quoted = NULL;

    if (asprintf(&subject, "/CN=%s", label) < 0)
        subject = NULL;
    quoted = subject ? cs_text_quoted(subject) : NULL;
    if (key && quoted)
        cs_mend(findings, "ask for a new one: openssl req -new -key %s -subj %s -out new.csr", key,
            quoted);
}

/* For the same subject, as the certificate has it. */
static void mend_by_renewal(
    struct cs_findings *findings, const struct countersign_identity *identity)
{
    char id[CS_ID_HEX];

    cs_identity_hex(id, identity);
    cs_mend(findings,
        "ask for a new one: countersign pem %.16s --output key.pem && openssl x509 -x509toreq -in "
        "key.pem -key key.pem -out new.csr",
        id);
}

/* The best certificate of an identity; NULL without one. */
static struct cs_x509 *certificate_of(const struct countersign_identity *identity)
{
    struct cs_x509 *x509 = NULL;
    const uint8_t *der;
    size_t len;

    if (countersign_identity_n_certificates(identity) == 0)
        return NULL;
    der = countersign_identity_certificate(identity, 0, &len);
    return cs_x509_new(&x509, CS_BYTES(der, len)) == 0 ? x509 : NULL;
}

static bool is_valid(const struct cs_x509 *x509, int64_t now)
{
    return x509 && now >= x509->not_before && now <= x509->not_after;
}

/* One that has expired matters less while another can take its place. */
static void check_identity(struct cs_findings *findings,
    const struct countersign_identity *identity, int64_t now, bool any_valid)
{
    CS_AUTO(cs_x509_freep) struct cs_x509 *x509 = certificate_of(identity);
    enum cs_severity severity = CS_SEVERITY_OK;
    char validity[2 * CS_WHEN_SIZE];
    size_t len;
    const char *label = countersign_identity_label(identity, &len);

    if (!x509) {
        cs_find(findings, CS_SEVERITY_NOTE, "identity",
            "The key '%s' has no certificate, so no server will see it: write it to its token, or "
            "name its file as 'certificates' in the agent's configuration, and restart the agent.",
            label);
        mend_by_request(findings, label, countersign_identity_uri(identity));
        return;
    }
    cs_when_validity(validity, sizeof(validity), x509->not_before, x509->not_after, now);
    if (!is_valid(x509, now))
        severity = any_valid ? CS_SEVERITY_WARNING : CS_SEVERITY_ERROR;
    else if (x509->not_after - now < SOON)
        severity = CS_SEVERITY_WARNING;
    cs_find(findings, severity, "identity", "The certificate of '%s' (%s) %s.", label,
        x509->subject, validity);
    if (now < x509->not_before)
        cs_mend(findings, "look at the clock of this machine: date");
    else if (severity != CS_SEVERITY_OK)
        mend_by_renewal(findings, identity);
}

static void check_identities(
    struct cs_findings *findings, const struct cs_picture *picture, int64_t now)
{
    bool any_valid = false;

    for (size_t i = 0; i < picture->n_identities && !any_valid; i++) {
        CS_AUTO(cs_x509_freep) struct cs_x509 *x509 = certificate_of(picture->sorted[i]);

        any_valid = is_valid(x509, now);
    }
    for (size_t i = 0; i < picture->n_identities; i++)
        check_identity(findings, picture->sorted[i], now, any_valid);
    if (picture->n_identities == 0) {
        cs_find(findings, CS_SEVERITY_ERROR, "identity", "No key is on any token.");
        cs_mend(findings, "make one with your token's own tool, then: countersign refresh");
    }
}

static void check_agent(struct cs_findings *findings, const struct countersign_status *status)
{
    const char *version = countersign_status_version(status);

    cs_find(findings, CS_SEVERITY_OK, "agent", "The agent runs (pid %u, release %s).",
        countersign_status_pid(status), version);
    if (strcmp(version, CS_VERSION) != 0) {
        cs_find(findings, CS_SEVERITY_WARNING, "agent",
            "The agent is of release %s, and this program of %s.", version, CS_VERSION);
        cs_mend(findings,
            "systemctl --user restart countersign-agent.service, or log in anew: tokens are locked "
            "then");
    }
}

/* It may have been started with other files than those that are looked at here. False if there is
 * nothing else to look at before they are mended. */
static bool check_rules(struct cs_findings *findings, struct cs_cli *cli)
{
    struct countersign_policy *policy = NULL;
    const char *error = "";
    bool serves = true;

    if (countersign_policy_get(cli->client, &policy, &cli->fault) == 0) {
        error = countersign_policy_error(policy);
        serves = countersign_policy_loaded(policy) != 0;
    }
    if (*error) {
        cs_find(findings, CS_SEVERITY_ERROR, "configuration",
            serves ? "The agent keeps the rules from before this mistake: %s."
                   : "The agent serves no key because of this mistake: %s.",
            error);
        cs_mend(findings, "mend that line, see countersign.conf(5): the agent notices it");
    }
    countersign_policy_free(policy);
    return serves;
}

static void check_things(
    struct cs_findings *findings, const struct cs_cli *cli, const struct cs_picture *picture)
{
    const struct countersign_token *token;

    for (size_t i = 0; (token = countersign_list_token(picture->tokens, i)); i++)
        check_token(findings, token);
    if (countersign_list_n(picture->tokens) == 0) {
        cs_find(findings, CS_SEVERITY_ERROR, "token", "No token is there.");
        cs_mend(findings,
            "insert it, or initialise it with its own tool if it is blank, then: countersign "
            "refresh. For a card over ssh, or of a service, see countersign-agent(1)");
        return;
    }
    check_identities(findings, picture, cli->now);
}

void cs_doctor_agent(struct cs_findings *findings, struct cs_cli *cli)
{
    struct countersign_status *status = NULL;
    struct cs_picture picture = {0};
    bool serves = true;
    int r;

    if (!check_socket(findings))
        return;
    r = cs_cli_connect(cli);
    if (r == 0)
        r = countersign_status_get(cli->client, &status, &cli->fault);
    if (r == 0) {
        check_agent(findings, status);
        serves = check_rules(findings, cli);
    }
    if (r == 0 && serves) {
        check_modules(findings, status);
        r = cs_picture_get(&picture, cli);
        if (r == 0)
            check_things(findings, cli, &picture);
    }
    cs_picture_deinit(&picture);
    countersign_status_free(status);
    if (r == 0)
        return;
    if (r != CS_ERR_NO_AGENT) {
        cs_find(findings, CS_SEVERITY_ERROR, "agent", "%s.",
            cli->fault.code == r && cli->fault.text[0] ? cli->fault.text : cs_error_text(r));
    } else {
        cs_find(findings, CS_SEVERITY_ERROR, "agent", "No agent answers.");
        cs_mend(findings,
            "systemctl --user enable --now countersign-agent.socket, or: countersign-agent &");
    }
}

/* The agent reads its files as it will: nobody else could say the same of them. */
static int ask_agent(char *text, size_t size, const char *agent)
{
    char *const argv[] = {strdupa("countersign-agent"), strdupa("--check"), NULL};
    posix_spawn_file_actions_t actions;
    size_t len = 0;
    int pipes[2], status = -1;
    ssize_t n;
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    if (posix_spawn(&pid, agent, &actions, NULL, argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    while (pid > 0 && len < size - 1 && (n = read(pipes[0], text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(pipes[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void cs_doctor_config(struct cs_findings *findings)
{
    char agent[PATH_MAX], text[4096];
    int status;

    if (!cs_installed_path(agent, CS_PART_AGENT)) {
        cs_find(findings, CS_SEVERITY_ERROR, "agent", "%s is not there.", agent);
        cs_mend(findings, "install Countersign anew");
        return;
    }
    status = ask_agent(text, sizeof(text), agent);
    text[strcspn(text, "\n")] = '\0';
    if (status == 0) {
        cs_find(findings, CS_SEVERITY_OK, "configuration", "The agent's configuration is sound.");
        return;
    }
    cs_find(findings, CS_SEVERITY_ERROR, "configuration",
        "With these files the agent serves no key: %s.", *text ? text : "it gave no reason");
    cs_mend(findings, "mend that line, see countersign.conf(5); then: countersign-agent --check");
}
