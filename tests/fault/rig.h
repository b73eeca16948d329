/* SPDX-License-Identifier: Apache-2.0 */
/* A token host on countersign-fault.so, with the tokens "corp" and "home", a key on each. */
#ifndef TESTS_FAULT_RIG_H
#define TESTS_FAULT_RIG_H

#include "control.h"
#include "../token/host.h"
#include "../token/softhsm.h"
#include "../token/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern struct softhsm_key rig_key, rig_home_key; /* of corp, of home */
#define ID CS_BYTES("\x01", 1)
#define CORP "slot 0 token=corp "

/* The PIN comes from a command: the right one, a wrong one. */
extern const struct cs_host_configure rig_by_command, rig_by_wrong_command;

int rig_set_up(void **state);
int rig_tear_down(void **state);
/* Before each test: an empty log, all PIN tries. */
int rig_fresh(void **state);

/* A host on that script; the token "corp". */
struct host_token *rig_start(
    struct host *host, const char *script, const struct cs_host_configure *configure);
struct host_token *rig_start_unlocked(struct host *host, const char *script);
/* Ends the host, and looks whether it kept its word to the module all the time. */
void rig_end(struct host *host);

/* Asks for n signatures at once. */
void rig_ask_signatures(struct host *host, const struct host_token *token, size_t n);
/* Takes n answers, each with this sentence; "": it is no failure. */
void rig_sign_all(struct host *host, const char *expected, size_t n);

/* A file in the folder of the tokens; until the next call. */
const char *rig_path(const char *name);
void rig_write(const char *name, const char *content);

#define TEST(name) cmocka_unit_test_setup(test_##name, rig_fresh)

#endif
