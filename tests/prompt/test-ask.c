/* SPDX-License-Identifier: Apache-2.0 */
/* prompt/ask: with the real countersign-prompt and a scripted pinentry, and with prompts that lie.
 * COUNTERSIGN_TEST_PROMPT and COUNTERSIGN_TEST_PINENTRY name the two programs. */
#include "prompt/ask.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char dir[] = "/tmp/countersign-ask-XXXXXX";

struct question {
    char script[512]; /* for the pinentry: where its log goes, its greeting, its answers */
    struct cs_prompt_request request;
    struct cs_secret *pin;
    struct cs_fault fault;
};

static void question_init(struct question *q, const char *name, const char *answers)
{
    *q = (struct question){0};
    snprintf(q->script, sizeof(q->script), "%s/%s||%s", dir, name, answers);
    q->request.kind = CS_PROMPT_PIN;
    q->request.timeout = 20;
    q->request.token = cs_bytes_of("corp\n\xff");
    q->request.pinentry = cs_bytes_of(getenv("COUNTERSIGN_TEST_PINENTRY"));
    q->request.environment.n = 2;
    q->request.environment.entries[0].name = cs_bytes_of("DISPLAY");
    q->request.environment.entries[0].value = cs_bytes_of(":0");
    q->request.environment.entries[1].name = cs_bytes_of("PINENTRY_USER_DATA");
    q->request.environment.entries[1].value = cs_bytes_of(q->script);
    assert_int_equal(cs_secret_new(&q->pin), 0);
}

static int ask(struct question *q, const char *program, int cancel_fd)
{
    return cs_ask_pin(program ? program : getenv("COUNTERSIGN_TEST_PROMPT"), &q->request, cancel_fd,
        q->pin, &q->fault);
}

static void assert_no_pin(const struct question *q)
{
    for (size_t i = 0; i < CS_SECRET_MAX; i++)
        assert_int_equal(cs_secret_data(q->pin)[i], 0);
    assert_int_equal(cs_secret_len(q->pin), 0);
}

/* A prompt of a few words of shell; it drops its request. */
static int ask_liar(struct question *q, const char *script)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/liar", dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\ncat >/dev/null\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(path, 0755), 0);
    question_init(q, "unused", "");
    return ask(q, path, -1);
}

static int count_descriptors(void)
{
    DIR *fds = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(fds))
        n++;
    closedir(fds);
    return n;
}

static void test_the_pin_arrives(void **state)
{
    struct question q;
    int before = count_descriptors();

    (void)state;
    question_init(&q, "ok", "pin=123456");
    assert_int_equal(ask(&q, NULL, -1), 0);
    assert_int_equal(cs_secret_len(q.pin), 6);
    assert_string_equal(cs_secret_data(q.pin), "123456");
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    cs_secret_free(q.pin);
}

static void test_the_longest_pin_arrives(void **state)
{
    struct question q;
    char answer[4 + CS_SECRET_MAX + 1] = "pin=";

    (void)state;
    memset(answer + 4, '7', CS_SECRET_MAX);
    question_init(&q, "longest", answer);
    assert_int_equal(ask(&q, NULL, -1), 0);
    assert_int_equal(cs_secret_len(q.pin), CS_SECRET_MAX);
    assert_string_equal(cs_secret_data(q.pin), answer + 4);
    cs_secret_free(q.pin);
}

static void check_refusal(const char *answers, int code, const char *sentence)
{
    struct question q;

    question_init(&q, "refusal", answers);
    assert_int_equal(ask(&q, NULL, -1), code);
    assert_int_equal(q.fault.code, code);
    assert_non_null(strstr(q.fault.text, "corp??"));
    assert_non_null(strstr(q.fault.text, sentence));
    assert_no_pin(&q);
    cs_secret_free(q.pin);
}

static void test_each_refusal_has_its_code_and_sentence(void **state)
{
    (void)state;
    check_refusal("cancel", CS_ERR_CANCELLED, "cancelled");
    check_refusal("timeout", CS_ERR_TIMEOUT, "in time");
    check_refusal("exit=3", CS_ERR_LOCKED, getenv("COUNTERSIGN_TEST_PINENTRY"));
    check_refusal("pin=1234,exit=0", CS_ERR_LOCKED, getenv("COUNTERSIGN_TEST_PINENTRY"));
}

static void test_nowhere_to_ask_says_how_to_unlock(void **state)
{
    struct question q;

    (void)state;
    question_init(&q, "nowhere", "pin=1");
    q.request.environment.n = 0;
    assert_int_equal(ask(&q, NULL, -1), CS_ERR_LOCKED);
    assert_non_null(strstr(q.fault.text, "countersign unlock"));
    cs_secret_free(q.pin);
}

static bool exists(const char *name, char *content, size_t size)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "r");
    if (!file)
        return false;
    content[fread(content, 1, size - 1, file)] = '\0';
    fclose(file);
    return true;
}

/* Cancels as soon as the pinentry has been asked for the PIN; by a byte, or by closing the pipe. */
static void *cancel(void *arg)
{
    int fd = *(int *)arg;
    char log[8192];
    const struct timespec pause = {.tv_nsec = 5000000};

    while (!exists("hang", log, sizeof(log)) || !strstr(log, "GETPIN"))
        nanosleep(&pause, NULL);
    close(fd);
    return NULL;
}

