/* SPDX-License-Identifier: Apache-2.0 */
/* agent/config and settings: what files say, where they are wrong, and what holds then. */
#include "config/rulebook.h"
#include "audit/audit.h"
#include "token-host/host-message.h"
#include "base/wire.h"

#include <countersign/error.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];
static struct cs_config *config;
static struct cs_fault fault;

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/cs-test-config-XXXXXX");
    config = NULL;
    fault = (struct cs_fault){0};
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"a.conf", "b.conf", "c.txt", ".d.conf"};
    char path[128];

    (void)state;
    cs_config_free(config);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static const char *put(const char *name, const char *text)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static int load_path(const char *path)
{
    struct cs_places places;

    cs_places_find(&places, NULL, path);
    return cs_config_load(&places, &config, &fault);
}

static int load(const char *text)
{
    return load_path(put("a.conf", text));
}

/* The text is refused, at that line, with that hint. */
static void assert_wrong(const char *text, int line, const char *hint)
{
    char where[160];

    assert_int_equal(load(text), CS_ERR_CONFIG);
    snprintf(where, sizeof(where), "%s/a.conf:%d: ", folder, line);
    if (line && strncmp(fault.text, where, strlen(where)) != 0)
        fail_msg("not at %s but: %s", where, fault.text);
    if (!strstr(fault.text, hint))
        fail_msg("no '%s' in: %s", hint, fault.text);
    assert_null(config);
}

static void test_nothing_said(void **state)
{
    (void)state;
    assert_int_equal(load("[agent]\n; prompt = never\n"), 0);
    assert_true(config->prompt);
    assert_true(config->choose);
    assert_int_equal(config->prompt_timeout, 120);
    assert_int_equal(config->module_timeout, 60000);
    assert_null(config->pinentry);
    assert_int_equal(config->n_modules, 0);
    assert_int_equal(config->n_tokens, 0);
}

static void test_everything_said(void **state)
{
    (void)state;
    assert_int_equal(load("# comment\n"
                          "[agent]\n"
                          "prompt = never ; comment\n"
                          "choose = latest\n"
                          "  pinentry=/usr/bin/pinentry-tty\n"
                          "\tprompt-timeout = 5\n"
                          "module-timeout = 2m\n"
                          "[module \"corp-card\"]\n"
                          "path = /usr/lib/a b.so\n"
                          "init-args = configdir='/x' flags=1\n"
                          "[token \"pkcs11:token=corp;serial=1\"]\n"
                          "pin-command = /bin/echo 'a b' \"c\\\"d\" e\\ f ''\n"
                          "[token \"home\"]\n"
                          "pin-credential = home.pin\n"),
        0);
    assert_false(config->prompt);
    assert_false(config->choose);
    assert_string_equal(config->pinentry, "/usr/bin/pinentry-tty");
    assert_int_equal(config->prompt_timeout, 5);
    assert_int_equal(config->module_timeout, 120000);
    assert_int_equal(config->n_modules, 1);
    assert_string_equal(config->modules[0].name, "corp-card");
    assert_string_equal(config->modules[0].path, "/usr/lib/a b.so");
    assert_string_equal(config->modules[0].init_args, "configdir='/x' flags=1");
    assert_int_equal(config->n_tokens, 2);
    assert_string_equal(config->tokens[0].name, "pkcs11:token=corp;serial=1");
    assert_true(cs_bytes_equal(cs_buf_bytes(&config->tokens[0].command),
        CS_BYTES("/bin/echo\0a b\0c\"d\0e f\0", sizeof("/bin/echo\0a b\0c\"d\0e f\0") - 1)));
    assert_string_equal(config->tokens[1].credential, "home.pin");
}

static void test_long_names_and_lines_that_go_on(void **state)
{
    char text[2048], uri[300];

    (void)state;
    memset(uri, 'x', sizeof(uri) - 1);
    uri[sizeof(uri) - 1] = '\0';
    snprintf(text, sizeof(text),
        "[token \"pkcs11:token=%.150s\"]\npin-command = /bin/x \\\n  y \\\n\tz\n", uri);
    assert_int_equal(load(text), 0);
    assert_int_equal(strlen(config->tokens[0].name), 150 + strlen("pkcs11:token="));
    assert_true(cs_bytes_equal(cs_buf_bytes(&config->tokens[0].command),
        CS_BYTES("/bin/x\0y\0z", sizeof("/bin/x\0y\0z") - 1)));
}

