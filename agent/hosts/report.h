/* SPDX-License-Identifier: Apache-2.0 */
/* What a token host reports of its tokens, judged and put into the inventory. */
#ifndef CS_AGENT_REPORT_H
#define CS_AGENT_REPORT_H

#include "hosts/memory.h"
#include "inventory/inventory.h"
#include "base/wire.h"

struct cs_reports {
    struct cs_host *host;
    const char *module;
    unsigned order;
    struct cs_inventory *inventory;
    struct cs_memory memory; /* stays when they are dropped */
    size_t n_begun;
    struct cs_token *begun[CS_LIMIT_TOKENS_PER_HOST]; /* not yet whole */
    size_t n_tokens;
    char left_out[CS_TEXT_MAX]; /* what of its tokens is not taken, and why; or empty */
    char trouble[CS_TEXT_MAX];  /* why the host cannot use a token that is there; or empty */
};

/* TOKEN_BEGIN to TOKEN_GONE, and TROUBLE. A code less than 0 when the host broke the rules. */
int cs_reports_take(struct cs_reports *reports, const struct cs_frame *frame);
/* The host is gone, and so are its tokens. */
void cs_reports_drop(struct cs_reports *reports);

#endif
