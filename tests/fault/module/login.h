/* SPDX-License-Identifier: Apache-2.0 */
/* Logins: PIN tries, the keypad, and PINs for one use of a key. */
#ifndef FAULT_LOGIN_H
#define FAULT_LOGIN_H

#include "call.h"

CK_RV fault_login(struct fault_call *call, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len);
CK_RV fault_login_set_pin(struct fault_call *call, CK_UTF8CHAR *old_pin, CK_ULONG old_len,
    CK_UTF8CHAR *new_pin, CK_ULONG new_len);
CK_RV fault_login_init_pin(struct fault_call *call, CK_UTF8CHAR *pin, CK_ULONG pin_len);
CK_RV fault_login_init_token(
    struct fault_call *call, CK_UTF8CHAR *pin, CK_ULONG pin_len, CK_UTF8CHAR *label);
void fault_login_forget(void);

#endif
