/* SPDX-License-Identifier: Apache-2.0 */
/* Which private key belongs to a public key, however sparsely and confusingly a token names them.
 */
#include "host.h"
#include "softhsm.h"
#include "verify.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static struct softhsm_key keys[4];
#define ID(byte) CS_BYTES(byte, 1)
#define LABEL(string) cs_bytes_of(string)

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        keys[i] = softhsm_key_new("EC-P-256");
    keys[3] = softhsm_key_new("RSA-2048");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        softhsm_key_free(&keys[i]);
    return 0;
}

static struct host_token *begin(struct host *host, const struct softhsm_object *objects, size_t n)
{
    struct host_token *token;

    softhsm_begin();
    softhsm_add_token("objects", objects, n);
    host_start(host, SOFTHSM_MODULE, NULL);
    token = host_token(host, "objects");
    assert_int_equal(host_login(host, token, SOFTHSM_PIN).type, CS_HOST_DONE);
    return token;
}

static void end(struct host *host)
{
    assert_int_equal(host_stop(host), 0);
    softhsm_end();
}

static void test_key_without_public_key_object(void **state)
{
    const struct softhsm_object objects[] = {
        SOFTHSM_ROW(&keys[0], SOFTHSM_PRIVATE | SOFTHSM_CERTIFICATE, LABEL("a"), ID("\1")),
        SOFTHSM_ROW(&keys[3], SOFTHSM_PRIVATE | SOFTHSM_CERTIFICATE, LABEL("b"), ID("\2")),
        SOFTHSM_ROW(&keys[1], SOFTHSM_PRIVATE, LABEL("c"), ID("\3")),
        SOFTHSM_ROW(&keys[2], SOFTHSM_CERTIFICATE, LABEL("d"), ID("\4")),
    };
    struct host_token *token;
    struct host host;

    (void)state;
    token = begin(&host, objects, 4);
    assert_int_equal(host_count(token, CS_HOST_PUBLIC_KEY), 0);
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), 3);
    assert_int_equal(verify_sign(&host, token, &keys[0], ID("\1")).type, CS_HOST_SIGNED);
    /* A key with no certificate. */
    assert_int_equal(verify_sign(&host, token, &keys[1], ID("\3")).type, CS_HOST_SIGNED);
    /* A certificate with no key. */
    assert_int_equal(verify_sign(&host, token, &keys[2], ID("\4")).code, CS_ERR_NOT_FOUND);
    end(&host);
}

static void test_one_label_for_all(void **state)
{
    struct softhsm_object objects[3];
    struct host_token *token;
    struct host host;

    (void)state;
    for (int i = 0; i < 3; i++)
        objects[i] = SOFTHSM_ROW(&keys[i], SOFTHSM_ALL, LABEL("same"), CS_BYTES(&"\1\2\3"[i], 1));
    token = begin(&host, objects, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(verify_sign(&host, token, &keys[i], objects[i].id).type, CS_HOST_SIGNED);
    end(&host);
}

static void test_one_id_for_all(void **state)
{
    struct softhsm_object objects[4];
    struct host_token *token;
    struct host host;

    (void)state;
    /* No public key objects: only a signature tells which private key it is. */
    for (int i = 0; i < 4; i++)
        objects[i] =
            SOFTHSM_ROW(&keys[i], SOFTHSM_PRIVATE | SOFTHSM_CERTIFICATE, LABEL("same"), ID("\1"));
    token = begin(&host, objects, 4);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3; i++)
            assert_string_equal(verify_sign(&host, token, &keys[i], ID("\1")).text, "");
    end(&host);
}

static void test_no_id_at_all(void **state)
{
    const struct cs_bytes none = {0};
    const struct softhsm_object objects[] = {
        SOFTHSM_ROW(&keys[0], SOFTHSM_PRIVATE | SOFTHSM_CERTIFICATE, LABEL("a"), none),
        SOFTHSM_ROW(&keys[1], SOFTHSM_PRIVATE | SOFTHSM_CERTIFICATE, LABEL("b"), none),
    };
    struct host_token *token;
    struct host host;

    (void)state;
    token = begin(&host, objects, 2);
    assert_int_equal(verify_sign(&host, token, &keys[0], none).type, CS_HOST_SIGNED);
    assert_int_equal(verify_sign(&host, token, &keys[1], none).type, CS_HOST_SIGNED);
    end(&host);
}

static void test_key_and_certificate_that_do_not_match(void **state)
{
    const struct softhsm_object objects[] = {
        SOFTHSM_ROW(&keys[0], SOFTHSM_PRIVATE, LABEL("a"), ID("\1")),
        SOFTHSM_ROW(&keys[1], SOFTHSM_CERTIFICATE, LABEL("a"), ID("\1")),
        SOFTHSM_ROW(&keys[3], SOFTHSM_PRIVATE, LABEL("b"), ID("\2")),
        SOFTHSM_ROW(&keys[2], SOFTHSM_CERTIFICATE, LABEL("b"), ID("\2")),
    };
    struct host_token *token;
    struct host host;

    (void)state;
    token = begin(&host, objects, 4);
    /* Found out by the signature; by the type. */
    assert_int_equal(verify_sign(&host, token, &keys[1], ID("\1")).code, CS_ERR_KEY_MISMATCH);
    assert_int_equal(verify_sign(&host, token, &keys[2], ID("\2")).code, CS_ERR_KEY_MISMATCH);
    /* That was no reason to distrust the key itself. */
    assert_int_equal(verify_sign(&host, token, &keys[0], ID("\1")).type, CS_HOST_SIGNED);
    end(&host);
}

