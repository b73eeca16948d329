/* SPDX-License-Identifier: Apache-2.0 */
/* The token host and a person who enters wrong PINs: how often who is asked, and what is sent. */
#include "rig.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a script has noted that it ran. */
static size_t count_lines(const char *name)
{
    FILE *file = fopen(rig_path(name), "re");
    size_t n = 0;
    int c;

    while (file && (c = getc(file)) != EOF)
        n += c == '\n';
    if (file)
        fclose(file);
    return n;
}

/* A countersign-prompt of the test's own: the first question gets the first of these lines. Where
 * there is a pipe of that name, it answers when the test says go. */
static struct cs_host_configure person(const char *pins)
{
    static char program[512];
    char script[2048];

    unlink(rig_path("asked"));
    rig_write("pins", pins);
    snprintf(script, sizeof(script),
        "#!/bin/sh\ncd %s\ncat >/dev/null\necho >> asked\n[ ! -p go ] || read line < go\n"
        "printf '\\0'\n"
        "sed -n \"$(wc -l < asked)p\" pins | tr -d '\\n'\n",
        softhsm_folder());
    rig_write("prompt", script);
    snprintf(program, sizeof(program), "%s", rig_path("prompt"));
    assert_int_equal(chmod(program, 0700), 0);
    return (struct cs_host_configure){.prompt_program = cs_bytes_of(program), .prompt_timeout = 30};
}

static struct host_token *start(
    struct host *host, const char *script, const struct cs_host_configure *configure)
{
    struct host_token *token = rig_start(host, script, configure);

    control_clear();
    return token;
}

static size_t sent(void)
{
    return control_count("C_Login slot=0", NULL);
}

static struct host_answer insist(struct host *host, const struct host_token *token)
{
    const struct cs_host_login_request m = {
        .slot = token->slot, .how = CS_HOST_LOGIN_FORCE, .on_request = 1};

    return host_answer(host, host_ask_login(host, &m, -1));
}

static void test_three_times(void **state)
{
    struct cs_host_configure configure = person("0001\n0002\n0003\n" SOFTHSM_PIN "\n");
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, CORP "tries=9", &configure);
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(sent(), 3);
    assert_int_equal(count_lines("asked"), 3);
    rig_end(&host);
}

static void test_not_for_the_last_try_unless_they_insist(void **state)
{
    struct cs_host_configure configure = person("0001\n" SOFTHSM_PIN "\n");
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, CORP "tries=2", &configure);
    assert_int_equal(host_login_auto(&host, token, true).code, CS_ERR_PIN_INCORRECT);
    assert_true(token->flags & CS_TOKEN_PIN_FINAL_TRY);
    assert_int_equal(sent(), 1);
    assert_int_equal(count_lines("asked"), 1);
    assert_int_equal(insist(&host, token).type, CS_HOST_DONE);
    assert_int_equal(count_lines("asked"), 2);
    rig_end(&host);

    configure = person("0001\n" SOFTHSM_PIN "\n");
    control_forgive();
    token = start(&host, CORP "tries=2", &configure);
    assert_int_equal(insist(&host, token).type, CS_HOST_DONE);
    assert_int_equal(count_lines("asked"), 2);
    rig_end(&host);
}

/* Who insists has one that was refused sent again, once. */
static void test_what_was_refused_is_sent_again_by_force_alone(void **state)
{
    struct cs_host_configure configure = person("0001\n0001\n" SOFTHSM_PIN "\n");
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, CORP "tries=9", &configure);
    assert_int_equal(host_login(&host, token, "0001").code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(sent(), 1);
    assert_int_equal(insist(&host, token).type, CS_HOST_DONE);
    assert_int_equal(count_lines("asked"), 3);
    assert_int_equal(sent(), 3);
    rig_end(&host);
}

/* The source had its turn. */
static void test_a_source_is_not_tried_between_two_questions(void **state)
{
    struct cs_host_configure configure = person("0001\n" SOFTHSM_PIN "\n");
    char command[600];
    struct host_token *token;
    struct host host;

    (void)state;
    unlink(rig_path("ran"));
    configure.n_sources = 1;
    configure.sources[0].command =
        CS_BYTES(command, (size_t)snprintf(command, sizeof(command), "sh%c-c%cecho >> %s; false", 0,
                              0, rig_path("ran")));
    token = start(&host, CORP "tries=9", &configure);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_int_equal(count_lines("asked"), 2);
    assert_int_equal(count_lines("ran"), 1);
    rig_end(&host);
}

/* More than one login has room for. */
static void test_many_wait_for_one_answer(void **state)
{
    enum { N = 150 };
    struct cs_host_configure configure = person(SOFTHSM_PIN "\n");
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO, .on_request = 1};
    struct host_token *token;
    struct host host;
    uint32_t id;
    FILE *go;

    (void)state;
    assert_int_equal(mkfifo(rig_path("go"), 0600), 0);
    token = start(&host, CORP "tries=9", &configure);
    m.slot = token->slot;
    for (int i = 0; i < N; i++)
        host_ask_login(&host, &m, -1);
    go = fopen(rig_path("go"), "we"); /* when it is asked */
    assert_non_null(go);
    fclose(go);
    for (int i = 0; i < N; i++)
        assert_int_equal(host_next_answer(&host, &id).type, CS_HOST_DONE);
    assert_int_equal(sent(), 1);
    rig_end(&host);
    unlink(rig_path("go"));
}

static void test_many_that_were_refused_are_remembered(void **state)
{
    struct host_token *token;
    struct host host;
    char pin[5] = "0000";

    (void)state;
    token = start(&host, CORP "tries=99", NULL);
    for (int round = 0; round < 2; round++)
        for (pin[3] = '0'; pin[3] < '8'; pin[3]++)
            assert_int_equal(host_login(&host, token, pin).code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(sent(), 8);
    rig_end(&host);
}

/* Not what somebody meant to send, and it would cost a try. */
static void test_more_than_a_line_is_not_sent(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, CORP "tries=9", NULL);
    assert_int_equal(host_login(&host, token, "12\n34").code, CS_ERR_PIN_INCORRECT);
    for (int i = 0; i < 2; i++) {
        const struct cs_host_login_request m = {
            .slot = token->slot, .how = CS_HOST_LOGIN_FD, .on_request = 1};
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], i ? SOFTHSM_PIN "\0" : "\0" SOFTHSM_PIN, 5), 5);
        close(fds[1]);
        assert_int_equal(
            host_answer(&host, host_ask_login(&host, &m, fds[0])).code, CS_ERR_PIN_INCORRECT);
    }
    assert_int_equal(sent(), 0);
    rig_end(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(three_times),
        TEST(not_for_the_last_try_unless_they_insist),
        TEST(what_was_refused_is_sent_again_by_force_alone),
        TEST(a_source_is_not_tried_between_two_questions),
        TEST(many_wait_for_one_answer),
        TEST(many_that_were_refused_are_remembered),
        TEST(more_than_a_line_is_not_sent),
    };

    unsetenv("CREDENTIALS_DIRECTORY");
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
