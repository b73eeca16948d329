/* SPDX-License-Identifier: Apache-2.0 */
/* How a token host begins and ends, and what it does with messages that are none. */
#include "host.h"
#include "softhsm.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_up(void **state)
{
    (void)state;
    softhsm_begin();
    softhsm_add_token("life", NULL, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_end();
    return 0;
}

static void test_it_ends_with_the_agent(void **state)
{
    struct host host;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    assert_true(host.ready);
    assert_int_equal(host_stop(&host), 0);
    /* Before it was even configured. */
    host_spawn(&host, SOFTHSM_MODULE, NULL);
    assert_int_equal(host_stop(&host), 0);
}

static void assert_does_not_load(const char *module, const char *text)
{
    struct host_answer answer;
    struct host host;
    int status;

    host_spawn(&host, module, NULL);
    answer = host_first_answer(&host);
    assert_int_equal(answer.type, CS_HOST_FAILED);
    assert_int_equal(answer.code, CS_ERR_MODULE_FAILED);
    if (!strstr(answer.text, text))
        fail_msg("'%s' is not in '%s'", text, answer.text);
    status = host_wait_end(&host);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void test_a_module_that_does_not_load_says_why(void **state)
{
    (void)state;
    assert_does_not_load("/nonexistent/module.so", "/nonexistent/module.so");
    assert_does_not_load("libc.so.6", "is not a PKCS#11 module");
    setenv("SOFTHSM2_CONF", "/nonexistent/softhsm2.conf", 1);
    assert_does_not_load(SOFTHSM_MODULE, "does not start");
}

/* The line of /proc/PID/status that begins with name. */
static void read_status(pid_t pid, const char *name, char *value, size_t size)
{
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    value[0] = '\0';
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            snprintf(value, size, "%s", line + strlen(name));
    fclose(file);
}

static void test_it_is_hardened(void **state)
{
    char value[256];
    struct host host;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    read_status(host.pid, "NoNewPrivs:", value, sizeof(value));
    assert_string_equal(value, "\t1\n");
    assert_int_equal(host_stop(&host), 0);
}

static void test_nonsense_ends_the_request_or_the_link(void **state)
{
    static const uint8_t broken[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
    struct host host;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    /* Bodies that are empty, and a type that is none. */
    assert_int_equal(host_answer(&host, host_ask(&host, CS_HOST_SIGN)).code, CS_ERR_PROTOCOL);
    assert_int_equal(host_answer(&host, host_ask(&host, CS_HOST_LOGIN)).code, CS_ERR_PROTOCOL);
    assert_int_equal(host_answer(&host, host_ask(&host, CS_HOST_LOGOUT)).code, CS_ERR_PROTOCOL);
    assert_int_equal(host_answer(&host, host_ask(&host, 0x7777)).code, CS_ERR_UNSUPPORTED);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    /* Frames that cannot be told from one another. */
    assert_int_equal(send(host.fd, broken, sizeof(broken), MSG_NOSIGNAL), sizeof(broken));
    assert_int_equal(host_wait_end(&host), 0);
}

/* The agent tells by it that a token was locked between two looks. */
static void test_each_login_has_a_time_of_its_own(void **state)
{
    struct host_token *token;
    struct host host;
    uint64_t last = 0;

    (void)state;
    host_start(&host, SOFTHSM_MODULE, NULL);
    token = host_token(&host, "life");
    assert_non_null(token);
    assert_int_equal(token->since, 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
        assert_true(token->since > last);
        last = token->since;
        assert_int_equal(host_logout(&host, token, false).type, CS_HOST_DONE);
        assert_true(token->since > last);
        last = token->since;
    }
    assert_int_equal(host_stop(&host), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends_with_the_agent),
        cmocka_unit_test(test_it_is_hardened),
        cmocka_unit_test(test_each_login_has_a_time_of_its_own),
        cmocka_unit_test(test_nonsense_ends_the_request_or_the_link),
        cmocka_unit_test(test_a_module_that_does_not_load_says_why),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
