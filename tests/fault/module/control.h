/* SPDX-License-Identifier: Apache-2.0 */
/* The control directory, the script in force, and the lock under which it is in force. */
#ifndef FAULT_CONTROL_H
#define FAULT_CONTROL_H

#include "counter.h"
#include "script.h"

/* Opens the directory and what lies in it and reads the script; apply is called then and after
 * every change, alone, and may refuse the script with a reason. */
typedef bool (*fault_control_apply)(
    const struct fault_script *script, char *error, size_t error_size);
bool fault_control_open(const char *directory);
bool fault_control_start(fault_control_apply apply);
void fault_control_stop(void);
bool fault_control_is_started(void);
/* In a child that was forked: the parent's locks mean nothing here. */
void fault_control_forget_parent(void);

/* Between enter and leave nothing changes: script, slots, SoftHSM being there. enter brings the
 * script up to date first. It fails with CKR_CRYPTOKI_NOT_INITIALIZED or, when the script is wrong,
 * CKR_GENERAL_ERROR; then there is nothing to leave. */
CK_RV fault_control_enter(void);
void fault_control_leave(void);
const struct fault_script *fault_control_script(void);
struct fault_version fault_control_version(void);
/* Whether the module was started before that version came. */
bool fault_control_is_elder(void);
/* Whenever: the script has changed since. */
bool fault_control_is_newer(const struct fault_version *than);

/* Alone: nobody else is between enter and leave. */
void fault_control_enter_alone(void);

/* Takes a file away from the control directory and reads it: what it says, or false while it is not
 * there. */
bool fault_control_take(const char *name, char *text, size_t size);
void fault_control_sleep(unsigned long milliseconds);

#endif
