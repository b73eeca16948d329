/* SPDX-License-Identifier: Apache-2.0 */
/* Logins: where the PIN comes from, that a wrong one is sent once, and who waits for whom. */
#include "rig.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMAND(argv)                                                                              \
    {                                                                                              \
        (const uint8_t *)(argv), sizeof(argv) - 1                                                  \
    }

static void remove_file(const char *name)
{
    unlink(rig_path(name));
}

static size_t logins(void)
{
    return control_count("C_Login", NULL);
}

static struct host_token *start(struct host *host, const struct cs_host_configure *configure)
{
    setenv("FOLDER", softhsm_folder(), 1);
    control_clear();
    return rig_start(host, CORP "\nslot 1 token=home", configure);
}

/* One source for all tokens. */
static struct cs_host_configure source(struct cs_bytes command, const char *credential)
{
    return (struct cs_host_configure){.n_sources = 1,
        .sources = {{.command = command, .credential = cs_bytes_of(credential ? credential : "")}}};
}

static void test_wrong_pin_is_sent_once(void **state)
{
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, NULL);
    answer = host_login(&host, token, "0000");
    assert_int_equal(answer.code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(answer.ckr, 0xa0);
    assert_true(token->flags & CS_TOKEN_PIN_COUNT_LOW);
    assert_int_equal(logins(), 1);
    answer = host_login(&host, token, "0000");
    assert_int_equal(answer.code, CS_ERR_PIN_INCORRECT);
    assert_non_null(strstr(answer.text, "not sent again"));
    assert_int_equal(logins(), 1);
    assert_int_equal(host_login(&host, token, "1111").code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(logins(), 2);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_false(token->flags & CS_TOKEN_PIN_COUNT_LOW);
    assert_int_equal(logins(), 3);
    /* Unlocked is unlocked: nothing more is sent. */
    assert_int_equal(host_login(&host, token, "2222").type, CS_HOST_DONE);
    assert_int_equal(logins(), 3);
    assert_int_equal(host_stop(&host), 0);
}

static void test_odd_pins_come_as_errors(void **state)
{
    char long_pin[400];
    struct host_token *token;
    struct host host;

    (void)state;
    memset(long_pin, '1', sizeof(long_pin) - 1);
    long_pin[sizeof(long_pin) - 1] = '\0';
    token = start(&host, NULL);
    assert_int_equal(host_login(&host, token, "").code, CS_ERR_LOCKED);
    assert_int_equal(host_login(&host, token, "\n").code, CS_ERR_LOCKED);
    assert_int_equal(host_login(&host, token, long_pin).code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(logins(), 0);
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN "\n").type, CS_HOST_DONE);
    assert_int_equal(host_stop(&host), 0);
}

static void test_pin_from_a_command(void **state)
{
    struct cs_host_configure configure =
        source((struct cs_bytes)COMMAND("printf\0%s\\n\0001234"), NULL);
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, &configure);
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).type, CS_HOST_SIGNED);
    assert_int_equal(host_stop(&host), 0);
}

static void test_commands_that_fail(void **state)
{
    static const struct cs_bytes commands[] = {COMMAND("false"), COMMAND("true"),
        COMMAND("/nonexistent/get-pin"), COMMAND("sh\0-c\0echo 1234; exit 3"),
        COMMAND("sh\0-c\0kill -9 $$")};
    static const char *const texts[] = {"false failed with status 1", "true gave no PIN",
        "get-pin does not start", "failed with status 3", "killed by signal 9"};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct cs_host_configure configure = source(commands[i], NULL);
        struct host_answer answer;
        struct host_token *token;
        struct host host;

        token = start(&host, &configure);
        answer = host_login_auto(&host, token, true);
        assert_int_equal(answer.code, CS_ERR_LOCKED);
        if (!strstr(answer.text, texts[i]))
            fail_msg("'%s' is not in '%s'", texts[i], answer.text);
        assert_int_equal(logins(), 0);
        assert_int_equal(host_stop(&host), 0);
    }
}

static void test_automatic_wrong_pin_is_sent_once(void **state)
{
    struct cs_host_configure configure = source((struct cs_bytes)COMMAND("echo\0004711"), NULL);
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, &configure);
    for (int i = 0; i < 3; i++) {
        answer = host_login_auto(&host, token, false);
        assert_int_equal(answer.code, CS_ERR_PIN_INCORRECT);
        assert_non_null(strstr(answer.text, "the command echo"));
        assert_null(strstr(answer.text, "4711"));
    }
    assert_int_equal(logins(), 1);
    assert_int_equal(host_stop(&host), 0);
}