static void test_rules(void **state)
{
    (void)state;
    assert_int_equal(load("[rule \"browsers\"]\n"
                          "identity = pkcs11:token=corp;object=alice\n"
                          "program = /usr/lib/firefox-esr/firefox-esr, \\\n"
                          "  /usr/lib/chromium/chromium\n"
                          "sign = tls, digest\n"
                          "consent = session\n"),
        0);
    assert_string_equal(config->policy.rules[0].name, "browsers");
    assert_int_equal(config->policy.rules[0].line, 2);
    assert_int_equal(config->policy.rules[0].programs.n, 2);
    assert_string_equal(config->policy.rules[0].programs.items[1], "/usr/lib/chromium/chromium");
}

static void test_later_files_change_earlier_ones(void **state)
{
    (void)state;
    put("b.conf", "[agent]\nprompt = never\n[module \"m\"]\ninit-args = x\n");
    put("c.txt", "nonsense\n");
    put(".d.conf", "nonsense\n");
    put("a.conf", "[agent]\nprompt = auto\nprompt-timeout = 7\n[module \"m\"]\npath = /m.so\n");
    assert_int_equal(load_path(folder), 0);
    assert_false(config->prompt);
    assert_int_equal(config->prompt_timeout, 7);
    assert_int_equal(config->n_modules, 1);
    assert_string_equal(config->modules[0].path, "/m.so");
    assert_string_equal(config->modules[0].init_args, "x");
}

static void test_mistakes_are_named_with_file_and_line(void **state)
{
    (void)state;
    assert_wrong("[agent]\nprompt = perhaps\n", 2, "auto or never");
    assert_wrong("[agent]\nchoose = first\n", 2, "ask or latest");
    assert_wrong("[agent]\n\nprompt-timeout = 0\n", 3, "seconds");
    assert_wrong("[agent]\nprompt-timeout = 9x\n", 2, "seconds");
    assert_wrong("[agent]\nmodule-timeout = none\n", 2, "from 1s to 1h");
    assert_wrong("[agent]\nmodule-timeout = 999ms\n", 2, "from 1s to 1h");
    assert_wrong("[agent]\npinentry = pinentry\n", 2, "absolute path");
    assert_wrong("[agent]\ncolour = red\n", 2, "no such setting");
    assert_wrong("prompt = auto\n", 1, "'prompt' stands before any section: begin it with [agent]");
    assert_wrong("[nonsense]\nx = 1\n", 2, "no such section");
    assert_wrong("[module]\npath = /x\n", 2, "no such section");
    assert_wrong("[module \"x\"]\nlibrary = /x\n", 2, "no such setting");
    assert_wrong("[module \"x\"]\npath = x.so\n", 2, "absolute path");
    assert_wrong("[module \"x\"]\ninit-args = 1\n", 2, "has no path");
    assert_wrong("[token \"x\"]\npin-command = cat /pin\n", 2, "absolute path");
    assert_wrong("[token \"x\"]\npin-command = /bin/cat '/pin\n", 2, "quote");
    assert_wrong("[token \"x\"]\npin-credential = ../pin\n", 2, "CREDENTIALS_DIRECTORY");
    assert_wrong("[token \"x\"]\npin = 1234\n", 2, "no such setting");
    assert_wrong("[host \"x\"]\nkey = alice\n", 2, "no such setting");
    assert_wrong("[host \"https://x/\"]\nidentity = alice\n", 2, "a server's name");
    assert_wrong("[host \"x\"]\nidentity =\n", 2, "or none");
    assert_wrong("[host \"x\"]\nidentity = pkcs11:object=%zz\n", 2, "");
    assert_wrong("[agent]\nprompt\n", 2, "name = value");
    assert_wrong("[agent\nprompt = auto\n", 1, "closing bracket");
    assert_wrong("[agent]\nprompt = \xff\n", 2, "UTF-8");
    assert_wrong("[agent]\nprompt = a\x1b[1m\n", 2, "control characters");
    assert_wrong("[agent]\npinentry = /x \\\n/y\n", 3, "goes on");
    assert_wrong("[rule \"x\"]\n\nsign = everything\n", 3, "tls, csr, digest, data, or none");
    assert_wrong("[rule \"x\"]\nprogram = /x\n", 2, "does not say what may be signed");
    assert_wrong("[rule \"x\"]\nsign = tls\n[rule \"y\"]\n[agent]\n", 3, "no setting in [rule");
    assert_wrong("[rule \"x\"]\n; sign = tls\n", 1, "no setting in [rule");
    assert_wrong("[token \"x\"]\n", 1, "no setting in [token");
    assert_wrong("\n[nonsense]\n", 2, "no setting in [nonsense]");
    assert_wrong("[rule \"x\"]\nsign = tls\nfinal = yes\n", 3, "administrator");
}

