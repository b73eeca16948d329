/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's life: the configuration is read, the socket made, hosts started; then the loop turns
 * until a signal. Where somebody waits for the agent to serve, a mistake in the configuration is
 * told to who asks, and hosts are started when it is mended. At the end clients go first, then
 * hosts, and the loop ends when the last host is reaped. Called by main.
 */
#include "agent.h"
#include "bus/bus.h"
#include "request/login.h"
#include "notify.h"
#include "renewal.h"
#include "request/request.h"
#include "session/desktop.h"
#include "base/log.h"
#include "base/runtime.h"

#include <countersign/error.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

struct agent {
    uv_loop_t loop;
    uv_signal_t terminate, interrupt, hangup;
    uv_check_t turn;
    struct cs_service service;
    struct cs_listener listener;
    struct cs_dbus session_bus;
    struct cs_bus *bus; /* NULL before the start, and after the end */
    struct cs_desktop desktop;
    bool has_desktop;
    bool of_session; /* the bus or the desktop of a session started us */
    struct cs_notify notify;
    struct cs_renewal renewal;
    bool renewed; /* and that was said */
    bool stopping;
};

/* Without handlers they would end us before we have taken the socket away and said why. */
static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void close_handles(struct agent *agent)
{
    if (uv_is_closing((uv_handle_t *)&agent->terminate))
        return;
    block_signals();
    uv_close((uv_handle_t *)&agent->terminate, NULL);
    uv_close((uv_handle_t *)&agent->interrupt, NULL);
    uv_close((uv_handle_t *)&agent->hangup, NULL);
    uv_close((uv_handle_t *)&agent->turn, NULL);
}

static void end_if_stopped(struct agent *agent)
{
    if (!agent->stopping || !cs_supervisor_is_stopped(&agent->service.supervisor))
        return;
    cs_supervisor_deinit(&agent->service.supervisor);
    close_handles(agent);
}

static void on_hosts_changed(void *user)
{
    struct agent *agent = user;

    if (agent->stopping)
        end_if_stopped(agent);
    else
        cs_requests_look_again(&agent->service);
}

static void stop(struct agent *agent)
{
    if (agent->stopping)
        return;
    agent->stopping = true;
    cs_audit_note(&agent->service.audit, "stop", NULL, "");
    cs_notify_say(&agent->notify, "STOPPING=1");
    cs_renewal_unwatch(&agent->renewal);
    cs_listener_stop(&agent->listener);
    cs_rulebook_stop(&agent->service.rulebook);
    cs_absent_stop(&agent->service.absent);
    cs_bus_free(agent->bus);
    agent->bus = NULL;
    if (agent->has_desktop)
        cs_desktop_stop(&agent->desktop);
    cs_dbus_stop(&agent->session_bus);
    cs_consents_stop(&agent->service.consents);
    cs_supervisor_stop(&agent->service.supervisor);
    end_if_stopped(agent);
}

static void on_signal(uv_signal_t *signal, int number)
{
    cs_info("stops: %s", number == SIGINT ? "interrupted" : "told to");
    stop(signal->data);
}

/* An agent that programs cannot reach is of no use, and a token it left open is open to nobody. */
static void on_place_lost(void *user)
{
    struct agent *agent = user;

    cs_info("stops: the socket %s is gone, or is another's now", agent->listener.place.path);
    stop(agent);
}

/* Whether its end would cost nobody a PIN, an answer or a lock. */
static bool is_at_rest(struct cs_service *service)
{
    const struct cs_inventory *inventory = &service->inventory;

    for (size_t i = 0; i < inventory->n_tokens; i++) {
        const struct cs_token *token = inventory->tokens[i];

        if ((token->flags & CS_TOKEN_HELD) ||
            ((token->flags & CS_TOKEN_LOGIN_REQUIRED) && !cs_token_is_locked(token)))
            return false;
    }
    return service->n_requests == 0 && TAILQ_EMPTY(&service->logins) &&
           cs_consents_are_none(&service->consents);
}

static void on_renewed(void *user)
{
    struct agent *agent = user;

    if (!is_at_rest(&agent->service)) {
        if (!agent->renewed)
            cs_info("was renewed, and waits until nothing is unlocked to give way to the new one");
        agent->renewed = true;
        return;
    }
    cs_info("stops: it was renewed, and the next program that asks starts the new one");
    stop(agent);
}