static void test_any_bytes_in_names(void **state)
{
    const struct cs_bytes label = CS_BYTES("z\0\xff\n\"';%", 9), id = CS_BYTES("\0\0\x80\xff", 4);
    const struct softhsm_object objects[] = {SOFTHSM_ROW(&keys[0], SOFTHSM_ALL, label, id)};
    struct host_token *token;
    struct host host;

    (void)state;
    token = begin(&host, objects, 1);
    assert_int_equal(token->n_objects, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(cs_bytes_equal(token->objects[i].label, label));
        assert_true(cs_bytes_equal(token->objects[i].cka_id, id));
    }
    assert_int_equal(verify_sign(&host, token, &keys[0], id).type, CS_HOST_SIGNED);
    end(&host);
}

static void test_several_certificates_for_a_key(void **state)
{
    const struct softhsm_object objects[] = {
        SOFTHSM_ROW(&keys[0], SOFTHSM_ALL, LABEL("a"), ID("\1")),
        SOFTHSM_ROW(&keys[0], SOFTHSM_CERTIFICATE, LABEL("renewed"), ID("\1")),
        SOFTHSM_ROW(&keys[0], SOFTHSM_CERTIFICATE, LABEL("elsewhere"), ID("\7")),
    };
    struct host_token *token;
    struct host host;

    (void)state;
    token = begin(&host, objects, 3);
    assert_int_equal(host_count(token, CS_HOST_CERTIFICATE), 3);
    assert_int_equal(verify_sign(&host, token, &keys[0], ID("\1")).type, CS_HOST_SIGNED);
    /* Under the id of a certificate that the key does not have, too. */
    assert_int_equal(verify_sign(&host, token, &keys[0], ID("\7")).type, CS_HOST_SIGNED);
    end(&host);
}

static void test_an_object_too_large_is_left_out(void **state)
{
    static uint8_t large[70000];
    struct softhsm_object objects[] = {
        SOFTHSM_ROW(&keys[0], SOFTHSM_ALL, LABEL("a"), ID("\1")),
        SOFTHSM_ROW(&keys[1], SOFTHSM_CERTIFICATE, LABEL("large"), ID("\2")),
        SOFTHSM_ROW(&keys[2], SOFTHSM_ALL, LABEL("c"), ID("\3")),
    };
    struct host_token *token;
    struct host host;

    (void)state;
    objects[1].value = CS_BYTES(large, sizeof(large));
    token = begin(&host, objects, 3);
    assert_int_equal(host_count(token, CS_HOST_CERTIFICATE), 2);
    assert_int_equal(host_count(token, CS_HOST_PRIVATE_KEY), 2);
    assert_int_equal(verify_sign(&host, token, &keys[2], ID("\3")).type, CS_HOST_SIGNED);
    end(&host);
}

static void test_several_tokens(void **state)
{
    struct softhsm_object object = SOFTHSM_ROW(&keys[0], SOFTHSM_ALL, LABEL("a"), ID("\1"));
    struct host_token *one, *two;
    struct host host;

    (void)state;
    softhsm_begin();
    softhsm_add_token("one", &object, 1);
    object.key = &keys[1];
    softhsm_add_token("two", &object, 1);
    softhsm_add_token("empty", NULL, 0);
    host_start(&host, SOFTHSM_MODULE, NULL);
    assert_int_equal(host.n_tokens, 3);
    one = host_token(&host, "one");
    two = host_token(&host, "two");
    assert_int_equal(host_login(&host, one, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(verify_sign(&host, one, &keys[0], ID("\1")).type, CS_HOST_SIGNED);
    assert_int_equal(verify_sign(&host, two, &keys[1], ID("\1")).code, CS_ERR_LOCKED);
    assert_int_equal(host_login(&host, two, SOFTHSM_PIN).type, CS_HOST_DONE);
    assert_int_equal(host_logout(&host, one, true).type, CS_HOST_DONE);
    assert_int_equal(verify_sign(&host, two, &keys[1], ID("\1")).type, CS_HOST_SIGNED);
    assert_int_equal(verify_sign(&host, one, &keys[0], ID("\1")).code, CS_ERR_LOCKED);
    end(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_without_public_key_object),
        cmocka_unit_test(test_one_label_for_all),
        cmocka_unit_test(test_one_id_for_all),
        cmocka_unit_test(test_no_id_at_all),
        cmocka_unit_test(test_key_and_certificate_that_do_not_match),
        cmocka_unit_test(test_any_bytes_in_names),
        cmocka_unit_test(test_several_certificates_for_a_key),
        cmocka_unit_test(test_an_object_too_large_is_left_out),
        cmocka_unit_test(test_several_tokens),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
