/* SPDX-License-Identifier: Apache-2.0 */
/* base/secret: locked, undumped, forgotten in children, wiped; and what counts as a PIN on a
 * descriptor. */
#include "base/secret.h"
#include "base/error.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static int new_secret(void **state)
{
    return cs_secret_new((struct cs_secret **)state);
}

static int free_secret(void **state)
{
    cs_secret_free(*state);
    return 0;
}

static void test_a_new_secret_is_empty(void **state)
{
    struct cs_secret *secret = *state;

    assert_int_equal(cs_secret_len(secret), 0);
    for (size_t i = 0; i <= CS_SECRET_MAX; i++)
        assert_int_equal(cs_secret_data(secret)[i], 0);
    cs_secret_free(NULL);
}

static void test_the_length_has_a_limit_and_a_zero_behind_it(void **state)
{
    struct cs_secret *secret = *state;

    memset(cs_secret_data(secret), 'x', CS_SECRET_MAX + 1);
    assert_int_equal(cs_secret_set_len(secret, CS_SECRET_MAX), 0);
    assert_int_equal(cs_secret_data(secret)[CS_SECRET_MAX], 0);
    assert_int_equal(cs_secret_set_len(secret, CS_SECRET_MAX + 1), CS_ERR_TOO_LARGE);
    assert_int_equal(cs_secret_set_len(secret, SIZE_MAX), CS_ERR_TOO_LARGE);
    assert_int_equal(cs_secret_len(secret), CS_SECRET_MAX);
    assert_int_equal(cs_secret_set_len(secret, 3), 0);
    assert_string_equal(cs_secret_data(secret), "xxx");
}

#if defined(__SANITIZE_ADDRESS__)
static const bool mlock_is_real = false;
#elif defined(__has_feature)
static const bool mlock_is_real = !__has_feature(address_sanitizer);
#else
static const bool mlock_is_real = true;
#endif

/* The VmFlags of the mapping that holds address; false when there is no such mapping. */
static bool vm_flags(const void *address, char *flags, size_t size)
{
    FILE *smaps = fopen("/proc/self/smaps", "r");
    bool inside = false, found = false;
    char line[512];

    assert_non_null(smaps);
    while (!found && fgets(line, sizeof(line), smaps)) {
        uintptr_t first, last;

        if (sscanf(line, "%lx-%lx ", &first, &last) == 2)
            inside = (uintptr_t)address >= first && (uintptr_t)address < last;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = snprintf(flags, size, "%s", line + 8) > 0;
    }
    fclose(smaps);
    return found;
}

static void test_its_memory_is_locked_undumped_and_wiped_on_fork(void **state)
{
    char flags[512];

    if (!vm_flags(cs_secret_data(*state), flags, sizeof(flags))) {
        print_message("# SKIP this kernel shows no VmFlags\n");
        skip();
    }
    if (!mlock_is_real)
        print_message("# AddressSanitizer makes mlock do nothing\n");
    else
        assert_non_null(strstr(flags, " lo"));
    assert_non_null(strstr(flags, " dd"));
    assert_non_null(strstr(flags, " wf"));
}

static void test_a_child_does_not_have_it(void **state)
{
    struct cs_secret *secret = *state;
    int status;
    pid_t pid;

    strcpy(cs_secret_data(secret), "1234");
    cs_secret_set_len(secret, 4);
    pid = fork();
    if (pid == 0)
        _exit(cs_secret_len(secret) == 0 && cs_secret_data(secret)[0] == 0 ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_string_equal(cs_secret_data(secret), "1234");
}

static const void *watched_pages;
static bool wiped = true;

/* Stands before that of libc. */
int munmap(void *address, size_t size)
{
    if (address == watched_pages)
        for (size_t i = 0; i < size; i++)
            wiped &= ((const char *)address)[i] == 0;
    return (int)syscall(SYS_munmap, address, size);
}

static void test_what_is_given_back_is_wiped(void **state)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct cs_secret *secret;

    (void)state;
    assert_int_equal(cs_secret_new(&secret), 0);
    strcpy(cs_secret_data(secret), "1234");
    watched_pages = (const void *)((uintptr_t)cs_secret_data(secret) / page * page);
    cs_secret_free(secret);
    watched_pages = NULL;
    assert_true(wiped);
}

static void test_free_gives_the_pages_back(void **state)
{
    struct cs_secret *secret;
    char flags[512];
    const void *address;

    (void)state;
    assert_int_equal(cs_secret_new(&secret), 0);
    address = cs_secret_data(secret);
    cs_secret_free(secret);
    assert_false(vm_flags(address, flags, sizeof(flags)));
}

static void test_wipe(void **state)
{
    char data[] = "123456";

    (void)state;
    cs_wipe(data, 4);
    assert_memory_equal(data,
        "\0\0\0\0"
        "56",
        sizeof(data));
}

/* Reads what is in a pipe whose other end is closed. */
static int read_bytes(struct cs_secret *secret, const void *bytes, size_t len)
{
    int fds[2], r;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], bytes, len), len);
    close(fds[1]);
    r = cs_secret_read(secret, fds[0], -1, 5000);
    close(fds[0]);
    return r;
}

static void expect_pin(struct cs_secret *secret, const char *bytes, size_t len, const char *pin)
{
    assert_int_equal(read_bytes(secret, bytes, len), 0);
    assert_int_equal(cs_secret_len(secret), strlen(pin));
    assert_string_equal(cs_secret_data(secret), pin);
}

