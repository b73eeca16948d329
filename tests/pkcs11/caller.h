/* SPDX-License-Identifier: Apache-2.0 */
/* A program that calls the module, which it loads as programs do, with a cabinet for its agent. */
#ifndef CS_TESTS_CALLER_H
#define CS_TESTS_CALLER_H

#include "cabinet.h"

#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

extern struct cabinet cabinet;
extern void *module;           /* of dlopen */
extern CK_FUNCTION_LIST *call; /* its functions */

/* Of a group: makes the keys once. */
int caller_start_cabinet(void **state);
int caller_stop_cabinet(void **state);
/* Of a test: one token "corp", the module loaded; and, with an initialised module, too. */
int caller_load(void **state);
int caller_initialize(void **state);
int caller_unload(void **state);

void caller_load_module(void);

/* A session on the first slot; the one object that has this class and label. */
CK_SESSION_HANDLE caller_session(void);
CK_OBJECT_HANDLE caller_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label);
CK_ULONG caller_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n);
/* How often the agent was asked anything since the last call. */
int caller_asked(void);

#define assert_ok(call) assert_int_equal(call, CKR_OK)
#define ATTRIBUTE(type, value)                                                                     \
    {                                                                                              \
        type, (void *)&(value), sizeof(value)                                                      \
    }

#endif
