/* SPDX-License-Identifier: Apache-2.0 */
/* What a token host was asked and has not answered. */
#ifndef CS_AGENT_JOB_H
#define CS_AGENT_JOB_H

#include "hosts/host.h"

struct cs_host_talk;

struct cs_job {
    TAILQ_ENTRY(cs_job) link;
    struct cs_host_talk *talk;
    uint32_t id;
    enum cs_host_message_type type;
    uint64_t asked; /* on the loop's clock */
    uint64_t limit;
    uint64_t overtaken; /* when one that was asked later was answered before it; 0: none was */
    bool at_reader;
    bool asks_person; /* the host does, as far as that takes more time */
    bool cancelled;
    uint32_t slot;     /* of a signature's token */
    cs_job_done *done; /* NULL when nobody waits any more */
    void *user;
};

struct cs_jobs {
    TAILQ_HEAD(cs_job_list, cs_job) list; /* in the order they were asked */
    uint32_t last_id;
    uint64_t last_answer; /* when the host last answered any that was not given up */
};

void cs_jobs_init(struct cs_jobs *jobs);
struct cs_job *cs_jobs_add(struct cs_jobs *jobs, struct cs_host_talk *talk);
/* Writes the frame that asks. */
int cs_job_put(struct cs_job *job, const struct cs_host_question *question, struct cs_buf *buf);
struct cs_job *cs_jobs_find(const struct cs_jobs *jobs, uint32_t id);
bool cs_jobs_is_empty(const struct cs_jobs *jobs);
/* The host has answered it; what waits longer is overtaken. An answer to what was given up says
 * nothing of the module. */
void cs_jobs_note_answer(struct cs_jobs *jobs, const struct cs_job *job, uint64_t now);
/* Takes the job out and tells who waits. */
void cs_jobs_answer(struct cs_jobs *jobs, struct cs_job *job, const struct cs_answer *answer);
void cs_jobs_fail(struct cs_jobs *jobs, int code, const char *text);
/* A signature that the token has been asked for long enough that it may want to be touched, or
 * NULL.
 */
const struct cs_job *cs_jobs_silent(const struct cs_jobs *jobs, uint64_t now);
/* A job that shows that the host hangs, or NULL. */
const struct cs_job *cs_jobs_overdue(const struct cs_jobs *jobs, uint64_t now);

#endif