/* Only a supervisor that holds the socket starts another. */
static void watch_renewal(struct agent *agent)
{
    if (agent->notify.len > 0 && !agent->listener.place.made_socket)
        cs_renewal_watch(&agent->renewal, &agent->loop, on_renewed, agent);
}

/* Somebody put a key or a certificate on a token, and no module tells of that. */
static void on_hangup(uv_signal_t *signal, int number)
{
    struct agent *agent = signal->data;

    (void)number;
    if (agent->stopping)
        return;
    cs_info("looks at the tokens again");
    cs_supervisor_refresh(&agent->service.supervisor, true);
    cs_rulebook_reload(&agent->service.rulebook);
}

/* The next session has another bus, which we would not find: we would not hear that its screen is
 * locked. The one that it starts does. */
static void end_with_session(struct agent *agent)
{
    if (!agent->of_session || !cs_desktop_has_lost_bus(&agent->desktop))
        return;
    cs_info("stops: the bus of the session that started it is gone");
    stop(agent);
}

static void on_turn(uv_check_t *turn)
{
    struct agent *agent = turn->data;

    cs_change_look(&agent->service.change, &agent->service.inventory, &agent->service.watchers);
    cs_absent_look(&agent->service.absent, &agent->service.inventory);
    if (!agent->has_desktop || agent->stopping)
        return;
    cs_desktop_look(&agent->desktop);
    end_with_session(agent);
}

/* As many clients as the limit allows need a descriptor or two each. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= CS_LIMIT_DESCRIPTORS)
        return;
    limit.rlim_cur = limit.rlim_max < CS_LIMIT_DESCRIPTORS ? limit.rlim_max : CS_LIMIT_DESCRIPTORS;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        cs_log_errno(CS_LOG_WARNING, "cannot raise the limit of descriptors");
}

static int start_modules(struct agent *agent, struct cs_fault *fault)
{
    CS_AUTO(cs_modules_deinit) struct cs_modules modules = {0};
    int r = cs_modules_find(agent->service.config, &modules, fault);

    if (r < 0)
        return r;
    if (modules.n == 0)
        cs_warn("there is no PKCS#11 module: install one, or add a [module] section");
    return cs_supervisor_start(&agent->service.supervisor, &modules);
}

/* This may be within a request, so the end comes from the loop. */
static void on_configuration(void *user)
{
    struct agent *agent = user;
    struct cs_service *service = &agent->service;
    struct cs_fault fault = {0};
    int r = 0;

    if (!service->rulebook.lacking) {
        cs_audit_set(&service->audit, service->config->audit, service->config->audit_strict);
        r = start_modules(agent, &fault);
    }
    cs_desktop_configure(&agent->desktop);
    if (r == 0)
        return;
    cs_error("%s", cs_fault_text(&fault, r));
    raise(SIGTERM);
}

static int init_service(
    struct agent *agent, const struct cs_agent_options *options, const struct cs_config *config)
{
    struct cs_service *service = &agent->service;
    const struct cs_host_setting setting = {
        .loop = &agent->loop,
        .program = options->token_host,
        .config = config,
        .prompt_program = options->prompt,
        .inventory = &service->inventory,
        .audit = &service->audit,
    };
    int r;

    service->loop = &agent->loop;
    service->config = config;
    service->started = (uint64_t)time(NULL);
    cs_audit_init(&service->audit);
    cs_audit_set(&service->audit, config->audit, config->audit_strict);
    service->rulebook.audit = &service->audit;
    service->rulebook.changed = on_configuration;
    service->rulebook.user = agent;
    cs_rates_init(&service->rates);
    TAILQ_INIT(&service->requests);
    TAILQ_INIT(&service->logins);
    TAILQ_INIT(&service->watchers);
    cs_audit_watch(&service->audit, &service->watchers);
    service->consents = (struct cs_consents){.loop = &agent->loop,
        .prompt_program = options->prompt,
        .config = config,
        .audit = &service->audit,
        .supervisor = &service->supervisor};
    cs_consents_start(&service->consents, &service->watchers);
    cs_inventory_init(&service->inventory);
    service->inventory.bundle = &config->certificates;
    r = cs_digest_init(&service->digest);
    if (r < 0)
        return r;
    cs_absent_init(&service->absent, &agent->loop);
    cs_supervisor_init(&service->supervisor, &setting);
    service->supervisor.changed = on_hosts_changed;
    service->supervisor.user = agent;
    return 0;
}

