/* SPDX-License-Identifier: Apache-2.0 */
/* The session as the user's systemd knows it: desktops tell it their display when they start. */
#ifndef CS_PROMPT_SESSION_H
#define CS_PROMPT_SESSION_H

/* The variables that systemd gives to what it starts, each NAME=VALUE, NULL at their end; or NULL
 * where there is no systemd that tells. Free with cs_ask_environment_free. */
char **cs_session_variables(void);

#endif
