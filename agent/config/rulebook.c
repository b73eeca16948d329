/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules in force. The whole configuration is read again, so that no mistake in it is passed
 * over, but rules and preferences alone are taken from it: hosts and timers were started with the
 * rest. A mistake in the user's files keeps nothing of the administrator's from being read; one in
 * the administrator's leaves all as it was. But as long as nothing could be loaded at all, there is
 * nothing to stay: all is denied until every file is right, and then all is taken. What is taken
 * then, its modules, say, stays, so it must not be half of what is being written.
 */
#include "config/rulebook.h"
#include "audit/audit.h"
#include "base/log.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void cs_rulebook_init(struct cs_rulebook *rulebook, struct cs_config *config,
    const struct cs_places *places, const char *error)
{
    *rulebook = (struct cs_rulebook){.config = config, .places = *places, .lacking = error != NULL};
    if (error)
        snprintf(rulebook->error, sizeof(rulebook->error), "%s", error);
    else
        rulebook->loaded = (uint64_t)time(NULL);
}

static void note_change(struct cs_rulebook *rulebook, const char *what)
{
    rulebook->loaded = (uint64_t)time(NULL);
    cs_info("%s", what);
    cs_audit_note(rulebook->audit, "rules", NULL, what);
}

static int reload_system(struct cs_rulebook *rulebook)
{
    CS_AUTO(cs_config_freep) struct cs_config *newer = NULL;
    struct cs_places system = rulebook->places;
    int r;

    system.user[0] = '\0';
    if (!system.system[0])
        return CS_ERR_NOT_FOUND;
    r = cs_config_load(&system, &newer, NULL);
    return r < 0 ? r : cs_config_take_system_rules(rulebook->config, newer);
}

static void complain(struct cs_rulebook *rulebook)
{
    cs_error("%s; until that is mended nothing is served", rulebook->error);
    cs_audit_note(rulebook->audit, "rules-refused", NULL, rulebook->error);
}

static void lack(struct cs_rulebook *rulebook, const char *why)
{
    if (strcmp(rulebook->error, why) == 0)
        return;
    snprintf(rulebook->error, sizeof(rulebook->error), "%s", why);
    complain(rulebook);
    rulebook->changed(rulebook->user);
}

static void refuse(struct cs_rulebook *rulebook, const char *why)
{
    snprintf(rulebook->error, sizeof(rulebook->error), "%s", why);
    cs_audit_note(rulebook->audit, "rules-refused", NULL, rulebook->error);
    if (reload_system(rulebook) == 0) {
        cs_error("%s; the user's rules stay what they were", rulebook->error);
        note_change(rulebook, "the administrator's rules were read again");
    } else {
        cs_error("%s; the rules stay what they were", rulebook->error);
    }
}

static void take(struct cs_rulebook *rulebook, struct cs_config *newer)
{
    cs_config_take_rules(rulebook->config, newer);
    note_change(rulebook, "the rules were read again");
}

static void begin(struct cs_rulebook *rulebook, struct cs_config *newer)
{
    cs_config_take(rulebook->config, newer);
    rulebook->lacking = false;
    note_change(rulebook, "the configuration is mended, and was read");
    rulebook->changed(rulebook->user);
}

void cs_rulebook_reload(struct cs_rulebook *rulebook)
{
    CS_AUTO(cs_config_freep) struct cs_config *newer = NULL;
    struct cs_fault fault = {0};
    struct cs_places places = rulebook->places;
    int r;

    places.settled = rulebook->lacking;
    r = cs_config_load(&places, &newer, &fault);
    if (r == CS_ERR_BUSY) {
        cs_watch_look_again(&rulebook->watch);
        return;
    }
    if (r < 0) {
        (rulebook->lacking ? lack : refuse)(rulebook, cs_fault_text(&fault, r));
        return;
    }
    rulebook->error[0] = '\0';
    (rulebook->lacking ? begin : take)(rulebook, newer);
}

int cs_rulebook_need(struct cs_rulebook *rulebook)
{
    if (rulebook->lacking)
        cs_rulebook_reload(rulebook);
    return rulebook->lacking ? CS_ERR_CONFIG : 0;
}

static void on_changed(void *user)
{
    cs_rulebook_reload(user);
}

void cs_rulebook_watch(struct cs_rulebook *rulebook, uv_loop_t *loop)
{
    if (rulebook->lacking)
        complain(rulebook);
    cs_watch_start(&rulebook->watch, loop, &rulebook->places, on_changed, rulebook);
}

void cs_rulebook_stop(struct cs_rulebook *rulebook)
{
    cs_watch_stop(&rulebook->watch);
}
