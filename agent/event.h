/* SPDX-License-Identifier: Apache-2.0 */
/* What happens, told to whoever watches: clients at the socket, the bus. */
#ifndef CS_AGENT_EVENT_H
#define CS_AGENT_EVENT_H

#include "base/buf.h"

#include <countersign/protocol.h>
#include <sys/queue.h>

struct cs_token;

struct cs_event {
    enum cs_event_kind kind;
    struct cs_bytes subject;      /* the URI of a token or identity */
    struct cs_bytes identity;     /* its id, where it is about an identity */
    const struct cs_token *token; /* CS_EVENT_SIGNED: the key's */
    const char *text;             /* what happened, for people */
    const char *program;          /* CS_EVENT_SIGNED: who */
    const char *scheme;           /* CS_EVENT_SIGNED */
    int64_t not_after;            /* CS_EVENT_EXPIRING */
};

struct cs_watcher {
    TAILQ_ENTRY(cs_watcher) link;
    /* Borrowed until the return. It may leave, but end no other watcher. */
    void (*event)(void *user, const struct cs_event *event);
    void *user;
};

TAILQ_HEAD(cs_watchers, cs_watcher);

void cs_event_tell(struct cs_watchers *watchers, const struct cs_event *event);

#endif