static void write_credential(const char *name, const char *pin)
{
    rig_write(name, pin);
    setenv("CREDENTIALS_DIRECTORY", softhsm_folder(), 1);
}

static void test_pin_from_a_credential(void **state)
{
    struct cs_host_configure configure = source((struct cs_bytes){0}, "corp.pin");
    struct host_token *token;
    struct host host;
    char path[256];

    (void)state;
    write_credential("corp.pin", SOFTHSM_PIN "\n");
    token = start(&host, &configure);
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_int_equal(host_stop(&host), 0);
    /* A name is not a path, wherever it leads. */
    snprintf(path, sizeof(path), "..%s/corp.pin", strrchr(softhsm_folder(), '/'));
    assert_int_equal(access(rig_path(path), R_OK), 0);
    configure = source((struct cs_bytes){0}, path);
    token = start(&host, &configure);
    assert_int_equal(host_login_auto(&host, token, false).code, CS_ERR_LOCKED);
    assert_int_equal(host_stop(&host), 0);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_default_credential_needs_no_configuration(void **state)
{
    struct host_token *token;
    struct host host;

    (void)state;
    write_credential("countersign.pin", SOFTHSM_PIN);
    token = start(&host, NULL);
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_int_equal(host_stop(&host), 0);
    remove_file("countersign.pin");
    token = start(&host, NULL);
    assert_int_equal(host_login_auto(&host, token, false).code, CS_ERR_LOCKED);
    assert_int_equal(host_stop(&host), 0);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_sources_are_for_their_tokens(void **state)
{
    static const char *const others[] = {"corp2", "cor", "pkcs11:token=other",
        "pkcs11:token=corp;serial=0", "pkcs11:this is no URI", " "};
    static const char *const ours[] = {
        "corp", "pkcs11:token=corp", "pkcs11:model=SoftHSM%20v2", ""};
    struct host_token *token;
    struct host host;

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        const char *name = i < 6 ? others[i] : ours[i - 6];
        struct cs_host_configure configure = source((struct cs_bytes)COMMAND("echo\0001234"), NULL);

        configure.sources[0].token = cs_bytes_of(name);
        token = start(&host, &configure);
        assert_int_equal(host_login_auto(&host, token, true).code, i < 6 ? CS_ERR_LOCKED : 0);
        assert_int_equal(host_stop(&host), 0);
    }
}

/* PKCS#11 wants blanks there; some modules leave what memset left. */
static void test_texts_may_be_padded_with_nul(void **state)
{
    static const char *const names[] = {"corp", "pkcs11:token=corp", "7f", "pkcs11:serial=7f"};
    char script[256] = CORP "label=corp";
    struct host_token *token;
    struct host host;

    (void)state;
    for (size_t i = 4; i < 32; i++)
        strcat(script, "%00");
    strcat(script, " serial-number=7f%00");
    control_clear();
    for (size_t i = 0; i < 4; i++) {
        struct cs_host_configure configure = source((struct cs_bytes)COMMAND("echo\0001234"), NULL);

        configure.sources[0].token = cs_bytes_of(names[i]);
        token = rig_start(&host, script, &configure);
        assert_string_equal(token->label, "corp");
        assert_int_equal(host_login_auto(&host, token, true).code, 0);
        assert_int_equal(host_stop(&host), 0);
    }
}

static void test_a_held_token_opens_only_for_a_person(void **state)
{
    struct cs_host_configure configure = source((struct cs_bytes)COMMAND("echo\0001234"), NULL);
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, &configure);
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_int_equal(host_logout(&host, token, true).type, CS_HOST_DONE);
    assert_true(token->flags & CS_TOKEN_HELD);
    assert_false(token->flags & CS_TOKEN_UNLOCKED);
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_LOCKED);
    assert_int_equal(host_login_auto(&host, token, false).code, CS_ERR_LOCKED);
    assert_int_equal(logins(), 1);
    assert_int_equal(host_login_auto(&host, token, true).type, CS_HOST_DONE);
    assert_false(token->flags & CS_TOKEN_HELD);
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).type, CS_HOST_SIGNED);
    assert_int_equal(host_stop(&host), 0);
}

/* A command that tells it has started and then waits for its PIN in a FIFO. */
#define WAITING "sh\0-c\0echo $$ >> $FOLDER/started; exec cat $FOLDER/fifo"

static void make_fifo(void)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/fifo", softhsm_folder());
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    remove_file("started");
}

