/* SPDX-License-Identifier: Apache-2.0 */
/* token-host: the descriptors of a request go with it, also when there is no memory for it: the
 * next request, for another token, would find the PIN of this one. */
#include "token-host/host.h"
#include "token-host/login.h"
#include "token-host/pin-change.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static bool exhausted;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

/* Stands before the library's. */
void *__wrap_calloc(size_t n, size_t size)
{
    return exhausted ? NULL : __real_calloc(n, size);
}

static void check(void (*start)(struct cs_host *host, uint32_t id, struct cs_bytes body), size_t n)
{
    const struct cs_host_login_request m = {.slot = 1, .how = CS_HOST_LOGIN_FD};
    struct cs_buf body = CS_BUF_INIT(256);
    static struct cs_host host;
    int pair[2];

    host = (struct cs_host){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cs_link_init(&host.link, pair[0]);
    cs_slots_init(&host.slots, &host.link, &host.cancels);
    cs_cancels_init(&host.cancels);
    for (size_t i = 0; i < n; i++)
        host.link.fds[host.link.n_fds++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cs_host_login_put(&body, &m);
    exhausted = true;
    start(&host, 7, cs_buf_bytes(&body));
    exhausted = false;
    assert_int_equal(host.link.n_fds, 0);
    cs_link_deinit(&host.link);
    cs_buf_deinit(&body);
    close(pair[0]);
    close(pair[1]);
}

static void test_of_a_login(void **state)
{
    (void)state;
    check(cs_login_start, 1);
}

static void test_of_a_change(void **state)
{
    (void)state;
    check(cs_pin_change_start, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_a_login),
        cmocka_unit_test(test_of_a_change),
    };

    return cmocka_run_group_tests_name("pin-descriptors", tests, NULL, NULL);
}