static void test_a_line_that_is_too_long(void **state)
{
    char text[1024] = "[agent]\npinentry = /";

    (void)state;
    memset(text + strlen(text), 'x', 600);
    assert_wrong(text, 2, "backslash");
}

static void test_a_file_that_others_may_write(void **state)
{
    const char *path = put("a.conf", "");

    (void)state;
    chmod(path, 0666);
    assert_int_equal(load_path(path), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "chmod o-w"));
}

static void test_a_file_of_another_user(void **state)
{
    const char *path = put("a.conf", "");

    (void)state;
    if (chown(path, 65534, 65534) < 0)
        skip(); /* only root can give a file away */
    assert_int_equal(load_path(path), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "belongs to another user"));
}

/* Nobody writes to the pipe: reading it would take for ever. */
static void test_what_is_no_file(void **state)
{
    char path[128];

    (void)state;
    put("a.conf", "");
    snprintf(path, sizeof(path), "%s/b.conf", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load_path(folder), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "b.conf is no file: move it away"));
}

/* What comes behind is no less meant. */
static void test_a_file_that_cannot_be_read_to_its_end(void **state)
{
    (void)state;
    assert_int_equal(load_path("/proc/self/mem"), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "/proc/self/mem:1: "));
}

static void test_a_zero_in_a_line(void **state)
{
    static const char text[] = "[agent]\nprompt = never\0 or auto\n";
    const char *path = put("a.conf", "");
    FILE *file = fopen(path, "we");

    (void)state;
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, sizeof(text) - 1, file), sizeof(text) - 1);
    fclose(file);
    assert_int_equal(load_path(path), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "a.conf:2: "));
}

static void test_a_file_that_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(load_path("/nonexistent/a.conf"), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "/nonexistent/a.conf"));
}

static void assert_allows(bool allowed)
{
    static const enum cs_proof_kind kinds[] = {
        CS_PROOF_TLS13_CLIENT, CS_PROOF_TLS12_CLIENT, CS_PROOF_CSR, CS_PROOF_DIGEST};
    const struct cs_program curl = {.path = "/usr/bin/curl"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct cs_policy_facts facts = {
            .program = &curl, .proof = kinds[i], .host = "example.com"};

        assert_int_equal(
            cs_policy_decide(&config->policy, &facts).verdict != CS_VERDICT_DENY, allowed);
    }
}

static uint64_t milliseconds(void)
{
    return uv_hrtime() / 1000000;
}

static unsigned n_changes;

static void on_changed(void *user)
{
    assert_ptr_equal(user, config);
    n_changes++;
}

/* A rulebook on a loop of its own. */
struct watching {
    struct cs_audit audit;
    struct cs_rulebook rulebook;
    uv_loop_t loop;
};

static void watch(struct watching *watching, const struct cs_places *places, const char *error)
{
    struct cs_rulebook *rulebook = &watching->rulebook;

    cs_audit_init(&watching->audit);
    cs_rulebook_init(rulebook, config, places, error);
    rulebook->audit = &watching->audit;
    rulebook->changed = on_changed;
    rulebook->user = config;
    assert_int_equal(uv_loop_init(&watching->loop), 0);
    cs_rulebook_watch(rulebook, &watching->loop);
}

static void unwatch(struct watching *watching)
{
    cs_rulebook_stop(&watching->rulebook);
    uv_run(&watching->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&watching->loop), 0);
    cs_audit_deinit(&watching->audit);
}

static void test_where_the_users_directory_is(void **state)
{
    static const struct {
        const char *config, *home, *user;
    } rows[] = {
        {"/c", "/home/you", "/c/countersign"},
        {"", "/home/you", "/home/you/.config/countersign"},
        {"c", "/home/you", "/home/you/.config/countersign"}, /* of wherever it was started in */
        {"c", "x", ""},
    };
    struct cs_places places;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        setenv("XDG_CONFIG_HOME", rows[i].config, 1);
        setenv("HOME", rows[i].home, 1);
        cs_places_find(&places, NULL, NULL);
        assert_string_equal(places.user, rows[i].user);
    }
}

/* Only what begins with a '/' can be watched. */
static void test_what_the_command_line_names_is_told_from_the_root(void **state)
{
    struct cs_places places;
    char here[PATH_MAX], expected[PATH_MAX + 16];

    (void)state;
    assert_non_null(getcwd(here, sizeof(here)));
    cs_places_find(&places, "etc", "own.conf");
    snprintf(expected, sizeof(expected), "%s/own.conf", here);
    assert_string_equal(places.user, expected);
    snprintf(expected, sizeof(expected), "%s/etc", here);
    assert_string_equal(places.system, expected);
    cs_places_find(&places, "/etc/x", "/y");
    assert_string_equal(places.user, "/y");
    assert_string_equal(places.system, "/etc/x");
}

