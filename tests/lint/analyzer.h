/* SPDX-License-Identifier: Apache-2.0 */
/* Read before each file by clang's analyzer alone: what it cannot find out, for it sees one file at
 * a time and gets lost in lists. */
#ifndef CS_LINT_ANALYZER_H
#define CS_LINT_ANALYZER_H

#include <sys/queue.h>

#include "../../client/base/error.h"

/* They return the code they are given. */
#define cs_fail(fault, code, ...) ((void)cs_fail((fault), (code), __VA_ARGS__), (code))
#undef cs_trace
#define cs_trace(code) (code)

/* An element that was taken out and freed is no longer the first. */
void cs_analyzer_forget(void *head);
#undef TAILQ_FIRST
#define TAILQ_FIRST(head) (cs_analyzer_forget((void *)(head)), (head)->tqh_first)

#endif
