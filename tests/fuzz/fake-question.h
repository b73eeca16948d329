/* SPDX-License-Identifier: Apache-2.0 */
/* A person who is asked by agent/consent/question, and no prompt. Linked in the place of
 * question.c. */
#ifndef CS_TESTS_FUZZ_FAKE_QUESTION_H
#define CS_TESTS_FUZZ_FAKE_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#define PERSON_SAYS_NO 2

/* The input chooses what becomes of the question that is open: yes, no, silence, and a prompt that
 * does not start the next time. False if there is none. */
bool fake_question_answer(uint8_t how);

#endif
