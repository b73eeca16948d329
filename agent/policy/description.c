/* SPDX-License-Identifier: Apache-2.0 */
/* The rules as they travel: in words, so that a client needs to know none of their insides. */
#include "policy/description.h"
#include "base/duration.h"
#include "base/message.h"

#include <stdio.h>

static struct cs_bytes join(const struct cs_rule_list *list, struct cs_buf *space)
{
    for (size_t i = 0; i < list->n; i++) {
        struct cs_bytes item = cs_bytes_of(list->items[i]);

        if (i > 0)
            cs_buf_put(space, ", ", 2);
        cs_buf_put(space, item.data, item.len);
    }
    return cs_buf_bytes(space);
}

static uint32_t count_keys(const struct cs_rule *rule, const struct cs_inventory *inventory)
{
    uint32_t n = 0;

    for (size_t i = 0; i < inventory->n_identities; i++)
        n += !rule->key || cs_pattern_fits(rule->key, inventory->identities[i]);
    return n;
}

static void put_rule(
    const struct cs_rule *rule, const struct cs_inventory *inventory, struct cs_buf *buf)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf programs = CS_BUF_INIT(CS_FRAME_MAX);
    CS_AUTO(cs_buf_deinit) struct cs_buf hosts = CS_BUF_INIT(CS_FRAME_MAX);
    char sign[CS_SIGN_TEXT], period[64], rate[96] = "", where[CS_RULE_WHERE];

    if (rule->rate)
        snprintf(rate, sizeof(rate), "%u in %s", rule->rate,
            cs_duration_text(rule->period, period, sizeof(period)));
    cs_msg_rule_put(
        buf, &(const struct cs_msg_rule){.name = cs_bytes_of(rule->name),
                 .where = cs_bytes_of(cs_rule_where(rule, where)),
                 .identity = cs_bytes_of(rule->identity),
                 .program = join(&rule->programs, &programs),
                 .hosts = join(&rule->hosts, &hosts),
                 .sign = cs_bytes_of(cs_sign_text(rule->sign, sign)),
                 .consent = cs_bytes_of(cs_consent_name(rule->consent)),
                 .rate = cs_bytes_of(rate),
                 .flags = (rule->final ? CS_RULE_FINAL : 0u) | (rule->file ? 0u : CS_RULE_BUILT_IN),
                 .keys = count_keys(rule, inventory)});
    if (programs.error || hosts.error)
        buf->error = CS_ERR_MEMORY;
}

void cs_policy_put_rules(
    const struct cs_policy *policy, const struct cs_inventory *inventory, struct cs_buf *buf)
{
    for (size_t i = 0; i < policy->n_rules; i++)
        put_rule(&policy->rules[i], inventory, buf);
}
