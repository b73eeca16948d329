/* SPDX-License-Identifier: Apache-2.0 */
/* The script's grammar: what is meant is what is read, and what is wrong is refused with its line.
 */
#include "module/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static char error[256];

static bool parse(const char *text, struct fault_script *script)
{
    char copy[4096];

    strcpy(copy, text);
    memset(script, 0, sizeof(*script));
    error[0] = '\0';
    return fault_script_parse(copy, script, error, sizeof(error));
}

static void test_slots_and_options(void **state)
{
    static struct fault_script script;
    const struct fault_spec *spec = &script.slots[0];

    (void)state;
    assert_true(parse("# a comment\n"
                      "option no-locking\n"
                      "option boastful\n"
                      "\n"
                      "slot 7 token=my%20card tries=3 keypad always-authenticate=a "
                      "always-authenticate=%ff gone=CKR_DEVICE_REMOVED "
                      "flags=+USER_PIN_FINAL_TRY,-CKF_RNG label=\n"
                      "slot 8 absent\n"
                      "slot 9 bad\n"
                      "slot 10 bad=0x80000001\n"
                      "slot 11 token=a terse open=1234",
        &script));
    assert_true(script.no_locking && script.single_thread && script.boastful && !script.no_wait);
    assert_int_equal(script.n_slots, 5);
    assert_int_equal(spec->id, 7);
    assert_int_equal(spec->token.len, 7);
    assert_memory_equal(spec->token.data, "my card", 7);
    assert_int_equal(spec->tries, 3);
    assert_true(spec->keypad && !spec->always_authenticate);
    assert_int_equal(spec->n_labels, 2);
    assert_int_equal(spec->labels[1].data[0], 0xff);
    assert_int_equal(spec->gone, CKR_DEVICE_REMOVED);
    assert_int_equal(spec->set_flags, CKF_USER_PIN_FINAL_TRY);
    assert_int_equal(spec->clear_flags, CKF_RNG);
    assert_true(spec->label.set && spec->label.len == 0);
    assert_true(script.slots[1].absent);
    assert_int_equal(script.slots[2].bad, CKR_DEVICE_ERROR);
    assert_int_equal(script.slots[3].bad, 0x80000001);
    assert_true(script.slots[4].terse && script.slots[4].open.len == 4);
}

static void test_rules(void **state)
{
    static struct fault_script script;
    const struct fault_rule *rule = script.rules;

    (void)state;
    assert_true(parse("fail C_Sign CKR_DEVICE_ERROR once at=3 slot=0 after\n"
                      "delay * 15 every=2 times=4\n"
                      "hang C_Login then=CKR_FUNCTION_FAILED forever elder\n"
                      "exit C_FindObjects 4\n",
        &script));
    assert_int_equal(script.n_rules, 4);
    assert_int_equal(rule[0].function, FAULT_C_Sign);
    assert_int_equal(rule[0].rv, CKR_DEVICE_ERROR);
    assert_true(rule[0].times == 1 && rule[0].at == 3 && rule[0].every == 1 && rule[0].after);
    assert_true(rule[0].has_slot && rule[0].slot == 0 && !rule[0].elder);
    assert_int_equal(rule[1].function, FAULT_EVERY_FUNCTION);
    assert_true(rule[1].value == 15 && rule[1].every == 2 && rule[1].times == 4);
    assert_false(rule[1].has_slot);
    assert_true(rule[2].rv == CKR_FUNCTION_FAILED && rule[2].forever && rule[2].elder);
    assert_int_equal(rule[3].value, 4);
}

static void test_what_is_wrong_is_refused(void **state)
{
    static struct fault_script script;
    static const char *const lines[] = {
        "fial C_Sign CKR_DEVICE_ERROR",
        "fail C_Sing CKR_DEVICE_ERROR",
        "fail C_Sign CKR_DEVICE_EROR",
        "fail C_Sign",
        "fail C_Sign CKR_OK",
        "fail C_Sign CKR_DEVICE_ERROR onec",
        "fail C_Sign CKR_DEVICE_ERROR times",
        "fail C_Sign CKR_DEVICE_ERROR times=x",
        "fail C_Sign CKR_DEVICE_ERROR at=0",
        "fail C_Sign CKR_DEVICE_ERROR forever",
        "fail C_Sign 0x",
        "fail C_GetFunctionList CKR_DEVICE_ERROR",
        "delay C_Sign soon",
        "delay C_Sign -5",
        "delay C_Sign 5 after",
        "crash C_Sign then=CKR_DEVICE_ERROR",
        "crash",
        "slot",
        "slot x token=a",
        "slot 1",
        "slot 1 token=a index=2",
        "slot 1 token",
        "slot 1 token=a keypad=yes",
        "slot 1 token=a%2",
        "slot 1 token=a%zz",
        "slot 1 token=a colour=red",
        "slot 1 token=a flags=USER_PIN_LOCKED",
        "slot 1 token=a flags=+USER_PIN_LOKED",
        "slot 0 absent",
        "slot 1 label=1234567890123456789012345678901234567890123456789012345678901234567890",
        "option",
        "option no-loking",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[256] = "slot 0 absent\n\n";

        strcat(text, lines[i]);
        if (parse(text, &script))
            fail_msg("\"%s\" was accepted", lines[i]);
        assert_non_null(strstr(error, "line 3: "));
    }
}

static void test_every_name_comes_back(void **state)
{
    enum fault_function function;

    (void)state;
    for (unsigned i = 0; i < FAULT_N_FUNCTIONS; i++) {
        assert_true(fault_function_by_name(fault_function_name((enum fault_function)i), &function));
        assert_int_equal(function, i);
    }
    assert_int_equal(FAULT_N_FUNCTIONS, 68);
    for (CK_RV rv = 0; rv < 0x300; rv++) {
        CK_RV back;

        assert_true(fault_rv_by_name(fault_rv_name(rv), &back));
        assert_int_equal(back, rv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_and_options),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_what_is_wrong_is_refused),
        cmocka_unit_test(test_every_name_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
