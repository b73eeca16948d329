/* SPDX-License-Identifier: Apache-2.0 */
/* agent/audit: a line for each use, whatever is in it, however many write, also when there is no
 * room for it. */
#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/runtime.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define TEXT_MAX (1024 * 1024)

static char folder[64], path[PATH_MAX];
static struct cs_audit audit;
static struct cs_fault fault;

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/cs-test-audit-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    setenv("XDG_STATE_HOME", folder, 1);
    unsetenv("JOURNAL_STREAM");
    fault = (struct cs_fault){0};
    cs_audit_init(&audit);
    cs_audit_set(&audit, true, false);
    return cs_runtime_audit_path(path, sizeof(path));
}

static int drop(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(name);
}

static int teardown(void **state)
{
    (void)state;
    cs_audit_deinit(&audit);
    return nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

/* What is in the record, the oldest first. To be freed. */
static char *content(void)
{
    char *text = calloc(1, TEXT_MAX);
    size_t len = 0;

    for (unsigned n = CS_RUNTIME_AUDIT_OLDER + 1; n-- > 0;) {
        char name[PATH_MAX + 16];
        FILE *file;

        cs_runtime_audit_older(name, sizeof(name), path, n);
        file = fopen(name, "r");
        if (!file)
            continue;
        len += fread(text + len, 1, TEXT_MAX - 1 - len, file);
        fclose(file);
    }
    return text;
}

static int write_use(const char *label)
{
    cs_audit_begin(&audit, "sign", NULL);
    cs_audit_put(&audit, "label", cs_bytes_of(label));
    return cs_audit_end(&audit, NULL, &fault);
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    assert_int_equal(stat(name, &st), 0);
    return st.st_mode & 0777;
}

static void test_a_line_says_what_it_was_told(void **state)
{
    struct cs_caller caller = {.pid = 42, .procfs = CS_PROCFS_NONE, .exe = "/usr/bin/curl"};
    char expected[256];
    CS_AUTO(cs_freep) char *text = NULL;

    (void)state;
    snprintf(caller.procfs.program.unit, sizeof(caller.procfs.program.unit), "backup.service");
    cs_audit_begin(&audit, "sign", &caller);
    cs_audit_put(&audit, "label", CS_BYTES("a\"\n\xff\0", 5));
    cs_audit_put(&audit, "server", CS_BYTES(NULL, 0));
    cs_audit_put_hex(&audit, "identity", CS_BYTES("\x01\xab", 2));
    cs_audit_put_bool(&audit, "allowed", false);
    assert_int_equal(cs_audit_end(&audit, NULL, NULL), 0);
    text = content();
    assert_memory_equal(text, "{\"time\":\"2", 10);
    assert_int_equal(strcspn(text, ","), strlen("{\"time\":\"2026-01-01T00:00:00.000Z\""));
    snprintf(expected, sizeof(expected), "%s",
        ",\"event\":\"sign\",\"program\":\"/usr/bin/curl\","
        "\"unit\":\"backup.service\",\"pid\":42,"
        "\"label\":\"a\\\"\\u000a\\ufffd\\u0000\",\"identity\":\"01ab\",\"allowed\":false}\n");
    assert_string_equal(text + strcspn(text, ","), expected);
}

static void test_it_is_the_users_alone(void **state)
{
    char name[128];

    (void)state;
    umask(0);
    assert_int_equal(write_use("x"), 0);
    snprintf(name, sizeof(name), "%s/countersign", folder);
    assert_int_equal(mode_of(name), 0700);
    assert_int_equal(mode_of(path), 0600);
    assert_true(fcntl(audit.file.fd, F_GETFD) & FD_CLOEXEC);
    umask(022);
}

/* Puts something else where the record is to be. */
static int write_to(void (*put)(void))
{
    assert_int_equal(write_use("x"), 0);
    assert_int_equal(unlink(path), 0);
    put();
    cs_audit_set(&audit, true, true);
    return write_use("y");
}

static void put_open_file(void)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

    assert_int_equal(fchmod(fd, 0644), 0);
    close(fd);
}

static void test_a_file_that_was_open_to_others_is_closed_to_them(void **state)
{
    (void)state;
    assert_int_equal(write_to(put_open_file), 0);
    assert_int_equal(mode_of(path), 0600);
}

static void put_pipe(void)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void test_a_pipe_is_no_record(void **state)
{
    (void)state;
    assert_int_equal(write_to(put_pipe), CS_ERR_DENIED);
    assert_non_null(strstr(fault.text, "is no file of yours"));
}

static void put_file_of_another(void)
{
    put_open_file();
    assert_int_equal(chown(path, 65534, 65534), 0);
}

