/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two clocks for each login: since the PIN was entered, and since a key of the token was last used.
 * They run on while the machine sleeps, so the timer is a timerfd on the clock that does too. The
 * list of logins follows the inventory: a login that ended, for whatever reason, has no entry.
 */
#include "session/timeout.h"
#include "base/duration.h"
#include "session/lock.h"
#include "base/log.h"

#include <countersign/error.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#define RETRY 10000 /* after a token did not let itself be locked */

struct cs_timeout_login {
    TAILQ_ENTRY(cs_timeout_login) link;
    struct cs_timeouts *timeouts;
    const struct cs_host *host;
    uint32_t slot;
    uint64_t since; /* as the token's host tells it: another login has another */
    uint64_t entered, used, not_before; /* milliseconds on the clock */
    bool seen;
};

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_BOOTTIME, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static const struct cs_session_setting *setting_of(const struct cs_timeouts *timeouts)
{
    return &timeouts->service->config->session;
}

/* When the login ends, and which of its clocks says so. */
static uint64_t end_of(const struct cs_timeout_login *login, bool *idlep)
{
    const struct cs_session_setting *setting = setting_of(login->timeouts);
    uint64_t entry = setting->pin_timeout ? login->entered + setting->pin_timeout : UINT64_MAX;
    uint64_t idle = setting->idle_timeout ? login->used + setting->idle_timeout : UINT64_MAX;
    uint64_t end = idle < entry ? idle : entry;

    *idlep = idle < entry;
    return end < login->not_before ? login->not_before : end;
}

/* Sets the clock to the end that comes first. */
static void wind(struct cs_timeouts *timeouts)
{
    struct itimerspec when = {0};
    struct cs_timeout_login *login;
    uint64_t first = UINT64_MAX;
    bool idle;

    TAILQ_FOREACH(login, &timeouts->logins, link)
    {
        uint64_t end = end_of(login, &idle);

        if (end < first)
            first = end;
    }
    if (first < UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(first / 1000);
        when.it_value.tv_nsec = (long)(first % 1000) * 1000000 + 1;
    }
    if (timerfd_settime(timeouts->clock, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        cs_log_errno(CS_LOG_ERROR, "the clock for time-outs cannot be set");
}

/* The inventory says so, too; if it was not locked it is tried again. */
static void on_locked(void *user, bool locked)
{
    (void)user;
    (void)locked;
}

static void end(struct cs_timeout_login *login, bool idle)
{
    struct cs_timeouts *timeouts = login->timeouts;
    const struct cs_session_setting *setting = setting_of(timeouts);
    const struct cs_token *token =
        cs_inventory_token(&timeouts->service->inventory, login->host, login->slot);
    char time[64], why[128];

    login->not_before = now() + RETRY;
    cs_duration_text(idle ? setting->idle_timeout : setting->pin_timeout, time, sizeof(time));
    if (idle)
        snprintf(why, sizeof(why), "not used for %s", time);
    else
        snprintf(why, sizeof(why), "the PIN was entered %s ago", time);
    if (token)
        cs_lock_token(timeouts->service, token, why, on_locked, NULL);
}

static void on_clock(uv_poll_t *poll, int status, int events)
{
    struct cs_timeouts *timeouts = poll->data;
    struct cs_timeout_login *login;
    uint64_t ticks;
    bool idle;

    (void)events;
    if (status < 0 || read(timeouts->clock, &ticks, sizeof(ticks)) < 0)
        return;
    TAILQ_FOREACH(login, &timeouts->logins, link)
    if (end_of(login, &idle) <= now())
        end(login, idle);
    wind(timeouts);
}

static struct cs_timeout_login *find(
    const struct cs_timeouts *timeouts, const struct cs_token *token)
{
    struct cs_timeout_login *login;

    TAILQ_FOREACH(login, &timeouts->logins, link)
    if (login->host == token->host && login->slot == token->slot)
        break;
    return login;
}

static void remember(struct cs_timeouts *timeouts, const struct cs_token *token)
{
    struct cs_timeout_login *login = find(timeouts, token);

    if (!login) {
        login = calloc(1, sizeof(*login));
        if (!login)
            return;
        login->timeouts = timeouts;
        login->host = token->host;
        login->slot = token->slot;
        TAILQ_INSERT_TAIL(&timeouts->logins, login, link);
    } else if (login->since == token->since) {
        login->seen = true;
        return;
    }
    login->since = token->since;
    login->entered = login->used = now();
    login->not_before = 0;
    login->seen = true;
}

static void forget_unseen(struct cs_timeouts *timeouts)
{
    struct cs_timeout_login *login, *next;

    for (login = TAILQ_FIRST(&timeouts->logins); login; login = next) {
        next = TAILQ_NEXT(login, link);
        if (login->seen)
            continue;
        TAILQ_REMOVE(&timeouts->logins, login, link);
        free(login);
    }
}

void cs_timeouts_look(struct cs_timeouts *timeouts)
{
    const struct cs_session_setting *setting = setting_of(timeouts);
    const struct cs_inventory *inventory = &timeouts->service->inventory;
    struct cs_timeout_login *login;

    if (!setting->pin_timeout && !setting->idle_timeout)
        return;
    TAILQ_FOREACH(login, &timeouts->logins, link)
    login->seen = false;
    for (size_t i = 0; i < inventory->n_tokens; i++)
        if ((inventory->tokens[i]->flags & CS_TOKEN_LOGIN_REQUIRED) &&
            !cs_token_is_locked(inventory->tokens[i]))
            remember(timeouts, inventory->tokens[i]);
    forget_unseen(timeouts);
    wind(timeouts);
}

void cs_timeouts_note_use(struct cs_timeouts *timeouts, const struct cs_token *token)
{
    struct cs_timeout_login *login = find(timeouts, token);
    uint64_t idle = setting_of(timeouts)->idle_timeout, time = now();

    /* One that is heard of when time was up, as after the machine slept, comes too late. For others
     * the clock is not set back: it goes off once too early and is set then. */
    if (login && (!idle || time < login->used + idle))
        login->used = time;
}

int cs_timeouts_start(struct cs_timeouts *timeouts, struct cs_service *service)
{
    *timeouts = (struct cs_timeouts){.service = service};
    TAILQ_INIT(&timeouts->logins);
    timeouts->clock = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timeouts->clock < 0 || uv_poll_init(service->loop, &timeouts->poll, timeouts->clock) < 0) {
        cs_log_errno(CS_LOG_ERROR, "there is no clock for time-outs");
        cs_closep(&timeouts->clock);
        return CS_ERR_SYSTEM;
    }
    timeouts->poll.data = timeouts;
    uv_poll_start(&timeouts->poll, UV_READABLE, on_clock);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct cs_timeouts *timeouts = handle->data;

    close(timeouts->clock);
}

void cs_timeouts_stop(struct cs_timeouts *timeouts)
{
    struct cs_timeout_login *login;

    TAILQ_FOREACH(login, &timeouts->logins, link)
    login->seen = false;
    forget_unseen(timeouts);
    uv_close((uv_handle_t *)&timeouts->poll, on_closed);
}
