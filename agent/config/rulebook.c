/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules in force. The whole configuration is read again, so that no mistake in it is passed
 * over, but the rules alone are taken from it: the rest is what hosts and timers were started with.
 */
#include "config/rulebook.h"
#include "audit/audit.h"
#include "base/log.h"

#include <stdio.h>
#include <time.h>

void cs_rulebook_init(
    struct cs_rulebook *rulebook, struct cs_config *config, const struct cs_places *places)
{
    *rulebook =
        (struct cs_rulebook){.config = config, .places = *places, .loaded = (uint64_t)time(NULL)};
}

void cs_rulebook_reload(struct cs_rulebook *rulebook)
{
    CS_AUTO(cs_config_freep) struct cs_config *newer = NULL;
    struct cs_fault fault = {0};
    int r = cs_config_load(&rulebook->places, &newer, &fault);

    if (r < 0) {
        snprintf(rulebook->error, sizeof(rulebook->error), "%s", cs_fault_text(&fault, r));
        cs_error("%s; the rules stay what they were", rulebook->error);
        cs_audit_note(rulebook->audit, "rules-refused", NULL, rulebook->error);
        return;
    }
    cs_config_take_rules(rulebook->config, newer);
    rulebook->loaded = (uint64_t)time(NULL);
    rulebook->error[0] = '\0';
    cs_info("has read the rules again");
    cs_audit_note(rulebook->audit, "rules", NULL, "the rules were read again");
}

static void on_changed(void *user)
{
    cs_rulebook_reload(user);
}

void cs_rulebook_watch(struct cs_rulebook *rulebook, uv_loop_t *loop)
{
    cs_watch_start(&rulebook->watch, loop, &rulebook->places, on_changed, rulebook);
}

void cs_rulebook_stop(struct cs_rulebook *rulebook)
{
    cs_watch_stop(&rulebook->watch);
}
