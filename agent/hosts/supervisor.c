/* SPDX-License-Identifier: Apache-2.0 */
/* All token hosts. One that fails is its own business: the others go on serving. */
#include "hosts/supervisor.h"
#include "base/log.h"

static void on_changed(void *user)
{
    struct cs_supervisor *supervisor = user;

    supervisor->setting.inventory->failed = cs_supervisor_failed(supervisor);
    supervisor->setting.inventory->troubled = cs_supervisor_troubled(supervisor);
    supervisor->changed(supervisor->user);
}

void cs_supervisor_init(struct cs_supervisor *supervisor, const struct cs_host_setting *setting)
{
    *supervisor = (struct cs_supervisor){.setting = *setting};
    supervisor->setting.changed = on_changed;
    supervisor->setting.user = supervisor;
}

int cs_supervisor_start(struct cs_supervisor *supervisor, struct cs_modules *modules)
{
    supervisor->modules = *modules;
    *modules = (struct cs_modules){0};
    for (size_t i = 0; i < supervisor->modules.n; i++) {
        int r = cs_host_new(&supervisor->setting, &supervisor->modules.list[i], (unsigned)i,
            &supervisor->hosts[supervisor->n_hosts]);

        if (r < 0)
            return r;
        supervisor->n_hosts++;
    }
    for (size_t i = 0; i < supervisor->n_hosts; i++)
        cs_host_start(supervisor->hosts[i]);
    return 0;
}

void cs_supervisor_stop(struct cs_supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->n_hosts; i++)
        cs_host_stop(supervisor->hosts[i]);
}

static void on_refreshed(void *user, const struct cs_answer *answer)
{
    struct cs_host *host = user;

    if (answer->code < 0)
        cs_warn(
            "module '%s' did not look at its tokens again: %s", cs_host_name(host), answer->text);
}

const struct cs_host_question cs_supervisor_refresh_question = {
    .type = CS_HOST_REFRESH,
    .fd = -1,
};

void cs_supervisor_refresh(struct cs_supervisor *supervisor, bool renew)
{
    struct cs_job *job;

    for (size_t i = 0; i < supervisor->n_hosts; i++)
        if (!renew || !cs_host_renew(supervisor->hosts[i]))
            cs_host_ask(supervisor->hosts[i], &cs_supervisor_refresh_question, on_refreshed,
                supervisor->hosts[i], &job);
}

bool cs_supervisor_is_stopped(const struct cs_supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->n_hosts; i++)
        if (cs_host_get_state(supervisor->hosts[i]) != CS_HOST_STATE_STOPPED)
            return false;
    return true;
}

void cs_supervisor_deinit(struct cs_supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->n_hosts; i++)
        cs_host_free(supervisor->hosts[i]);
    supervisor->n_hosts = 0;
    cs_modules_deinit(&supervisor->modules);
}

bool cs_supervisor_is_settled(const struct cs_supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->n_hosts; i++)
        if (!cs_host_is_settled(supervisor->hosts[i]))
            return false;
    return true;
}

bool cs_supervisor_awaits(const struct cs_supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->n_hosts; i++)
        if (cs_host_is_awaited(supervisor->hosts[i]))
            return true;
    return false;
}

const char *cs_supervisor_failed(const struct cs_supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->n_hosts; i++)
        if (cs_host_get_state(supervisor->hosts[i]) != CS_HOST_STATE_RUNNING)
            return cs_host_name(supervisor->hosts[i]);
    return NULL;
}

size_t cs_supervisor_silent(
    const struct cs_supervisor *supervisor, const struct cs_token *tokens[CS_LIMIT_MODULES])
{
    size_t n = 0;

    for (size_t i = 0; i < supervisor->n_hosts; i++) {
        const struct cs_token *token = cs_host_silent_token(supervisor->hosts[i]);

        if (token)
            tokens[n++] = token;
    }
    return n;
}

const char *cs_supervisor_troubled(const struct cs_supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->n_hosts; i++)
        if (cs_host_is_troubled(supervisor->hosts[i]))
            return cs_host_name(supervisor->hosts[i]);
    return NULL;
}
