/* SPDX-License-Identifier: Apache-2.0 */
/* What each program has had signed, counted since the agent started. */
#ifndef CS_AGENT_USAGE_H
#define CS_AGENT_USAGE_H

#include "base/consent-message.h"

#include <stddef.h>

struct cs_usage_entry {
    char *program;
    uint64_t signatures, proven, denied;
};

struct cs_usage {
    struct cs_usage_entry *entries;
    size_t n;
};

void cs_usage_deinit(struct cs_usage *usage);
/* A signature that was handed out, or one that was denied. */
void cs_usage_count(struct cs_usage *usage, const char *program, bool proven, bool denied);
/* The body of the reply to USES. */
void cs_usage_put(const struct cs_usage *usage, struct cs_buf *buf);

#endif
