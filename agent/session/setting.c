/* SPDX-License-Identifier: Apache-2.0 */
/* Called by config.c for every setting of [agent] that it does not know itself. */
#include "session/setting.h"
#include "base/duration.h"

#include <string.h>

void cs_session_setting_init(struct cs_session_setting *setting)
{
    *setting = (struct cs_session_setting){
        .lock_on_screen_lock = true, .lock_on_sleep = true, .lock_on_logout = true, .notify = true};
}

static bool is_word(const char *value, size_t len, const char *word)
{
    return len == strlen(word) && strncmp(value, word, len) == 0;
}

/* "screen-lock, sleep, logout", some of them, or "never". */
static bool take_lock_on(struct cs_session_setting *setting, const char *value)
{
    bool screen_lock = false, sleep = false, logout = false;
    size_t len;

    for (; *value; value += len) {
        value += strspn(value, ", ");
        len = strcspn(value, ", ");
        if (is_word(value, len, "screen-lock"))
            screen_lock = true;
        else if (is_word(value, len, "sleep"))
            sleep = true;
        else if (is_word(value, len, "logout"))
            logout = true;
        else if (len > 0 && !is_word(value, len, "never"))
            return false;
    }
    setting->lock_on_screen_lock = screen_lock;
    setting->lock_on_sleep = sleep;
    setting->lock_on_logout = logout;
    return true;
}

bool cs_session_setting_take(
    struct cs_session_setting *setting, const char *name, const char *value, const char **mendp)
{
    uint64_t *time = NULL;

    *mendp = NULL;
    if (strcmp(name, "pin-timeout") == 0) {
        time = &setting->pin_timeout;
    } else if (strcmp(name, "idle-timeout") == 0) {
        time = &setting->idle_timeout;
    } else if (strcmp(name, "wait-for-token") == 0) {
        time = &setting->wait_for_token;
    } else if (strcmp(name, "lock-on") == 0) {
        if (!take_lock_on(setting, value))
            *mendp = "write screen-lock, sleep, logout, several with commas between them, or never";
    } else if (strcmp(name, "notify") == 0) {
        setting->notify = strcmp(value, "no") != 0;
        if (setting->notify && strcmp(value, "yes") != 0)
            *mendp = "write yes or no";
    } else {
        return false;
    }
    if (time && cs_duration_parse(value, time) < 0)
        *mendp = "write a time such as 30s, 15m or 8h, or none";
    return true;
}
