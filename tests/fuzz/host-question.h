/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent asks the host in fuzz-host. Each question is answered once, unless it was given
 * up; one whose host did no wrong is answered as the host did. */
#ifndef CS_TESTS_FUZZ_HOST_QUESTION_H
#define CS_TESTS_FUZZ_HOST_QUESTION_H

#include "hosts/job.h"

#define HOST_QUESTION_SLOT 1   /* of the token that all are about */
#define HOST_QUESTION_PERSON 3 /* seconds that a person may take */

struct host_question {
    struct cs_job *job; /* NULL: done, or given up */
    uint32_t id;
    enum cs_host_message_type type;
    unsigned life;
    uint8_t next; /* what its asker does when it is done */
    bool given_up;
    bool answered; /* by the host */
    int code;
};

void host_question_begin(void);
/* The input chooses what is asked, and what comes of the answer; size octets are to be signed. */
void host_question_ask(uint8_t how, uint8_t next, size_t size);
/* Is asked as soon as something changes; 0: nothing. */
void host_question_ask_eagerly(uint8_t how);
/* For struct cs_host_setting. */
void host_question_on_changed(void *user);
/* Its asker cancels it, gives it up or forgets it. */
void host_question_disturb(uint8_t which, uint8_t how);
/* No question leads to another any more. */
void host_question_calm(void);
/* One of those that were asked; NULL when none was. */
struct host_question *host_question_get(uint8_t which);
bool host_question_is_any_open(void);
/* What must be so at any time. */
void host_question_check(void);

#endif
