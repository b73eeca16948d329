/* SPDX-License-Identifier: Apache-2.0 */
/* The policy for the wire. */
#ifndef CS_AGENT_DESCRIPTION_H
#define CS_AGENT_DESCRIPTION_H

#include "inventory/inventory.h"
#include "policy/policy.h"

/* Puts the rules, as entries of POLICY's reply. */
void cs_policy_put_rules(
    const struct cs_policy *policy, const struct cs_inventory *inventory, struct cs_buf *buf);

#endif