static void test_one_line_end_at_the_end_is_dropped(void **state)
{
    expect_pin(*state, "1234", 4, "1234");
    expect_pin(*state, "1234\n", 5, "1234");
    expect_pin(*state, "1234\n\n", 6, "1234\n");
    expect_pin(*state, "12\n34", 5, "12\n34");
    expect_pin(*state, " 1234 \n", 7, " 1234 ");
    expect_pin(*state, "\n", 1, "");
    expect_pin(*state, "1234\r\n", 6, "1234");
    expect_pin(*state, "\r\n", 2, "");
    expect_pin(*state, "1234\r", 5, "1234\r");
    expect_pin(*state, "", 0, "");
}

static void test_nothing_of_an_earlier_read_is_left(void **state)
{
    expect_pin(*state, "12345678", 8, "12345678");
    expect_pin(*state, "99", 2, "99");
    expect_pin(*state, "", 0, "");
}

static void test_the_longest_pin_with_and_without_a_line_end(void **state)
{
    char bytes[CS_SECRET_MAX + 3];

    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(read_bytes(*state, bytes, CS_SECRET_MAX), 0);
    assert_int_equal(cs_secret_len(*state), CS_SECRET_MAX);
    bytes[CS_SECRET_MAX] = '\n';
    assert_int_equal(read_bytes(*state, bytes, CS_SECRET_MAX + 1), 0);
    assert_int_equal(cs_secret_len(*state), CS_SECRET_MAX);
}

static void test_what_is_longer_is_refused(void **state)
{
    char bytes[4096];

    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(read_bytes(*state, bytes, CS_SECRET_MAX + 1), CS_ERR_TOO_LARGE);
    assert_int_equal(read_bytes(*state, bytes, sizeof(bytes)), CS_ERR_TOO_LARGE);
    bytes[CS_SECRET_MAX] = '\n'; /* and more behind it */
    assert_int_equal(read_bytes(*state, bytes, CS_SECRET_MAX + 2), CS_ERR_TOO_LARGE);
    assert_int_equal(read_bytes(*state, bytes, sizeof(bytes)), CS_ERR_TOO_LARGE);
    memcpy(bytes + CS_SECRET_MAX, "\r\n", 2);
    assert_int_equal(read_bytes(*state, bytes, sizeof(bytes)), CS_ERR_TOO_LARGE);
    assert_int_equal(cs_secret_len(*state), 0);
    for (size_t i = 0; i < CS_SECRET_MAX + 2; i++) /* its room, all of it */
        assert_int_equal(cs_secret_data(*state)[i], 0);
}

static void test_a_descriptor_that_never_delivers_times_out(void **state)
{
    struct timespec before, after;
    int fds[2];
    long ms;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "12", 2), 2);
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(cs_secret_read(*state, fds[0], -1, 60), CS_ERR_TIMEOUT);
    clock_gettime(CLOCK_MONOTONIC, &after);
    ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    assert_true(ms >= 50 && ms <= 5000);
    assert_int_equal(cs_secret_len(*state), 0);
    close(fds[0]);
    close(fds[1]);
}

static void test_what_is_no_descriptor_is_an_error(void **state)
{
    int directory = open("/", O_RDONLY | O_CLOEXEC);

    assert_int_equal(cs_secret_read(*state, directory, -1, 1000), CS_ERR_SYSTEM);
    close(directory);
    assert_int_equal(cs_secret_read(*state, directory, -1, 1000), CS_ERR_SYSTEM);
}

static void *write_slowly(void *arg)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int fd = *(int *)arg;

    for (const char *c = "1234\n"; *c; c++) {
        if (write(fd, c, 1) < 0)
            break;
        nanosleep(&pause, NULL);
    }
    close(fd);
    return NULL;
}

static void test_a_slow_writer_is_waited_for(void **state)
{
    pthread_t thread;
    int fds[2];

    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &fds[1]), 0);
    assert_int_equal(cs_secret_read(*state, fds[0], -1, 10000), 0);
    pthread_join(thread, NULL);
    close(fds[0]);
    assert_string_equal(cs_secret_data(*state), "1234");
}

static void test_it_is_given_up(void **state)
{
    int fds[2], cancel[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], "12", 2), 2);
    close(cancel[1]);
    assert_int_equal(cs_secret_read(*state, fds[0], cancel[0], 60000), CS_ERR_CANCELLED);
    assert_int_equal(cs_secret_len(*state), 0);
    close(fds[0]);
    close(fds[1]);
    close(cancel[0]);
}

#define WITH_SECRET(test) cmocka_unit_test_setup_teardown(test, new_secret, free_secret)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SECRET(test_a_new_secret_is_empty),
        WITH_SECRET(test_the_length_has_a_limit_and_a_zero_behind_it),
        WITH_SECRET(test_its_memory_is_locked_undumped_and_wiped_on_fork),
        WITH_SECRET(test_a_child_does_not_have_it),
        cmocka_unit_test(test_what_is_given_back_is_wiped),
        cmocka_unit_test(test_free_gives_the_pages_back),
        cmocka_unit_test(test_wipe),
        WITH_SECRET(test_one_line_end_at_the_end_is_dropped),
        WITH_SECRET(test_nothing_of_an_earlier_read_is_left),
        WITH_SECRET(test_the_longest_pin_with_and_without_a_line_end),
        WITH_SECRET(test_what_is_longer_is_refused),
        WITH_SECRET(test_a_descriptor_that_never_delivers_times_out),
        WITH_SECRET(test_what_is_no_descriptor_is_an_error),
        WITH_SECRET(test_a_slow_writer_is_waited_for),
        WITH_SECRET(test_it_is_given_up),
    };

    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