static void test_cancelling_ends_prompt_and_pinentry(void **state)
{
    struct question q;
    pthread_t thread;
    char log[8192], path[64];
    int fds[2], pid;

    (void)state;
    question_init(&q, "hang", "hang");
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pthread_create(&thread, NULL, cancel, &fds[1]), 0);
    assert_int_equal(ask(&q, NULL, fds[0]), CS_ERR_CANCELLED);
    pthread_join(thread, NULL);
    close(fds[0]);
    assert_true(exists("hang", log, sizeof(log)));
    assert_int_equal(sscanf(log, "PID %d", &pid), 1);
    snprintf(path, sizeof(path), "/proc/%d", pid);
    assert_int_equal(access(path, F_OK), -1);
    cs_secret_free(q.pin);
}

static void *ask_in_thread(void *arg)
{
    struct question *q = arg;

    return (void *)(long)ask(q, NULL, -1);
}

static void test_threads_get_their_own_answers(void **state)
{
    struct question q[4];
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        char name[16], answer[32];

        snprintf(name, sizeof(name), "thread%d", i);
        snprintf(answer, sizeof(answer), "pin=%d%d%d%d", i, i, i, i);
        question_init(&q[i], name, answer);
        assert_int_equal(pthread_create(&threads[i], NULL, ask_in_thread, &q[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *result;

        pthread_join(threads[i], &result);
        assert_int_equal((long)result, 0);
        assert_int_equal(cs_secret_len(q[i].pin), 4);
        assert_int_equal(cs_secret_data(q[i].pin)[3], '0' + i);
        cs_secret_free(q[i].pin);
    }
}

static void test_a_prompt_that_lies_gives_no_pin(void **state)
{
    const char *scripts[] = {"exit 0", "exit 1", "printf '\\000'", "printf '\\0001234'; exit 1",
        "printf '\\0001234'; kill -9 $$", "printf '\\011what'", "printf '\\000%0300d' 1",
        "printf '\\002'; head -c 5000 /dev/zero | tr '\\000' x"};

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct question q;
        int r = ask_liar(&q, scripts[i]);

        assert_true(r == CS_ERR_LOCKED || r == CS_ERR_TOO_LARGE);
        assert_true(q.fault.text[0]);
        assert_no_pin(&q);
        cs_secret_free(q.pin);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* The prompt is killed; what it started, behind a shell, has not heard of it. */
static void test_a_prompt_inherits_little(void **state)
{
    struct question q;

    (void)state;
    setenv("OURS", "a secret, for all we know", 1);
    assert_int_equal(dup2(STDERR_FILENO, 77), 77); /* as a module may have left one */
    assert_int_equal(ask_liar(&q, "[ -z \"$OURS\" ] && [ ! -e /proc/$$/fd/77 ] && "
                                  "[ \"$PATH\" = /usr/local/bin:/usr/bin:/bin ] && "
                                  "printf '\\0little'"),
        0);
    assert_string_equal(cs_secret_data(q.pin), "little");
    close(77);
    unsetenv("OURS");
    cs_secret_free(q.pin);
}

static void test_nothing_of_a_killed_prompt_stays(void **state)
{
    struct question q;
    char script[192], content[32] = "", path[64];
    int pid;

    (void)state;
    snprintf(script, sizeof(script),
        "sh -c 'sleep 600 & echo $! >%s/sleeper; wait' </dev/null >/dev/null 2>&1 & sleep 0.3; "
        "kill -9 $$",
        dir);
    assert_int_equal(ask_liar(&q, script), CS_ERR_LOCKED);
    assert_true(exists("sleeper", content, sizeof(content)));
    assert_int_equal(sscanf(content, "%d", &pid), 1);
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    for (int i = 0; i < 1000 && access(path, F_OK) == 0; i++)
        poll(NULL, 0, 10);
    assert_int_equal(access(path, F_OK), -1);
    cs_secret_free(q.pin);
}

static void test_a_prompt_of_another_version_is_told_from_a_broken_one(void **state)
{
    struct question q;

    (void)state;
    assert_int_equal(ask_liar(&q, "exit 2"), CS_ERR_LOCKED);
    assert_non_null(strstr(q.fault.text, "of another version; "));
    assert_non_null(strstr(q.fault.text, "restart countersign-agent.service"));
    cs_secret_free(q.pin);
    assert_int_equal(ask_liar(&q, "exit 1"), CS_ERR_LOCKED);
    assert_null(strstr(q.fault.text, "version"));
    cs_secret_free(q.pin);
}

static void test_a_missing_prompt_is_named(void **state)
{
    struct question q;

    (void)state;
    question_init(&q, "unused", "");
    assert_int_equal(ask(&q, "/nonexistent/prompt", -1), CS_ERR_LOCKED);
    assert_non_null(strstr(q.fault.text, "/nonexistent/prompt"));
    cs_secret_free(q.pin);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    DIR *entries = opendir(dir);
    struct dirent *entry;

    (void)state;
    while (entries && (entry = readdir(entries)))
        unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_pin_arrives),
        cmocka_unit_test(test_the_longest_pin_arrives),
        cmocka_unit_test(test_each_refusal_has_its_code_and_sentence),
        cmocka_unit_test(test_nowhere_to_ask_says_how_to_unlock),
        cmocka_unit_test(test_cancelling_ends_prompt_and_pinentry),
        cmocka_unit_test(test_threads_get_their_own_answers),
        cmocka_unit_test(test_a_prompt_that_lies_gives_no_pin),
        cmocka_unit_test(test_a_prompt_inherits_little),
        cmocka_unit_test(test_nothing_of_a_killed_prompt_stays),
        cmocka_unit_test(test_a_prompt_of_another_version_is_told_from_a_broken_one),
        cmocka_unit_test(test_a_missing_prompt_is_named),
    };

    return cmocka_run_group_tests_name("ask", tests, make_dir, remove_dir);
}
