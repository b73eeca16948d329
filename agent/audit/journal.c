/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same as in the record, in the journal, where `journalctl COUNTERSIGN_IDENTITY=...` finds it:
 * a datagram of fields for each line. libsystemd does no more. Called by audit.c.
 */
#include "audit/journal.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ENTRY_MAX (64u * 1024u)

void cs_audit_journal_init(struct cs_audit_journal *journal, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CS_AUTO(cs_closep) int fd = -1;

    *journal = (struct cs_audit_journal){.fd = -1, .entry = CS_BUF_INIT(ENTRY_MAX)};
    if (!secure_getenv("JOURNAL_STREAM"))
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        journal->fd = cs_steal_fd(&fd);
}

void cs_audit_journal_deinit(struct cs_audit_journal *journal)
{
    cs_closep(&journal->fd);
    cs_buf_deinit(&journal->entry);
}

void cs_audit_journal_begin(struct cs_audit_journal *journal)
{
    cs_buf_reset(&journal->entry);
}

/* A value with a line end in it has its length before it, in the byte order that journald reads. */
static void put_value(struct cs_buf *entry, struct cs_bytes value)
{
    if (!memchr(value.data, '\n', value.len)) {
        cs_buf_put_u8(entry, '=');
    } else {
        cs_buf_put_u8(entry, '\n');
        for (int i = 0; i < 8; i++)
            cs_buf_put_u8(entry, (uint8_t)((uint64_t)value.len >> (8 * i)));
    }
    cs_buf_put(entry, value.data, value.len);
    cs_buf_put_u8(entry, '\n');
}

static void put(struct cs_buf *entry, const char *name, struct cs_bytes value)
{
    for (; *name; name++)
        cs_buf_put_u8(entry, (uint8_t)toupper((unsigned char)*name));
    put_value(entry, value);
}

void cs_audit_journal_put(struct cs_audit_journal *journal, const char *name, struct cs_bytes value)
{
    if (journal->fd < 0 || value.len == 0)
        return;
    cs_buf_put(&journal->entry, "COUNTERSIGN_", strlen("COUNTERSIGN_"));
    put(&journal->entry, name, value);
}

bool cs_audit_journal_send(struct cs_audit_journal *journal, const char *message)
{
    struct cs_buf *entry = &journal->entry;
    char priority[8];

    if (journal->fd < 0)
        return false;
    snprintf(priority, sizeof(priority), "%d", CS_LOG_INFO);
    put(entry, "priority", cs_bytes_of(priority));
    put(entry, "syslog_identifier", cs_bytes_of("countersign-agent"));
    put(entry, "message", cs_bytes_of(message));
    return !entry->error && send(journal->fd, entry->data, entry->len,
                                MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)entry->len;
}
