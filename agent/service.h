/* SPDX-License-Identifier: Apache-2.0 */
/* What requests work with, whichever way they came. */
#ifndef CS_AGENT_SERVICE_H
#define CS_AGENT_SERVICE_H

#include "audit/audit.h"
#include "config/rulebook.h"
#include "audit/usage.h"
#include "consent/consent.h"
#include "inventory/absent.h"
#include "inventory/change.h"
#include "request/digest.h"
#include "request/rate.h"
#include "inventory/inventory.h"
#include "hosts/supervisor.h"

struct cs_login;
struct cs_request;

struct cs_service {
    uv_loop_t *loop;
    const struct cs_config *config;
    struct cs_rulebook rulebook; /* changes the rules of config */
    struct cs_rates rates;
    struct cs_inventory inventory;
    struct cs_change change; /* what the watchers know of the inventory */
    struct cs_watchers watchers;
    struct cs_absent absent;
    struct cs_supervisor supervisor;
    struct cs_digest digest;
    struct cs_audit audit;
    struct cs_consents consents;
    struct cs_usage usage;
    TAILQ_HEAD(cs_request_list, cs_request) requests;
    size_t n_requests;
    TAILQ_HEAD(cs_login_list, cs_login) logins;
    uint64_t started; /* seconds of Unix time */
    uint64_t signatures;
    uint32_t clients;
};

#endif
