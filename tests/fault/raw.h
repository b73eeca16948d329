/* SPDX-License-Identifier: Apache-2.0 */
/* Raw PKCS#11 calls to countersign-fault.so, for its own tests. */
#ifndef TESTS_FAULT_RAW_H
#define TESTS_FAULT_RAW_H

#include "control.h"
#include "../token/softhsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <p11-kit/pkcs11.h>

/* The tokens that raw_set_up makes, each with a P-256 key and certificate of its own name, and
 * "spare" with an RSA key beside. */
#define RAW_TOKENS                                                                                 \
    {                                                                                              \
        "corp", "home", "spare"                                                                    \
    }

int raw_set_up(void **state);
int raw_tear_down(void **state);
/* Before each test: an empty script and log, all PIN tries, the module not initialised. */
int raw_fresh(void **state);
/* After each test: the module finalised if it is not. */
int raw_over(void **state);

/* The module's functions. */
extern CK_FUNCTION_LIST *raw;

/* With OS locking. */
void raw_initialize(void);
#define assert_rv(call, rv) assert_int_equal((call), (rv))
#define assert_ok(call) assert_rv((call), CKR_OK)

CK_SESSION_HANDLE raw_open(CK_SLOT_ID slot);
CK_RV raw_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin);
/* Opens a session and logs in with the right PIN. */
CK_SESSION_HANDLE raw_enter(CK_SLOT_ID slot);
/* The private key of that label, or CK_INVALID_HANDLE. */
CK_OBJECT_HANDLE raw_key(CK_SESSION_HANDLE session, const char *label);
CK_RV raw_sign_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);
/* C_Sign alone, ECDSA, 32 bytes. */
CK_RV raw_sign(CK_SESSION_HANDLE session);
CK_FLAGS raw_token_flags(CK_SLOT_ID slot);

/* Runs it in a child that initialises the module for itself; the child's wait status. Status 0: it
 * returned. */
int raw_in_child(void (*run)(void));

#endif
