/* SPDX-License-Identifier: Apache-2.0 */
/* The record of uses: a line of JSON for each, countersign.conf(5). */
#ifndef CS_AGENT_AUDIT_H
#define CS_AGENT_AUDIT_H

#include "audit/file.h"
#include "audit/journal.h"
#include "event.h"
#include "socket/caller.h"

#include <time.h>

struct cs_audit {
    bool on;
    bool strict; /* what cannot be recorded must not happen */
    struct cs_audit_file file;
    struct cs_audit_journal journal;
    struct cs_buf line; /* that is being put together */
    time_t second;      /* of the last line, and how it reads */
    char clock[24];
    uint64_t lost;      /* lines since it was last written to */
    char trouble[1024]; /* why it cannot be written to; empty: it can */
    uint64_t changes;   /* of trouble */
    struct cs_watcher watcher;
};

/* From the environment, once. Until it is set it is off. */
void cs_audit_init(struct cs_audit *audit);
void cs_audit_deinit(struct cs_audit *audit);
/* From then on tokens that are locked are on record, whatever locks them. */
void cs_audit_watch(struct cs_audit *audit, struct cs_watchers *watchers);
void cs_audit_set(struct cs_audit *audit, bool on, bool strict);

/*
 * A line: begin, what there is to tell, end. Texts may hold any bytes; empty ones are left out. The
 * names of events and fields are those of countersign.conf(5). caller may be NULL.
 */
void cs_audit_begin(struct cs_audit *audit, const char *event, const struct cs_caller *caller);
void cs_audit_put(struct cs_audit *audit, const char *name, struct cs_bytes text);
void cs_audit_put_hex(struct cs_audit *audit, const char *name, struct cs_bytes bytes);
void cs_audit_put_bool(struct cs_audit *audit, const char *name, bool value);
/* "outcome": done, or the name of the error; then "why". */
void cs_audit_put_outcome(struct cs_audit *audit, const char *done, int code, const char *why);

/*
 * Writes it, before it returns. message is the log line for it, or NULL if there is one already.
 * CS_ERR_DENIED, with a sentence, if it could not be written and what is not recorded must not
 * happen; otherwise 0.
 */
int cs_audit_end(struct cs_audit *audit, const char *message, struct cs_fault *fault);

/* A line that says only what happened. */
void cs_audit_note(
    struct cs_audit *audit, const char *event, const struct cs_caller *caller, const char *why);

#endif