static void test_a_file_of_another_user_is_no_record(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("needs root to be two users\n");
        skip();
    }
    assert_int_equal(write_to(put_file_of_another), CS_ERR_DENIED);
    assert_non_null(strstr(fault.text, "is no file of yours"));
}

static void test_off_writes_nothing(void **state)
{
    (void)state;
    cs_audit_set(&audit, false, true);
    assert_int_equal(write_use("x"), 0);
    assert_int_equal(access(path, F_OK), -1);
}

/* Numbers from `from` on, each once and in order. */
static void check_numbers(const char *text, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to; n++) {
        char number[32];
        const char *line = text;

        snprintf(number, sizeof(number), "\"label\":\"%u\"}\n", n);
        text = strstr(text, number);
        assert_non_null(text);
        text += strlen(number);
        assert_ptr_equal(strchr(line, '\n') + 1, text);
    }
    assert_string_equal(text, "");
}

static void test_what_is_put_aside_is_not_lost(void **state)
{
    CS_AUTO(cs_freep) char *text = NULL;
    char number[16], name[PATH_MAX + 16];
    const char *first;

    (void)state;
    audit.file.limit = 1000; /* some 14 lines */
    for (unsigned n = 0; n < 200; n++) {
        snprintf(number, sizeof(number), "%u", n);
        assert_int_equal(write_use(number), 0);
    }
    text = content();
    first = strstr(text, "\"label\":\"");
    check_numbers(text, (unsigned)atoi(first + strlen("\"label\":\"")), 200);
    assert_true(strlen(text) >= 4 * 900 && strlen(text) <= 5 * 1000);
    cs_runtime_audit_older(name, sizeof(name), path, CS_RUNTIME_AUDIT_OLDER + 1);
    assert_int_equal(access(name, F_OK), -1);
}

static void write_many(unsigned who)
{
    char label[32];

    cs_audit_init(&audit);
    cs_audit_set(&audit, true, false);
    audit.file.limit = 8000;
    for (unsigned n = 0; n < 150; n++) {
        snprintf(label, sizeof(label), "%u-%u-", who, n);
        if (write_use(label) < 0)
            _exit(1);
    }
    _exit(audit.lost ? 2 : 0);
}

static void test_several_agents_lose_nothing(void **state)
{
    CS_AUTO(cs_freep) char *text = NULL;
    char label[32];
    int status;

    (void)state;
    for (unsigned who = 0; who < 3; who++)
        if (fork() == 0)
            write_many(who);
    while (wait(&status) > 0)
        assert_int_equal(status, 0);
    text = content();
    for (unsigned i = 0; i < 450; i++) {
        const char *line;

        snprintf(label, sizeof(label), "\"%u-%u-\"}\n", i % 3, i / 3);
        line = strstr(text, label);
        assert_non_null(line);
        assert_null(strstr(line + 1, label));
    }
}

static void test_a_file_that_was_moved_away_is_begun_anew(void **state)
{
    CS_AUTO(cs_freep) char *text = NULL;
    char away[PATH_MAX + 16];

    (void)state;
    assert_int_equal(write_use("old"), 0);
    snprintf(away, sizeof(away), "%s/away", folder);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(write_use("new"), 0);
    text = content();
    assert_null(strstr(text, "old"));
    assert_non_null(strstr(text, "new"));
}

static void test_a_link_is_not_followed(void **state)
{
    char target[128];

    (void)state;
    assert_int_equal(write_use("x"), 0);
    assert_int_equal(unlink(path), 0);
    snprintf(target, sizeof(target), "%s/target", folder);
    assert_int_equal(symlink(target, path), 0);
    cs_audit_set(&audit, true, true);
    assert_int_equal(write_use("x"), CS_ERR_DENIED);
    assert_int_equal(access(target, F_OK), -1);
}

