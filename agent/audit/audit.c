/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of uses. A line costs one lstat and one write to the page cache, some 4 µs; it is not
 * synced, for a record that outlives a power cut would cost a disk's time with each signature. A
 * signature does not wait for its line, which is written in the same turn of the loop: only an
 * agent that is killed between the two loses it. Where no use may be missing, with strict, the line
 * comes first. Refusals come after their line.
 *
 * When it cannot be written, the log, `countersign status` and a notice at the desktop say so,
 * once, and how many lines are missing is in the record as soon as it can be written again. Called
 * by everything that uses a key or changes who may.
 */
#include "audit/audit.h"
#include "limit.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/runtime.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>

#define ENTRY_MAX (64u * 1024u)

void cs_audit_init(struct cs_audit *audit)
{
    char path[PATH_MAX - 16] = "";

    *audit = (struct cs_audit){.line = CS_BUF_INIT(ENTRY_MAX)};
    if (cs_runtime_audit_path(path, sizeof(path)) < 0)
        path[0] = '\0';
    cs_audit_file_init(&audit->file, path, CS_LIMIT_AUDIT_FILE);
    cs_audit_journal_init(&audit->journal, CS_AUDIT_JOURNAL);
}

void cs_audit_deinit(struct cs_audit *audit)
{
    cs_audit_file_deinit(&audit->file);
    cs_audit_journal_deinit(&audit->journal);
    cs_buf_deinit(&audit->line);
}

static void set_trouble(struct cs_audit *audit, const char *trouble)
{
    if (strcmp(audit->trouble, trouble) == 0)
        return;
    snprintf(audit->trouble, sizeof(audit->trouble), "%s", trouble);
    audit->changes++;
    if (*trouble)
        cs_error("uses are not recorded: %s%s", trouble,
            audit->strict ? "; until that is mended nothing is signed" : "");
}

void cs_audit_set(struct cs_audit *audit, bool on, bool strict)
{
    audit->on = on;
    audit->strict = strict;
    if (!on)
        set_trouble(audit, "");
}

static void put_time(struct cs_audit *audit)
{
    struct timespec now;
    struct tm tm;
    char text[48];

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != audit->second || !audit->clock[0]) {
        gmtime_r(&now.tv_sec, &tm);
        strftime(audit->clock, sizeof(audit->clock), "%Y-%m-%dT%H:%M:%S", &tm);
        audit->second = now.tv_sec;
    }
    snprintf(text, sizeof(text), "{\"time\":\"%s.%03uZ\"", audit->clock,
        (unsigned)(now.tv_nsec / 1000000) % 1000);
    cs_buf_put(&audit->line, text, strlen(text));
}

static void put_name(struct cs_audit *audit, const char *name)
{
    cs_buf_put(&audit->line, ",\"", 2);
    cs_buf_put(&audit->line, name, strlen(name));
    cs_buf_put(&audit->line, "\":", 2);
}

static void put_caller(struct cs_audit *audit, const struct cs_caller *caller)
{
    char pid[16];

    cs_audit_put(audit, "program", cs_bytes_of(cs_caller_name(caller)));
    cs_audit_put(audit, "app", cs_bytes_of(caller->procfs.program.app));
    cs_audit_put(audit, "unit", cs_bytes_of(caller->procfs.program.unit));
    if (caller->pid <= 0)
        return;
    snprintf(pid, sizeof(pid), "%d", (int)caller->pid);
    cs_audit_journal_put(&audit->journal, "pid", cs_bytes_of(pid));
    put_name(audit, "pid");
    cs_buf_put(&audit->line, pid, strlen(pid));
}

void cs_audit_begin(struct cs_audit *audit, const char *event, const struct cs_caller *caller)
{
    cs_buf_reset(&audit->line);
    cs_audit_journal_begin(&audit->journal);
    if (!audit->on)
        return;
    put_time(audit);
    cs_audit_put(audit, "event", cs_bytes_of(event));
    if (caller)
        put_caller(audit, caller);
}

void cs_audit_put(struct cs_audit *audit, const char *name, struct cs_bytes text)
{
    if (!audit->on || text.len == 0)
        return;
    cs_audit_journal_put(&audit->journal, name, text);
    put_name(audit, name);
    cs_escape_string(&audit->line, text);
}

