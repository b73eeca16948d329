/* SPDX-License-Identifier: Apache-2.0 */
/* Steers the odd module, see odd-module.c. Its folder is SoftHSM's. */
#ifndef TESTS_TOKEN_ODD_H
#define TESTS_TOKEN_ODD_H

#include <stdbool.h>

/* What hosts that start from now on play. */
void odd_plays(const char *words);
void odd_set_file(const char *name, const char *content);
void odd_remove_file(const char *name);
bool odd_has_file(const char *name);
/* How often C_Login was called since the last odd_plays. */
unsigned odd_logins(void);

#endif
