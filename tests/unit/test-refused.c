/* SPDX-License-Identifier: Apache-2.0 */
/* token-host/refused: refused PINs are known again, and cannot be read from what is kept. */
#include "token-host/refused.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct cs_secret *secret_of(const char *pin)
{
    static struct cs_secret *secret;

    if (!secret)
        assert_int_equal(cs_secret_new(&secret), 0);
    strcpy(cs_secret_data(secret), pin);
    assert_int_equal(cs_secret_set_len(secret, strlen(pin)), 0);
    return secret;
}

static void test_the_latest_are_known_again(void **state)
{
    struct cs_refused refused = {0};
    char pin[8];

    (void)state;
    assert_false(cs_refused_has(&refused, secret_of("1")));
    for (int i = 1; i <= CS_REFUSED_MAX + 1; i++) {
        snprintf(pin, sizeof(pin), "%d", i);
        assert_int_equal(cs_refused_add(&refused, secret_of(pin)), 0);
        assert_true(cs_refused_has(&refused, secret_of(pin)));
        assert_true(cs_refused_has(&refused, secret_of(i <= CS_REFUSED_MAX ? "1" : "2")));
    }
    assert_false(cs_refused_has(&refused, secret_of("1")));
    assert_false(cs_refused_has(&refused, secret_of("")));
    cs_refused_clear(&refused);
    assert_false(cs_refused_has(&refused, secret_of("2")));
}

/* A PIN is short: a hash alone would give it away, and be the same in each process. */
static void test_what_is_kept_is_salted(void **state)
{
    struct cs_refused one = {0}, two = {0};
    uint8_t plain[32];

    (void)state;
    assert_int_equal(EVP_Digest("1234", 4, plain, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(cs_refused_add(&one, secret_of("1234")), 0);
    assert_int_equal(cs_refused_add(&two, secret_of("1234")), 0);
    assert_memory_not_equal(one.hashes[0], plain, sizeof(plain));
    assert_memory_not_equal(one.hashes[0], two.hashes[0], sizeof(plain));
}

static void test_what_is_forgotten_is_wiped(void **state)
{
    const struct cs_refused none = {0};
    struct cs_refused refused = {0};

    (void)state;
    assert_int_equal(cs_refused_add(&refused, secret_of("1234")), 0);
    cs_refused_clear(&refused);
    assert_memory_equal(&refused, &none, sizeof(none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_latest_are_known_again),
        cmocka_unit_test(test_what_is_kept_is_salted),
        cmocka_unit_test(test_what_is_forgotten_is_wiped),
    };

    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
