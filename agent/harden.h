/* SPDX-License-Identifier: Apache-2.0 */
/* What every process of ours that could hold or hand on a secret does first. */
#ifndef CS_HARDEN_H
#define CS_HARDEN_H

/*
 * No core dump, no debugger and no /proc/PID/mem for other processes of the user, and no new
 * privileges for us and our children. Writing to a closed pipe, or beyond a limit of size, is an
 * error, not a signal. Standard streams that are closed lead to /dev/null.
 * CS_ERR_SYSTEM: do not go on.
 */
int cs_harden(void);

#endif