/* No file may grow beyond so many bytes, as on a disk that is full. */
static void set_room(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The line that ends so; a torn one before it is no part of it. */
static void assert_whole_line(const char *text, const char *ending)
{
    const char *end = strstr(text, ending), *line = end;

    assert_non_null(end);
    while (line > text && line[-1] != '\n')
        line--;
    assert_memory_equal(line, "{\"time\":", 8);
    line = strstr(line + 1, "{\"time\":");
    assert_true(!line || line > end);
}

static void test_without_room_uses_go_on_and_are_counted(void **state)
{
    CS_AUTO(cs_freep) char *text = NULL;
    uint64_t changes;

    (void)state;
    assert_int_equal(write_use("first"), 0);
    changes = audit.changes;
    set_room(100); /* the second line is cut short, the third is not begun */
    assert_int_equal(write_use("second"), 0);
    assert_int_equal(write_use("third"), 0);
    assert_int_equal(audit.lost, 2);
    assert_non_null(strstr(audit.trouble, path));
    assert_true(audit.changes > changes);
    set_room(RLIM_INFINITY);
    assert_int_equal(write_use("fourth"), 0);
    assert_int_equal(audit.lost, 0);
    assert_string_equal(audit.trouble, "");
    text = content();
    assert_null(strstr(text, "second\"}"));
    assert_whole_line(text, "\"fourth\"}\n");
    assert_non_null(strstr(text, "\"event\":\"gap\",\"why\":\"2 lines before this one"));
}

static void test_without_room_for_the_count_it_is_kept(void **state)
{
    CS_AUTO(cs_freep) char *text = NULL;
    struct stat st;

    (void)state;
    assert_int_equal(write_use("first"), 0);
    assert_int_equal(stat(path, &st), 0);
    set_room((rlim_t)st.st_size);
    assert_int_equal(write_use("second"), 0);
    assert_int_equal(write_use("third"), 0);
    set_room((rlim_t)st.st_size * 2 + 10);
    assert_int_equal(write_use("fourth"), 0);
    assert_int_equal(audit.lost, 2);
    assert_non_null(strstr(audit.trouble, path));
    set_room(RLIM_INFINITY);
    assert_int_equal(write_use("fifth"), 0);
    assert_int_equal(audit.lost, 0);
    text = content();
    assert_whole_line(text, "\"fourth\"}\n");
    assert_whole_line(text, "\"fifth\"}\n");
    assert_non_null(strstr(text, "\"event\":\"gap\",\"why\":\"2 lines before this one could not"));
}

static void test_a_line_that_was_torn_before_spoils_no_other(void **state)
{
    CS_AUTO(cs_freep) char *text = NULL;
    struct stat st;

    (void)state;
    assert_int_equal(write_use("first"), 0);
    assert_int_equal(write_use("second"), 0);
    cs_audit_deinit(&audit);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 10), 0);
    cs_audit_init(&audit);
    cs_audit_set(&audit, true, false);
    assert_int_equal(write_use("third"), 0);
    assert_int_equal(write_use("fourth"), 0);
    text = content();
    assert_whole_line(text, "\"first\"}\n");
    assert_whole_line(text, "\"third\"}\n");
    assert_whole_line(text, "\"fourth\"}\n");
    assert_null(strstr(text, "\n\n"));
}

static void test_without_room_nothing_is_signed_if_so_wanted(void **state)
{
    (void)state;
    cs_audit_set(&audit, true, true);
    assert_int_equal(write_use("first"), 0);
    set_room(90);
    assert_int_equal(write_use("second"), CS_ERR_DENIED);
    assert_non_null(strstr(fault.text, path));
    assert_non_null(strstr(fault.text, "audit-failure = allow"));
    set_room(RLIM_INFINITY);
    assert_int_equal(write_use("third"), 0);
}

static void test_the_journal_gets_fields(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char entry[1024] = "";
    static const char expected[] = "COUNTERSIGN_EVENT=sign\n"
                                   "COUNTERSIGN_LABEL\n\x03\0\0\0\0\0\0\0a\nb\n"
                                   "COUNTERSIGN_IDENTITY=ab\n"
                                   "PRIORITY=6\nSYSLOG_IDENTIFIER=countersign-agent\n"
                                   "MESSAGE=curl signs\n";

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/journal", folder);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    setenv("JOURNAL_STREAM", "1:2", 1);
    cs_audit_journal_deinit(&audit.journal);
    cs_audit_journal_init(&audit.journal, address.sun_path);
    cs_audit_begin(&audit, "sign", NULL);
    cs_audit_put(&audit, "label", cs_bytes_of("a\nb"));
    cs_audit_put_hex(&audit, "identity", CS_BYTES("\xab", 1));
    assert_int_equal(cs_audit_end(&audit, "curl signs", NULL), 0);
    assert_int_equal(recv(fd, entry, sizeof(entry), MSG_DONTWAIT), sizeof(expected) - 1);
    assert_memory_equal(entry, expected, sizeof(expected) - 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_line_says_what_it_was_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_is_the_users_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_file_that_was_open_to_others_is_closed_to_them, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_pipe_is_no_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_of_another_user_is_no_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_off_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_put_aside_is_not_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_agents_lose_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_file_that_was_moved_away_is_begun_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_without_room_uses_go_on_and_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_without_room_for_the_count_it_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_line_that_was_torn_before_spoils_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_without_room_nothing_is_signed_if_so_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_journal_gets_fields, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
