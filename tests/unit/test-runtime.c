/* SPDX-License-Identifier: Apache-2.0 */
/* base/runtime: everybody comes to the same socket, and nobody to a relative one. */
#include "base/runtime.h"
#include "base/message.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static int path_with(const char *socket, const char *runtime, char *path, size_t size)
{
    set("COUNTERSIGN_SOCKET", socket);
    set("XDG_RUNTIME_DIR", runtime);
    return cs_runtime_socket_path(path, size);
}

static void test_the_order_of_places(void **state)
{
    char path[200], expected[200];

    (void)state;
    assert_int_equal(path_with("/a/socket", "/run/x", path, sizeof(path)), 0);
    assert_string_equal(path, "/a/socket");
    assert_int_equal(path_with(NULL, "/run/x", path, sizeof(path)), 0);
    assert_string_equal(path, "/run/x/countersign/agent.sock");
    assert_int_equal(path_with("", "/run/x", path, sizeof(path)), 0);
    assert_string_equal(path, "/run/x/countersign/agent.sock");
    snprintf(expected, sizeof(expected), "/run/user/%u/countersign/agent.sock", (unsigned)getuid());
    assert_int_equal(path_with(NULL, NULL, path, sizeof(path)), 0);
    assert_string_equal(path, expected);
    assert_int_equal(path_with("", "", path, sizeof(path)), 0);
    assert_string_equal(path, expected);
}

static void test_a_relative_path_is_invalid(void **state)
{
    char path[200];

    (void)state;
    assert_int_equal(path_with("agent.sock", NULL, path, sizeof(path)), CS_ERR_INVALID);
    assert_int_equal(path_with(NULL, "run", path, sizeof(path)), CS_ERR_INVALID);
}

static void test_where_the_record_is(void **state)
{
    static const struct {
        const char *state, *home, *path;
    } rows[] = {
        {"/s", "/home/you", "/s/countersign/audit.jsonl"},
        {"", "/home/you", "/home/you/.local/state/countersign/audit.jsonl"},
        {"s", "/home/you", "/home/you/.local/state/countersign/audit.jsonl"},
    };
    char path[200];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set("XDG_STATE_HOME", rows[i].state);
        set("HOME", rows[i].home);
        assert_int_equal(cs_runtime_audit_path(path, sizeof(path)), 0);
        assert_string_equal(path, rows[i].path);
    }
    set("HOME", "x");
    assert_int_equal(cs_runtime_audit_path(path, sizeof(path)), CS_ERR_INVALID);
    set("XDG_STATE_HOME", "/s");
    assert_int_equal(cs_runtime_audit_path(path, 10), CS_ERR_TOO_LARGE);
}

static void test_what_is_wrong_is_named(void **state)
{
    struct cs_fault fault = {0};
    char path[200];
    int r;

    (void)state;
    r = path_with(NULL, "run", path, sizeof(path));
    assert_int_equal(cs_runtime_refuse_socket_path(r, &fault), CS_ERR_INVALID);
    assert_non_null(strstr(fault.text, "XDG_RUNTIME_DIR is no absolute path: correct it"));
    r = path_with("/a/socket", "run", path, 4);
    assert_int_equal(cs_runtime_refuse_socket_path(r, &fault), CS_ERR_TOO_LARGE);
    assert_non_null(strstr(fault.text, "COUNTERSIGN_SOCKET is too long"));
}

static void test_a_folder_that_cannot_be_made_is_told(void **state)
{
    char folder[] = "/tmp/cs-test-runtime-XXXXXX", path[64];
    bool root = geteuid() == 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a/b/file", folder);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_true(!root || seteuid(65534) == 0);
    assert_int_equal(cs_runtime_create(path, O_WRONLY | O_CLOEXEC), -1);
    assert_int_equal(errno, EACCES);
    assert_true(!root || seteuid(0) == 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_a_file_is_made_for_its_owner_alone(void **state)
{
    char folder[] = "/tmp/cs-test-runtime-XXXXXX", below[64], path[64];
    mode_t mask = umask(0);

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(below, sizeof(below), "%s/below", folder);
    snprintf(path, sizeof(path), "%s/below/file", folder);
    for (int i = 0; i < 2; i++) { /* where there is no folder, and where there is one */
        struct stat st;
        int fd = cs_runtime_create(path, O_WRONLY | O_CLOEXEC);

        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        close(fd);
        assert_int_equal(stat(below, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(unlink(path), 0);
    }
    umask(mask);
    assert_int_equal(rmdir(below), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_a_path_must_fit_the_socket_address(void **state)
{
    const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    char given[300], path[300];

    (void)state;
    memset(given, 'x', sizeof(given));
    given[0] = '/';
    given[most] = '\0';
    assert_int_equal(path_with(given, NULL, path, sizeof(path)), 0);
    assert_string_equal(path, given);
    given[most] = 'x';
    given[most + 1] = '\0';
    assert_int_equal(path_with(given, NULL, path, sizeof(path)), CS_ERR_TOO_LARGE);
    assert_int_equal(path_with("/a/b/c", NULL, path, 6), CS_ERR_TOO_LARGE);
    assert_int_equal(path_with("/a/b/c", NULL, path, 7), 0);
}

static void test_the_variables_for_prompts_are_those_of_the_protocol_text(void **state)
{
    static char text[64 * 1024];
    char *line, *end;
    FILE *file = fopen(CS_SOURCE_ROOT "/include/countersign/PROTOCOL.md", "r");
    size_t n = 0, commas = 0;

    (void)state;
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    fclose(file);
    line = strstr(text, "variables for prompts: ");
    assert_non_null(line);
    end = strchr(line, ';');
    assert_non_null(end);
    *end = '\0';
    for (const char *c = line; *c; c++)
        commas += *c == ',';
    for (; cs_runtime_prompt_variables[n]; n++)
        assert_non_null(strstr(line, cs_runtime_prompt_variables[n]));
    assert_int_equal(n, commas + 1);
    assert_true(n > 0 && n <= CS_ENVIRONMENT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_order_of_places),
        cmocka_unit_test(test_a_relative_path_is_invalid),
        cmocka_unit_test(test_where_the_record_is),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_a_folder_that_cannot_be_made_is_told),
        cmocka_unit_test(test_a_file_is_made_for_its_owner_alone),
        cmocka_unit_test(test_a_path_must_fit_the_socket_address),
        cmocka_unit_test(test_the_variables_for_prompts_are_those_of_the_protocol_text),
    };

    return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