static void write_fifo(const char *text)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/fifo", softhsm_folder());
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Waits until the command runs; returns its pid, or 0 if it ran more than once. */
static pid_t wait_started(void)
{
    char path[256], line[64] = "", more[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/started", softhsm_folder());
    for (int i = 0; i < 3000 && !strchr(line, '\n'); i++) {
        poll(NULL, 0, 10);
        file = fopen(path, "re");
        if (!file)
            continue;
        if (!fgets(line, sizeof(line), file))
            line[0] = '\0';
        if (fgets(more, sizeof(more), file))
            strcpy(line, "0\n");
        fclose(file);
    }
    assert_non_null(strchr(line, '\n'));
    return atoi(line);
}

static void test_logins_collapse_to_one(void **state)
{
    struct cs_host_configure configure = source((struct cs_bytes)COMMAND(WAITING), NULL);
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO};
    uint32_t ids[3], got[3];
    struct host host;

    (void)state;
    make_fifo();
    m.slot = start(&host, &configure)->slot;
    for (int i = 0; i < 3; i++)
        ids[i] = host_ask_login(&host, &m, -1);
    assert_true(wait_started() > 0);
    /* Who cancels does not spoil it for the others. */
    host_cancel(&host, ids[1]);
    assert_int_equal(host_next_answer(&host, &got[0]).code, CS_ERR_CANCELLED);
    assert_int_equal(got[0], ids[1]);
    write_fifo(SOFTHSM_PIN);
    assert_int_equal(host_next_answer(&host, &got[1]).type, CS_HOST_DONE);
    assert_int_equal(host_next_answer(&host, &got[2]).type, CS_HOST_DONE);
    assert_int_equal(got[1] + got[2], ids[0] + ids[2]);
    assert_int_equal(logins(), 1);
    assert_true(wait_started() > 0);
    assert_int_equal(host_stop(&host), 0);
}

/* The process is gone, or a zombie of somebody else's. */
static void assert_ends(pid_t pid)
{
    for (int i = 0; i < 1000; i++) {
        if (kill(pid, 0) < 0 && errno == ESRCH)
            return;
        poll(NULL, 0, 10);
    }
    fail_msg("process %d is left behind", (int)pid);
}

static void test_a_pin_by_descriptor_need_not_wait(void **state)
{
    struct cs_host_configure configure = source((struct cs_bytes)COMMAND(WAITING), NULL);
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO};
    uint32_t first, second, got[2];
    struct host_token *token;
    struct host host;
    pid_t pid;

    (void)state;
    make_fifo();
    token = start(&host, &configure);
    m.slot = token->slot;
    first = host_ask_login(&host, &m, -1);
    pid = wait_started();
    m.how = CS_HOST_LOGIN_FD;
    second = host_ask_login(&host, &m, host_pin_fd(SOFTHSM_PIN));
    for (int i = 0; i < 2; i++)
        assert_int_equal(host_next_answer(&host, &got[i]).type, CS_HOST_DONE);
    assert_int_equal(got[0] + got[1], first + second);
    assert_ends(pid);
    assert_int_equal(logins(), 1);
    assert_int_equal(host_stop(&host), 0);
}

static void test_a_question_holds_nobody_up(void **state)
{
    struct cs_host_configure configure = source((struct cs_bytes)COMMAND(WAITING), NULL);
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO};
    struct host_token *other;
    struct host host;
    uint32_t id;

    (void)state;
    make_fifo();
    m.slot = start(&host, &configure)->slot;
    other = host_token(&host, "home");
    id = host_ask_login(&host, &m, -1);
    wait_started();
    assert_int_equal(host_login(&host, other, SOFTHSM_PIN).type, CS_HOST_DONE);
    for (int i = 0; i < 20; i++)
        assert_int_equal(verify_sign(&host, other, &rig_home_key, ID).type, CS_HOST_SIGNED);
    assert_int_equal(host_refresh(&host).type, CS_HOST_DONE);
    write_fifo(SOFTHSM_PIN);
    assert_int_equal(host_answer(&host, id).type, CS_HOST_DONE);
    assert_int_equal(host_stop(&host), 0);
}

