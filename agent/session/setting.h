/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of [agent] about the user's session: when a login ends, and what is told. */
#ifndef CS_AGENT_SESSION_SETTING_H
#define CS_AGENT_SESSION_SETTING_H

#include <stdbool.h>
#include <stdint.h>

struct cs_session_setting {
    /* in milliseconds; 0: never, or not at all */
    uint64_t pin_timeout;
    uint64_t idle_timeout;
    uint64_t wait_for_token;
    bool lock_on_screen_lock;
    bool lock_on_sleep;
    bool lock_on_logout;
    bool notify;
};

void cs_session_setting_init(struct cs_session_setting *setting);
/* Takes a setting of [agent]. False when it is none of these; what to write instead of a wrong
 * value in *mendp, else NULL. */
bool cs_session_setting_take(
    struct cs_session_setting *setting, const char *name, const char *value, const char **mendp);

#endif
