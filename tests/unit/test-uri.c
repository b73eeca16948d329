/* SPDX-License-Identifier: Apache-2.0 */
/* What is a URI, and what of it is handed on. */
#include "base/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_the_case_of_the_scheme_does_not_matter(void **state)
{
    (void)state;
    assert_true(cs_uri_is("pkcs11:"));
    assert_true(cs_uri_is("PKCS11:token=corp"));
    assert_true(cs_uri_is("PkCs11:token=corp"));
    assert_false(cs_uri_is("pkcs11"));
    assert_false(cs_uri_is("pkcs12:"));
    assert_false(cs_uri_is(""));
}

static void test_a_pin_is_not_handed_on(void **state)
{
    static const struct {
        const char *name, *kept;
    } rows[] = {
        {"pkcs11:", "pkcs11:"},
        {"pkcs11:object=a", "pkcs11:object=a"},
        {"pkcs11:object=a;", "pkcs11:object=a;"},
        {"pkcs11:;;object=a", "pkcs11:;;object=a"},
        {"pkcs11:object=a?pin-value=1234", "pkcs11:object=a"},
        {"pkcs11:?pin-value=1234", "pkcs11:"},
        {"PKCS11:object=a?module-name=x&pin-source=y", "PKCS11:object=a"},
        {"pkcs11:object=a;pin-value=1234", "pkcs11:object=a"},
        {"pkcs11:pin-value=1234", "pkcs11:"},
        {"pkcs11:pin-value=1234;object=a;type=private", "pkcs11:object=a;type=private"},
        {"pkcs11:token=b; pin-value=1234;object=a?x=y", "pkcs11:token=b;object=a"},
        {"pkcs11:token=b;pinfile=/x;PIN-value=1;object=pin", "pkcs11:token=b;object=pin"},
        {"what?pin-value=1234", "what?pin-value=1234"}, /* a label */
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *kept = cs_uri_without_pin(rows[i].name);

        assert_non_null(kept);
        assert_string_equal(kept, rows[i].kept);
        free(kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_case_of_the_scheme_does_not_matter),
        cmocka_unit_test(test_a_pin_is_not_handed_on),
    };

    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
