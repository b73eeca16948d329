/* SPDX-License-Identifier: Apache-2.0 */
/* The talk with a token host over its socket: what it is asked, what it answers and reports. */
#ifndef CS_AGENT_HOST_TALK_H
#define CS_AGENT_HOST_TALK_H

#include "hosts/job.h"
#include "hosts/report.h"

struct cs_host_talk_events {
    /* It has reported every token that is there. Once in each talk. */
    void (*scanned)(void *user);
    /* It has more trouble with its tokens, or less. */
    void (*troubled)(void *user);
    /* It says why it is about to give up. */
    void (*explained)(void *user, struct cs_bytes why);
    /* It broke the rules, why says to people which. It is of no use any more. */
    void (*broken)(void *user, const char *why);
    /* It hung up; the talk is being closed. */
    void (*ended)(void *user);
    /* After cs_host_talk_close, or ended: another may start. */
    void (*closed)(void *user);
};

struct cs_host_talk {
    const struct cs_host_setting *setting;
    const struct cs_host_talk_events *on;
    void *user;
    struct cs_channel channel;
    bool open;    /* closed has not come */
    bool loaded;  /* it has said that its module is */
    bool scanned; /* its first scan is over */
    struct cs_jobs jobs;
    struct cs_reports reports;
};

/* reports says whose talk it is, and what of a token must outlive it. */
void cs_host_talk_init(struct cs_host_talk *talk, const struct cs_host_setting *setting,
    const struct cs_reports *reports, const struct cs_host_talk_events *events, void *user);
/* Only when it is closed. */
void cs_host_talk_deinit(struct cs_host_talk *talk);

/* Takes the connected socket fd, in every case, and tells the host how to log in. */
int cs_host_talk_start(struct cs_host_talk *talk, int fd);
/* Does nothing to one that is not open. */
void cs_host_talk_close(struct cs_host_talk *talk);

/* As cs_host_ask, but the caller keeps the descriptors, and says whom to tell in *jobp. When it has
 * hung up, the job waits for what its end brings. */
int cs_host_talk_ask(struct cs_host_talk *talk, const struct cs_host_question *question,
    const int *fds, size_t n_fds, struct cs_job **jobp);

#endif