static void init_signals(struct agent *agent)
{
    uv_signal_init(&agent->loop, &agent->terminate);
    uv_signal_init(&agent->loop, &agent->interrupt);
    uv_signal_init(&agent->loop, &agent->hangup);
    agent->terminate.data = agent;
    agent->interrupt.data = agent;
    agent->hangup.data = agent;
    uv_signal_start(&agent->terminate, on_signal, SIGTERM);
    uv_signal_start(&agent->interrupt, on_signal, SIGINT);
    uv_signal_start(&agent->hangup, on_hangup, SIGHUP);
}

static void init_turn(struct agent *agent)
{
    uv_check_init(&agent->loop, &agent->turn);
    agent->turn.data = agent;
    uv_check_start(&agent->turn, on_turn);
}

static int serve(struct agent *agent, struct cs_fault *fault)
{
    int r = cs_listener_start(&agent->listener, &agent->service, fault);

    cs_dbus_start(&agent->session_bus, &agent->loop, DBUS_BUS_SESSION);
    if (r == 0 && !agent->service.rulebook.lacking)
        r = start_modules(agent, fault);
    if (r == 0) {
        r = cs_desktop_start(&agent->desktop, &agent->service, &agent->session_bus);
        agent->has_desktop = r == 0;
    }
    if (r == 0)
        r = cs_bus_new(
            &agent->service, &agent->session_bus, agent->listener.place.path, &agent->bus);
    if (r == 0) {
        cs_info("listens at %s", agent->listener.place.path);
        cs_audit_note(&agent->service.audit, "start", NULL, "release " CS_VERSION);
        cs_rulebook_watch(&agent->service.rulebook, &agent->loop);
        cs_notify_say(&agent->notify, "READY=1");
        cs_place_watch(&agent->listener.place, &agent->loop, on_place_lost, agent);
        watch_renewal(agent);
    } else {
        stop(agent);
    }
    uv_run(&agent->loop, UV_RUN_DEFAULT);
    return r;
}

static int run(struct agent *agent, const struct cs_agent_options *options,
    const struct cs_config *config, struct cs_fault *fault)
{
    int r = init_service(agent, options, config);

    if (r == 0)
        r = serve(agent, fault);
    cs_change_deinit(&agent->service.change);
    cs_rates_deinit(&agent->service.rates);
    cs_absent_deinit(&agent->service.absent);
    cs_inventory_deinit(&agent->service.inventory);
    cs_digest_deinit(&agent->service.digest);
    cs_audit_deinit(&agent->service.audit);
    cs_usage_deinit(&agent->service.usage);
    return r;
}

static int leave(const struct agent *agent)
{
    cs_info("leaves %s to who listens there already", agent->listener.place.path);
    return 0;
}

/* Somebody waits who would not see what is said here. */
static bool is_awaited(const struct cs_agent_options *options)
{
    return options->unless_running || cs_listener_is_handed_over();
}

int cs_agent_run(const struct cs_agent_options *options, struct cs_fault *fault)
{
    CS_AUTO(cs_config_freep) struct cs_config *config = NULL;
    const char *mistake = NULL;
    struct cs_places places;
    struct agent agent = {0};
    char path[4096];
    int r;

    cs_places_find(&places, options->system_config, options->config);
    r = cs_config_load(&places, &config, fault);
    if (r == CS_ERR_CONFIG && !options->check && is_awaited(options)) {
        mistake = cs_fault_text(fault, r);
        r = cs_config_new_denying(&config);
    }
    if (r < 0 || options->check)
        return r;
    agent.of_session = options->unless_running;
    if (!options->socket)
        r = cs_runtime_socket_path(path, sizeof(path));
    if (r < 0)
        return cs_runtime_refuse_socket_path(r, fault);
    raise_descriptors();
    cs_rulebook_init(&agent.service.rulebook, config, &places, mistake);
    cs_notify_init(&agent.notify);
    if (uv_loop_init(&agent.loop) < 0)
        return CS_ERR_SYSTEM;
    /* Signals first: from here on there may be a socket to be removed. */
    init_signals(&agent);
    init_turn(&agent);
    r = cs_listener_init(&agent.listener, options->socket ? options->socket : path, fault);
    if (r == 0)
        r = run(&agent, options, config, fault);
    else if (r == CS_ERR_BUSY && options->unless_running)
        r = leave(&agent);
    close_handles(&agent);
    uv_run(&agent.loop, UV_RUN_DEFAULT);
    cs_listener_deinit(&agent.listener);
    if (uv_loop_close(&agent.loop) < 0)
        cs_warn("the loop ends with something left in it");
    return r;
}