static void test_without_a_configuration_all_is_denied(void **state)
{
    struct watching watching;
    struct cs_rulebook *rulebook = &watching.rulebook;
    struct cs_places places;
    uint64_t before;
    int r;

    (void)state;
    n_changes = 0;
    cs_places_find(&places, NULL, put("a.conf", "[agent]\nprompt = perhaps\n"));
    assert_int_equal(cs_config_load(&places, &config, &fault), CS_ERR_CONFIG);
    assert_int_equal(cs_config_new_denying(&config), 0);
    watch(&watching, &places, fault.text);
    assert_int_equal(cs_rulebook_need(rulebook), CS_ERR_CONFIG);
    assert_string_equal(rulebook->error, fault.text);
    assert_int_equal(rulebook->loaded, 0);
    assert_allows(false);

    /* A right rule beside a mistake is none. */
    put("a.conf", "[rule \"r\"]\nsign = tls, csr, digest\n[agent]\nprompt = perhaps\n");
    assert_int_equal(cs_rulebook_need(rulebook), CS_ERR_CONFIG);
    assert_non_null(strstr(rulebook->error, "a.conf:4: "));
    assert_int_equal(n_changes, 1);
    assert_allows(false);

    before = milliseconds();
    put("a.conf", "[module \"m\"]\npath = /m.so\n[rule \"r\"]\nsign = tls, csr, digest\n");
    r = cs_rulebook_need(rulebook); /* it may be half of what is being written */
    assert_true(r == CS_ERR_CONFIG || milliseconds() - before >= CS_PLACES_SETTLED);
    while (rulebook->lacking)
        uv_run(&watching.loop, UV_RUN_ONCE);
    assert_int_equal(cs_rulebook_need(rulebook), 0);
    assert_int_equal(n_changes, 2);
    assert_string_equal(rulebook->error, "");
    assert_int_not_equal(rulebook->loaded, 0);
    assert_allows(true);
    assert_int_equal(config->n_modules, 1);
    assert_true(config->session.lock_on_sleep);

    /* From then on a mistake changes nothing, and the files are not read for each request. */
    put("a.conf", "[rule \"r\"]\nsign = perhaps\n");
    assert_int_equal(cs_rulebook_need(rulebook), 0);
    assert_string_equal(rulebook->error, "");
    cs_rulebook_reload(rulebook);
    assert_non_null(strstr(rulebook->error, "a.conf:2: "));
    assert_int_equal(cs_rulebook_need(rulebook), 0);
    assert_allows(true);
    assert_int_equal(n_changes, 2);
    unwatch(&watching);
}

static int count(void *user, const struct cs_setting *at, struct cs_fault *unused)
{
    (void)at;
    (void)unused;
    ++*(int *)user;
    return 0;
}

/* A machine may be slow: what took long says nothing of what is fresh. */
static void assert_unsettled(const char *directory, void (*change)(void))
{
    struct cs_places places = {0};
    uint64_t before;
    bool quick = false;
    int n = 0, r;

    snprintf(places.user, sizeof(places.user), "%s", directory);
    while (!quick) {
        before = milliseconds();
        change();
        places.settled = false;
        assert_int_equal(cs_places_read_user(&places, count, &n, NULL), 0);
        places.settled = true;
        r = cs_places_read_user(&places, count, &n, NULL);
        quick = milliseconds() - before < CS_PLACES_SETTLED;
        assert_true(r == CS_ERR_BUSY || (r == 0 && !quick));
    }
}

static void write_file(void)
{
    put("a.conf", "[agent]\nprompt = never\n");
}

static void remove_file(void)
{
    unlink(put("a.conf", ""));
}

static void remove_folder(void)
{
    const char *path = path_of("inner");

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(rmdir(path), 0);
}

static void test_what_has_just_changed_has_not_settled(void **state)
{
    (void)state;
    assert_unsettled(folder, write_file);
    assert_unsettled(folder, remove_file);
    assert_unsettled(path_of("inner"), remove_folder);
}

static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("the change was not noticed");
}

