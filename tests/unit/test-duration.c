/* SPDX-License-Identifier: Apache-2.0 */
/* Times in the configuration, and the settings that hold them. */
#include "base/duration.h"
#include "session/setting.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_times_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t milliseconds;
    } rows[] = {
        {"none", 0},
        {"0", 0},
        {"0s", 0},
        {"250ms", 250},
        {"30s", 30000},
        {"15m", 15 * 60000},
        {"8h", 8 * 3600000},
        {"8 h", 8 * 3600000},
        {"2d", 2 * 86400000},
        {"366d", CS_DURATION_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t seen = 1;

        assert_int_equal(cs_duration_parse(rows[i].text, &seen), 0);
        assert_int_equal(seen, rows[i].milliseconds);
    }
}

static void test_what_is_no_time_is_refused(void **state)
{
    static const char *const rows[] = {"", "s", "30", "-1s", "+1s", " 1s", "1 s ", "1h30m", "1.5h",
        "1S", "367d", "99999999999999999999s", "never"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t seen = 77;

        assert_int_equal(cs_duration_parse(rows[i], &seen), CS_ERR_INVALID);
        assert_int_equal(seen, 77);
    }
}

static void test_times_are_said(void **state)
{
    char text[64];

    (void)state;
    assert_string_equal(cs_duration_text(3600000, text, sizeof(text)), "1 hour");
    assert_string_equal(cs_duration_text(8 * 3600000, text, sizeof(text)), "8 hours");
    assert_string_equal(cs_duration_text(5400000, text, sizeof(text)), "90 minutes");
    assert_string_equal(cs_duration_text(1500, text, sizeof(text)), "1500 milliseconds");
    assert_string_equal(cs_duration_text(0, text, sizeof(text)), "0 milliseconds");
}

static void test_settings(void **state)
{
    struct cs_session_setting setting;
    const char *mend;

    (void)state;
    cs_session_setting_init(&setting);
    assert_true(setting.lock_on_screen_lock && setting.lock_on_sleep && setting.lock_on_logout);
    assert_true(setting.notify);
    assert_int_equal(setting.pin_timeout + setting.idle_timeout + setting.wait_for_token, 0);
    assert_true(cs_session_setting_take(&setting, "pin-timeout", "8h", &mend));
    assert_null(mend);
    assert_int_equal(setting.pin_timeout, 8 * 3600000);
    assert_true(cs_session_setting_take(&setting, "lock-on", "sleep", &mend));
    assert_true(!mend && !setting.lock_on_screen_lock && setting.lock_on_sleep);
    assert_false(setting.lock_on_logout);
    assert_true(cs_session_setting_take(&setting, "lock-on", "logout,sleep", &mend));
    assert_true(!mend && !setting.lock_on_screen_lock && setting.lock_on_sleep);
    assert_true(setting.lock_on_logout);
    assert_true(cs_session_setting_take(&setting, "lock-on", "screen-lock, sleep", &mend));
    assert_true(!mend && setting.lock_on_screen_lock && setting.lock_on_sleep);
    assert_false(setting.lock_on_logout);
    assert_true(cs_session_setting_take(&setting, "lock-on", "never", &mend));
    assert_true(!mend && !setting.lock_on_screen_lock && !setting.lock_on_sleep);
    assert_false(setting.lock_on_logout);
    assert_true(cs_session_setting_take(&setting, "notify", "no", &mend));
    assert_true(!mend && !setting.notify);
}

static void test_wrong_settings_are_told(void **state)
{
    struct cs_session_setting setting;
    const char *mend;

    (void)state;
    cs_session_setting_init(&setting);
    assert_false(cs_session_setting_take(&setting, "prompt", "auto", &mend));
    assert_null(mend);
    assert_true(cs_session_setting_take(&setting, "idle-timeout", "soon", &mend));
    assert_non_null(mend);
    assert_true(cs_session_setting_take(&setting, "lock-on", "screen-lock, lid", &mend));
    assert_non_null(mend);
    assert_true(cs_session_setting_take(&setting, "notify", "maybe", &mend));
    assert_non_null(mend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_are_read),
        cmocka_unit_test(test_what_is_no_time_is_refused),
        cmocka_unit_test(test_times_are_said),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_wrong_settings_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
