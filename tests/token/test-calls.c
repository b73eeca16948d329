/* SPDX-License-Identifier: Apache-2.0 */
/* What a signature costs in PKCS#11 calls, as pkcs11-spy counts them. */
#include "host.h"
#include "softhsm.h"
#include "verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct softhsm_key key;
static char spy_log[256];
#define ID CS_BYTES("\x01", 1)

static int set_up(void **state)
{
    struct softhsm_object object;

    (void)state;
    softhsm_begin();
    key = softhsm_key_new("EC-P-256");
    object = SOFTHSM_ROW(&key, SOFTHSM_ALL, cs_bytes_of("key"), ID);
    softhsm_add_token("calls", &object, 1);
    snprintf(spy_log, sizeof(spy_log), "%s/spy.log", softhsm_folder());
    setenv("PKCS11SPY", SOFTHSM_MODULE, 1);
    setenv("PKCS11SPY_OUTPUT", spy_log, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_key_free(&key);
    softhsm_end();
    return 0;
}

/* The names of the calls from the n-th on, each with a blank behind it; returns how many there are
 * in all. A call is a line like "17: C_SignInit". */
static unsigned calls(unsigned from, char *names, size_t size)
{
    FILE *file = fopen(spy_log, "re");
    unsigned n = 0, number;
    char line[512], name[128];

    names[0] = '\0';
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "%u: C_%100s", &number, name) == 2 && n++ >= from) {
            strncat(names, name, size - strlen(names) - 1);
            strncat(names, " ", size - strlen(names) - 1);
        }
    fclose(file);
    return n;
}

static void test_a_warm_signature_is_two_calls(void **state)
{
    char names[4096];
    struct host_token *token;
    struct host host;
    unsigned before;

    (void)state;
    host_start(&host, SPY_MODULE, NULL);
    token = host_token(&host, "calls");
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    before = calls(0, names, sizeof(names));
    assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
    /* The first one is no dearer; it is verified by OpenSSL. */
    before = calls(before, names, sizeof(names));
    assert_string_equal(names, "SignInit Sign ");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(verify_sign(&host, token, &key, ID).type, CS_HOST_SIGNED);
        before = calls(before, names, sizeof(names));
        assert_string_equal(names, "SignInit Sign ");
    }
    assert_int_equal(host_stop(&host), 0);
}

static void test_a_login_is_one_call_and_the_start_has_none(void **state)
{
    char names[4096], *at;
    struct host_token *token;
    unsigned n = 0, before;
    struct host host;

    (void)state;
    unlink(spy_log);
    host_start(&host, SPY_MODULE, NULL);
    token = host_token(&host, "calls");
    before = calls(0, names, sizeof(names));
    assert_null(strstr(names, "Login "));
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    before = calls(before, names, sizeof(names));
    for (at = names; (at = strstr(at, "Login ")); at++)
        n++;
    assert_int_equal(n, 1);
    /* A second login, and a signature refused for its scheme, cost nothing. */
    assert_int_equal(host_login(&host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(calls(before, names, sizeof(names)), before);
    assert_int_equal(host_stop(&host), 0);
}

static unsigned count(const char *names, const char *name)
{
    unsigned n = 0;

    for (const char *at = names; (at = strstr(at, name)); at++)
        n++;
    return n;
}

/* One call an object, where the keys are all of one type; else no more than one for nothing. */
static void test_an_object_is_read_by_one_call(void **state)
{
    struct softhsm_key rsa = softhsm_key_new("RSA-2048");
    struct softhsm_object objects[6];
    unsigned before, alike, mixed;
    char names[16384];
    struct host host;

    (void)state;
    for (int i = 0; i < 6; i++)
        objects[i] = SOFTHSM_ROW(i < 5 ? &key : &rsa, SOFTHSM_CERTIFICATE | SOFTHSM_PUBLIC,
            cs_bytes_of("key"), CS_BYTES(&"\1\2\3\4\5\6"[i], 1));
    unlink(spy_log);
    host_start(&host, SPY_MODULE, NULL);
    calls(0, names, sizeof(names));
    before = count(names, "GetAttributeValue ");
    assert_int_equal(host_stop(&host), 0);
    softhsm_add_token("alike", objects, 5);
    unlink(spy_log);
    host_start(&host, SPY_MODULE, NULL);
    calls(0, names, sizeof(names));
    alike = count(names, "GetAttributeValue ") - before;
    assert_int_equal(host_stop(&host), 0);
    softhsm_add_token("mixed", objects, 6);
    unlink(spy_log);
    host_start(&host, SPY_MODULE, NULL);
    calls(0, names, sizeof(names));
    mixed = count(names, "GetAttributeValue ") - before - alike;
    assert_int_equal(host_count(host_token(&host, "mixed"), CS_HOST_PUBLIC_KEY), 6);
    assert_int_equal(host_stop(&host), 0);
    assert_int_equal(before, 1 + 2);
    assert_int_equal(alike, 5 + 2 + 4);
    assert_true(mixed >= 6 + 2 + 4 + 1 + 2 && mixed <= 6 + 2 + 1 + 2 + 4 * 2);
    softhsm_key_free(&rsa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_warm_signature_is_two_calls),
        cmocka_unit_test(test_a_login_is_one_call_and_the_start_has_none),
        cmocka_unit_test(test_an_object_is_read_by_one_call),
    };

    if (access(SPY_MODULE, R_OK) < 0) {
        printf("1..0 # SKIP %s is not installed (package opensc-pkcs11)\n", SPY_MODULE);
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
