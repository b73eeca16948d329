/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a display is there: variables may outlive the session they were of. */
#ifndef CS_PROMPT_DISPLAY_H
#define CS_PROMPT_DISPLAY_H

#include <stdbool.h>

/* Of DISPLAY and WAYLAND_DISPLAY, which may be NULL, whether somebody listens at one. X on another
 * host is believed to be there. */
bool cs_display_is_there(const char *x11, const char *wayland);

#endif