void cs_audit_put_hex(struct cs_audit *audit, const char *name, struct cs_bytes bytes)
{
    size_t at;

    if (!audit->on || bytes.len == 0)
        return;
    put_name(audit, name);
    cs_buf_put_u8(&audit->line, '"');
    at = audit->line.len;
    cs_escape_hex(&audit->line, bytes);
    if (!audit->line.error)
        cs_audit_journal_put(
            &audit->journal, name, CS_BYTES(audit->line.data + at, audit->line.len - at));
    cs_buf_put_u8(&audit->line, '"');
}

void cs_audit_put_bool(struct cs_audit *audit, const char *name, bool value)
{
    const char *text = value ? "true" : "false";

    if (!audit->on)
        return;
    cs_audit_journal_put(&audit->journal, name, cs_bytes_of(text));
    put_name(audit, name);
    cs_buf_put(&audit->line, text, strlen(text));
}

void cs_audit_put_outcome(struct cs_audit *audit, const char *done, int code, const char *why)
{
    const char *error = code < 0 ? strrchr(cs_error_dbus_name(code), '.') + 1 : done;

    cs_audit_put(audit, "outcome", cs_bytes_of(error));
    if (code < 0)
        cs_audit_put(audit, "why", cs_bytes_of(why));
}

static int append(struct cs_audit *audit, struct cs_fault *fault)
{
    cs_buf_put(&audit->line, "}\n", 2);
    if (audit->line.error)
        return cs_fail(fault, audit->line.error, "a line: %s", cs_error_text(audit->line.error));
    if (!audit->file.path[0])
        return cs_fail(fault, CS_ERR_SYSTEM,
            "its place is not known: start the agent with HOME or XDG_STATE_HOME in its "
            "environment");
    return cs_audit_file_append(&audit->file, cs_buf_bytes(&audit->line), fault);
}

/* It can be written to again. Where there is no room for this, too, it is said later. */
static void say_what_is_missing(struct cs_audit *audit)
{
    uint64_t lost = audit->lost;
    char text[96];

    snprintf(text, sizeof(text), "%llu line%s before this one could not be written",
        (unsigned long long)lost, lost == 1 ? "" : "s");
    cs_notice("uses are recorded again: %s", text);
    audit->lost = 0;
    cs_audit_note(audit, "gap", NULL, text);
    if (audit->lost > 0)
        audit->lost = lost;
}

static int write_line(struct cs_audit *audit, struct cs_fault *fault)
{
    struct cs_fault why = {0};

    if (!audit->on)
        return 0;
    if (append(audit, &why) == 0) {
        set_trouble(audit, "");
        if (audit->lost > 0)
            say_what_is_missing(audit);
        return 0;
    }
    audit->lost++;
    set_trouble(audit, why.text);
    if (!audit->strict)
        return 0;
    return cs_fail(fault, CS_ERR_DENIED,
        "nothing is signed that cannot be recorded (%s): make room there, or set audit-failure = "
        "allow in the [agent] section",
        why.text);
}

int cs_audit_end(struct cs_audit *audit, const char *message, struct cs_fault *fault)
{
    if (message && !cs_audit_journal_send(&audit->journal, message))
        cs_info("%s", message);
    return write_line(audit, fault);
}

void cs_audit_note(
    struct cs_audit *audit, const char *event, const struct cs_caller *caller, const char *why)
{
    cs_audit_begin(audit, event, caller);
    cs_audit_put(audit, "why", cs_bytes_of(why));
    cs_audit_end(audit, NULL, NULL);
}

static void on_event(void *user, const struct cs_event *event)
{
    struct cs_audit *audit = user;

    if (event->kind != CS_EVENT_TOKEN_LOCKED)
        return;
    cs_audit_begin(audit, "lock", NULL);
    cs_audit_put(audit, "uri", event->subject);
    cs_audit_put(audit, "why", cs_bytes_of(event->text));
    cs_audit_end(audit, NULL, NULL);
}

void cs_audit_watch(struct cs_audit *audit, struct cs_watchers *watchers)
{
    audit->watcher = (struct cs_watcher){.event = on_event, .user = audit};
    TAILQ_INSERT_TAIL(watchers, &audit->watcher, link);
}