static void expect_rule(uv_loop_t *loop, const char *name)
{
    uv_timer_t patience;

    uv_timer_init(loop, &patience);
    uv_timer_start(&patience, on_patience, 20000, 0);
    while (strcmp(config->policy.rules[0].name, name) != 0)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

/* File systems give the number of what was removed to what is made next. */
static void test_a_directory_that_was_made_anew_is_watched(void **state)
{
    struct watching watching;
    struct cs_places places = {0};

    (void)state;
    snprintf(places.user, sizeof(places.user), "%s/inner", folder);
    assert_int_equal(mkdir(places.user, 0700), 0);
    put("inner/a.conf", "[rule \"one\"]\nsign = tls\n");
    assert_int_equal(cs_config_load(&places, &config, &fault), 0);
    watch(&watching, &places, NULL);

    unlink(path_of("inner/a.conf"));
    rmdir(places.user);
    assert_int_equal(mkdir(places.user, 0700), 0);
    put("inner/a.conf", "[rule \"two\"]\nsign = tls\n");
    expect_rule(&watching.loop, "two");
    put("inner/a.conf", "[rule \"three\"]\nsign = tls\n");
    expect_rule(&watching.loop, "three");

    unlink(path_of("inner/a.conf"));
    rmdir(places.user);
    unwatch(&watching);
}

static void test_what_is_named_may_become_a_directory(void **state)
{
    struct watching watching;
    struct cs_places places;

    (void)state;
    cs_places_find(&places, NULL, path_of("inner"));
    assert_int_equal(cs_config_load(&places, &config, &fault), CS_ERR_CONFIG);
    assert_int_equal(cs_config_new_denying(&config), 0);
    watch(&watching, &places, fault.text);

    assert_int_equal(mkdir(places.user, 0700), 0);
    put("inner/a.conf", "[rule \"one\"]\nsign = tls\n");
    expect_rule(&watching.loop, "one");
    put("inner/a.conf", "[rule \"two\"]\nsign = tls\n");
    expect_rule(&watching.loop, "two");
    unlink(path_of("inner/a.conf"));
    rmdir(places.user);
    put("inner", "[rule \"three\"]\nsign = tls\n");
    expect_rule(&watching.loop, "three");

    unlink(places.user);
    unwatch(&watching);
}

static void test_what_a_token_host_is_told(void **state)
{
    struct cs_buf buf = CS_BUF_INIT(CS_FRAME_MAX);
    struct cs_host_configure m;
    struct cs_frame frame;
    size_t size;

    (void)state;
    assert_int_equal(
        load("[agent]\nprompt-timeout = 9\npinentry = /p\n[token \"t\"]\npin-command = /c\n"), 0);
    assert_int_equal(cs_config_put(config, "/prompt", &buf), 0);
    assert_int_equal(cs_frame_parse(cs_buf_bytes(&buf), &frame, &size), 1);
    assert_int_equal(cs_host_configure_get(frame.body, &m), 0);
    assert_true(cs_bytes_equal(m.prompt_program, cs_bytes_of("/prompt")));
    assert_true(cs_bytes_equal(m.pinentry, cs_bytes_of("/p")));
    assert_int_equal(m.prompt_timeout, 9);
    assert_int_equal(m.n_sources, 1);
    assert_true(cs_bytes_equal(m.sources[0].token, cs_bytes_of("t")));
    assert_true(cs_bytes_equal(m.sources[0].command, cs_bytes_of("/c")));
    config->prompt = false;
    cs_buf_reset(&buf);
    assert_int_equal(cs_config_put(config, "/prompt", &buf), 0);
    cs_frame_parse(cs_buf_bytes(&buf), &frame, &size);
    cs_host_configure_get(frame.body, &m);
    assert_int_equal(m.prompt_program.len, 0);
    cs_buf_deinit(&buf);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_said),
        TEST(test_everything_said),
        TEST(test_long_names_and_lines_that_go_on),
        TEST(test_rules),
        TEST(test_later_files_change_earlier_ones),
        TEST(test_mistakes_are_named_with_file_and_line),
        TEST(test_a_line_that_is_too_long),
        TEST(test_a_file_that_others_may_write),
        TEST(test_a_file_of_another_user),
        TEST(test_what_is_no_file),
        TEST(test_a_file_that_cannot_be_read_to_its_end),
        TEST(test_a_zero_in_a_line),
        TEST(test_a_file_that_is_not_there),
        TEST(test_where_the_users_directory_is),
        TEST(test_what_the_command_line_names_is_told_from_the_root),
        TEST(test_without_a_configuration_all_is_denied),
        TEST(test_what_has_just_changed_has_not_settled),
        TEST(test_a_directory_that_was_made_anew_is_watched),
        TEST(test_what_is_named_may_become_a_directory),
        TEST(test_what_a_token_host_is_told),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