static void test_cancel_lock_and_end_withdraw_the_question(void **state)
{
    struct cs_host_configure configure = source((struct cs_bytes)COMMAND(WAITING), NULL);
    struct cs_host_login_request m = {.how = CS_HOST_LOGIN_AUTO};
    struct host_token *token;
    struct host host;
    uint32_t id, got;
    pid_t pid;

    (void)state;
    make_fifo();
    token = start(&host, &configure);
    m.slot = token->slot;
    id = host_ask_login(&host, &m, -1);
    pid = wait_started();
    host_cancel(&host, id);
    assert_int_equal(host_answer(&host, id).code, CS_ERR_CANCELLED);
    assert_ends(pid);

    remove_file("started");
    id = host_ask_login(&host, &m, -1);
    pid = wait_started();
    /* Signing elsewhere, and even here, goes on meanwhile. */
    assert_int_equal(verify_sign(&host, token, &rig_key, ID).code, CS_ERR_LOCKED);
    {
        struct cs_host_logout_request out = {.slot = token->slot, .hold = 1};
        int codes = 0;

        host_ask_logout(&host, &out);
        for (int i = 0; i < 2; i++)
            codes += host_next_answer(&host, &got).code;
        assert_int_equal(codes, CS_ERR_CANCELLED);
    }
    assert_ends(pid);

    remove_file("started");
    m.on_request = 1;
    host_ask_login(&host, &m, -1);
    pid = wait_started();
    assert_int_equal(host_stop(&host), 0);
    assert_ends(pid);
    assert_int_equal(logins(), 0);
}

/* A countersign-prompt of the test's own: reads the request, answers as prompt.h says. */
static struct cs_host_configure prompt(const char *answer)
{
    static char path[256];
    char script[512];

    snprintf(path, sizeof(path), "%s/prompt", softhsm_folder());
    snprintf(script, sizeof(script), "#!/bin/sh\ncat > %s/request\necho >> %s/asked\nprintf '%s'\n",
        softhsm_folder(), softhsm_folder(), answer);
    rig_write("prompt", script);
    assert_int_equal(chmod(path, 0700), 0);
    remove_file("asked");
    return (struct cs_host_configure){.prompt_program = cs_bytes_of(path), .prompt_timeout = 30};
}

static void test_pin_from_a_person(void **state)
{
    struct cs_host_configure configure = prompt("\\0001234");
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, &configure);
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_int_equal(host_logout(&host, token, true).type, CS_HOST_DONE);
    /* A person may be asked even when the token is held. */
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_false(token->flags & CS_TOKEN_HELD);
    assert_int_equal(host_stop(&host), 0);

    configure = prompt("\\001");
    token = start(&host, &configure);
    assert_int_equal(host_login_auto(&host, token, false).code, CS_ERR_CANCELLED);
    assert_int_equal(host_stop(&host), 0);

    configure = prompt("\\0009999");
    token = start(&host, &configure);
    assert_int_equal(host_login_auto(&host, token, false).code, CS_ERR_PIN_INCORRECT);
    assert_int_equal(logins(), 1);
    assert_int_equal(host_stop(&host), 0);
}

static void test_a_person_is_asked_when_the_source_fails(void **state)
{
    struct cs_host_configure configure = prompt("\\0001234");
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    configure.n_sources = 1;
    configure.sources[0].command = (struct cs_bytes)COMMAND("false");
    token = start(&host, &configure);
    assert_int_equal(host_login_auto(&host, token, false).type, CS_HOST_DONE);
    assert_int_equal(host_stop(&host), 0);

    /* Nobody there: then the source's failure is the better sentence. */
    configure = prompt("\\004");
    configure.n_sources = 1;
    configure.sources[0].command = (struct cs_bytes)COMMAND("false");
    token = start(&host, &configure);
    answer = host_login_auto(&host, token, false);
    assert_int_equal(answer.code, CS_ERR_LOCKED);
    assert_non_null(strstr(answer.text, "false failed"));
    assert_int_equal(host_stop(&host), 0);
}

static void test_with_nobody_to_ask_it_says_so(void **state)
{
    struct host_answer answer;
    struct host_token *token;
    struct host host;

    (void)state;
    token = start(&host, NULL);
    answer = host_login_auto(&host, token, true);
    assert_int_equal(answer.code, CS_ERR_LOCKED);
    assert_non_null(strstr(answer.text, "'corp'"));
    assert_non_null(strstr(answer.text, "countersign unlock"));
    assert_int_equal(host_stop(&host), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_pin_is_sent_once),
        TEST(odd_pins_come_as_errors),
        TEST(pin_from_a_command),
        TEST(commands_that_fail),
        TEST(automatic_wrong_pin_is_sent_once),
        TEST(pin_from_a_credential),
        TEST(default_credential_needs_no_configuration),
        TEST(sources_are_for_their_tokens),
        TEST(texts_may_be_padded_with_nul),
        TEST(a_held_token_opens_only_for_a_person),
        TEST(logins_collapse_to_one),
        TEST(a_pin_by_descriptor_need_not_wait),
        TEST(a_question_holds_nobody_up),
        TEST(cancel_lock_and_end_withdraw_the_question),
        TEST(pin_from_a_person),
        TEST(a_person_is_asked_when_the_source_fails),
        TEST(with_nobody_to_ask_it_says_so),
    };

    unsetenv("CREDENTIALS_DIRECTORY");
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
