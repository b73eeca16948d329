/* SPDX-License-Identifier: Apache-2.0 */
/* Entries with fields for the journal, systemd's JOURNAL_NATIVE_PROTOCOL. */
#ifndef CS_AGENT_AUDIT_JOURNAL_H
#define CS_AGENT_AUDIT_JOURNAL_H

#include "base/buf.h"

#define CS_AUDIT_JOURNAL "/run/systemd/journal/socket"

struct cs_audit_journal {
    int fd; /* -1: our log does not go to the journal */
    struct cs_buf entry;
};

/* Only if standard error is the journal's: elsewhere a log line is all there is to read. */
void cs_audit_journal_init(struct cs_audit_journal *journal, const char *path);
void cs_audit_journal_deinit(struct cs_audit_journal *journal);

void cs_audit_journal_begin(struct cs_audit_journal *journal);
/* The field COUNTERSIGN_NAME. */
void cs_audit_journal_put(
    struct cs_audit_journal *journal, const char *name, struct cs_bytes value);
/* False if the entry did not go: the message must be logged otherwise. */
bool cs_audit_journal_send(struct cs_audit_journal *journal, const char *message);

#endif
