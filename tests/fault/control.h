/* SPDX-License-Identifier: Apache-2.0 */
/* The test's side of countersign-fault.so: its script, its keypad, its log. module/script.c has the
 * grammar. */
#ifndef TESTS_FAULT_CONTROL_H
#define TESTS_FAULT_CONTROL_H

#include <stddef.h>

/* A fresh control directory inside the test's folder, named by $COUNTERSIGN_FAULT_DIR from now on.
 */
void control_begin(const char *folder);
/* Another one, for a second module: give "dir=" and its path as init arguments. */
void control_use(const char *directory);
const char *control_directory(void);

/* Replaces the script, lines from printf. */
void control_script(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Types on a slot's keypad: "pin 1234", "cancel". */
void control_type(unsigned long slot, const char *text);

/* How many lines of the log have all these words, one behind the other (a NULL ends them). */
size_t control_count(const char *first, ...) __attribute__((sentinel));
/* Waits until there are so many lines with the words; fails the test after 30 seconds. */
void control_wait(size_t n, const char *word);
/* An empty log. */
void control_clear(void);
/* All PINs have all their tries again. */
void control_forgive(void);
/* The log as it is; the caller frees it. */
char *control_log(void);

#endif
