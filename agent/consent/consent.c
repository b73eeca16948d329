/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consent. A case is a question with those who wait for its answer; there is one dialog at a time,
 * and who asks for the same while it waits or is open joins the case. Whatever is not a clear yes
 * is a no. Called by the path of a signature.
 *
 * The question is asked at the agent's own display, or at the session's that came later, and not
 * where the program says that its person sits: a program could answer itself there. Without one
 * there is no better place than the program's terminal.
 *
 * A question ends when its token is pulled, for it is about nothing then. What a host that is being
 * replaced had on its tokens is expected back.
 *
 * An answer for the session ends with the login of its token: when that is locked, by whatever, or
 * pulled; when it is revoked; and with the agent.
 */
#include "consent/consent.h"
#include "consent/question.h"
#include "base/consent-message.h"
#include "hosts/supervisor.h"
#include "limit.h"
#include "base/log.h"

#include <countersign/error.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cs_consent_case {
    TAILQ_ENTRY(cs_consent_case) link;
    struct cs_consents *consents;
    struct cs_subject *subject;
    bool each_time;
    struct cs_question *question; /* NULL while it is not its turn */
    TAILQ_HEAD(cs_consent_waiters, cs_consent_waiter) waiters;
};

static void ask_next(struct cs_consents *consents);

/* Where to ask */

static bool is_place(struct cs_bytes name)
{
    return cs_bytes_equal(name, cs_bytes_of("DISPLAY")) ||
           cs_bytes_equal(name, cs_bytes_of("WAYLAND_DISPLAY"));
}

static bool has_place(const struct cs_environment *environment)
{
    for (uint32_t i = 0; i < environment->n; i++)
        if (environment->entries[i].value.len > 0 &&
            (is_place(environment->entries[i].name) ||
                cs_bytes_equal(environment->entries[i].name, cs_bytes_of("GPG_TTY"))))
            return true;
    return false;
}

/* Whether the user has a systemd, which knows the session's display once there is one: the prompt
 * asks it. */
static bool has_session(void)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    char path[PATH_MAX];

    return runtime && (size_t)snprintf(path, sizeof(path), "%s/systemd", runtime) < sizeof(path) &&
           access(path, F_OK) == 0;
}

static void get_environment(const struct cs_consents *consents, const struct cs_caller *caller,
    struct cs_environment *environment)
{
    if (consents->display.n > 0)
        *environment = consents->display;
    else
        cs_caller_get_environment(caller, environment);
}

/* Cases */

static void remove_waiter(struct cs_consent_waiter *waiter)
{
    TAILQ_REMOVE(&waiter->asked->waiters, waiter, link);
    waiter->asked = NULL;
}

static void case_free(struct cs_consent_case *asked)
{
    TAILQ_REMOVE(&asked->consents->cases, asked, link);
    asked->consents->n_cases--;
    free(asked->subject);
    free(asked);
}

/* Its waiters are put behind those that are to be told. */
static void case_end(struct cs_consent_case *asked, struct cs_consent_waiters *told)
{
    struct cs_consent_waiter *waiter;

    TAILQ_FOREACH(waiter, &asked->waiters, link)
    waiter->asked = NULL;
    TAILQ_CONCAT(told, &asked->waiters, link);
    case_free(asked);
}

static bool is_show(const struct cs_subject *subject)
{
    return strcmp(subject->what, CS_SUBJECT_SHOW) == 0;
}

static void record(
    const struct cs_consent_case *asked, int code, bool for_session, const char *text)
{
    const struct cs_consent_waiter *waiter = TAILQ_FIRST(&asked->waiters);
    const struct cs_subject *subject = asked->subject;
    struct cs_audit *audit = asked->consents->audit;
    const char *answer = for_session ? "session" : "once";
    const char *quote = *subject->server ? "'" : "";
    char line[1024];

    if (is_show(subject))
        snprintf(line, sizeof(line), "server %s%s%s is to see '%s' on '%s', for %s: %s", quote,
            *subject->server ? subject->server : "of unknown name", quote, subject->label,
            subject->token, subject->name, code == 0 ? answer : text);
    else
        snprintf(line, sizeof(line), "%s may sign %s with '%s' on '%s': %s", subject->name,
            subject->what, subject->label, subject->token, code == 0 ? answer : text);
    cs_audit_begin(audit, "consent", waiter ? waiter->caller : NULL);
    cs_audit_put_hex(audit, "identity", CS_BYTES(subject->id, CS_ID_SIZE));
    cs_audit_put(audit, "label", cs_bytes_of(subject->label));
    cs_audit_put(audit, "token", cs_bytes_of(subject->token));
    cs_audit_put(audit, "what", cs_bytes_of(subject->what));
    cs_audit_put(audit, "server", cs_bytes_of(subject->server));
    cs_audit_put_outcome(audit, answer, code, text);
    cs_audit_end(audit, line, NULL);
}

static const char *describe(int code, bool for_session, const char *text)
{
    switch (code) {
    case 0:
        return for_session ? CS_CONSENTED_SESSION : CS_CONSENTED_ONCE;
    case CS_ERR_DENIED:
        return "the user said no";
    case CS_ERR_TIMEOUT:
        return "nobody answered in time whether it may";
    default:
        return text; /* nobody can be asked: why */
    }
}

static void close_case(struct cs_consent_case *asked, int code, bool for_session, const char *text,
    struct cs_consent_waiters *told)
{
    struct cs_consents *consents = asked->consents;

    record(asked, code, for_session, text);
    if (for_session && !asked->each_time)
        cs_grant_add(&consents->grants, asked->subject, 0);
    if (code == CS_ERR_TIMEOUT && is_show(asked->subject))
        consents->unanswered = uv_now(consents->loop) + CS_LIMIT_UNANSWERED_TIME;
    else if (code == CS_ERR_LOCKED && is_show(asked->subject)) /* not with each handshake */
        consents->unanswered = uv_now(consents->loop) + CS_LIMIT_REFUSAL_TIME;
    else if (code == CS_ERR_DENIED || code == CS_ERR_TIMEOUT)
        cs_grant_add(
            &consents->grants, asked->subject, uv_now(consents->loop) + CS_LIMIT_REFUSAL_TIME);
    case_end(asked, told);
}

/* Waiters may ask for the next thing from within, so cases are closed and the next one asked before
 * they are told. */
static void go_on(
    struct cs_consents *consents, struct cs_consent_waiters *told, int code, const char *text)
{
    struct cs_consent_waiter *waiter;

    ask_next(consents);
    while ((waiter = TAILQ_FIRST(told))) {
        TAILQ_REMOVE(told, waiter, link);
        waiter->done(waiter, code, text);
    }
}

static void finish(struct cs_consent_case *asked, int code, bool for_session, const char *text)
{
    struct cs_consent_waiters told = TAILQ_HEAD_INITIALIZER(told);
    struct cs_consents *consents = asked->consents;

    text = describe(code, for_session, text);
    close_case(asked, code, for_session, text, &told);
    go_on(consents, &told, code, text);
}

static void on_answer(void *user, int code, bool for_session, const char *text)
{
    struct cs_consent_case *asked = user;

    asked->question = NULL;
    finish(asked, code, for_session, text);
}

static uint32_t flags_of(const struct cs_consent_case *asked)
{
    static const struct {
        const char *what;
        uint32_t flag;
    } kinds[] = {{"tls", CS_PROMPT_SIGN_TLS}, {"csr", CS_PROMPT_SIGN_CSR},
        {"digest", CS_PROMPT_SIGN_DIGEST}, {"data", CS_PROMPT_SIGN_DATA},
        {CS_SUBJECT_SHOW, CS_PROMPT_SHOW}};
    uint32_t flags = asked->each_time ? CS_PROMPT_EACH_TIME : 0;

    if (asked->consents->display.n == 0)
        flags |= CS_PROMPT_ELSEWHERE;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].what, asked->subject->what) == 0)
            flags |= kinds[i].flag;
    return flags;
}

static int ask(struct cs_consent_case *asked, struct cs_fault *fault)
{
    const struct cs_consents *consents = asked->consents;
    const struct cs_subject *subject = asked->subject;
    const struct cs_caller *caller = TAILQ_FIRST(&asked->waiters)->caller;
    char command[CS_TEXT_MAX];
    struct cs_prompt_request request = {
        .kind = CS_PROMPT_CONSENT,
        .flags = flags_of(asked),
        .timeout = consents->config->prompt_timeout,
        .pinentry = cs_bytes_of(consents->config->pinentry),
        .token = cs_bytes_of(subject->token),
        .program = cs_bytes_of(subject->name),
        .command = cs_bytes_of(cs_caller_command(caller, command, sizeof(command))),
        .certificate = cs_bytes_of(subject->certificate),
        .key = cs_bytes_of(subject->label),
        .host = cs_bytes_of(subject->server),
    };

    get_environment(consents, caller, &request.environment);
    return cs_question_ask(consents->loop, consents->prompt_program, &request, on_answer, asked,
        &asked->question, fault);
}

/* Whether nobody is to be asked, because of what was said, or not said, a moment ago: then a code,
 * and text. */
static int refuse(
    struct cs_consents *consents, const struct cs_subject *subject, char *text, size_t size)
{
    const struct cs_grant *grant =
        cs_grant_find(&consents->grants, subject, uv_now(consents->loop));

    if (grant && grant->until) {
        snprintf(text, size, "the user said no, or nothing, a moment ago");
        return CS_ERR_DENIED;
    }
    if (is_show(subject) && uv_now(consents->loop) < consents->unanswered) {
        snprintf(text, size, "nobody answered not long ago");
        return CS_ERR_LOCKED;
    }
    return 0;
}

/* It has waited, and meanwhile the answer came to another that asked the same. */
static void pass_over(struct cs_consent_case *asked, int code, const char *text)
{
    struct cs_consent_waiters told = TAILQ_HEAD_INITIALIZER(told);
    struct cs_consents *consents = asked->consents;

    case_end(asked, &told);
    go_on(consents, &told, code, text);
}

/* Asks the first that can be asked, unless somebody is being asked. */
static void ask_next(struct cs_consents *consents)
{
    struct cs_consent_case *asked = TAILQ_FIRST(&consents->cases);
    struct cs_fault fault = {0};
    char text[128];
    int r;

    if (!asked || asked->question)
        return;
    r = refuse(consents, asked->subject, text, sizeof(text));
    if (r < 0) {
        pass_over(asked, r, text);
        return;
    }
    r = ask(asked, &fault);
    if (r < 0)
        finish(asked, CS_ERR_LOCKED, false, cs_fault_text(&fault, r));
}

static int case_new(struct cs_consents *consents, const struct cs_subject *subject, bool each_time,
    struct cs_consent_case **askedp)
{
    struct cs_consent_case *asked = calloc(1, sizeof(*asked));

    if (!asked)
        return CS_ERR_MEMORY;
    asked->subject = cs_subject_dup(subject);
    if (!asked->subject) {
        free(asked);
        return CS_ERR_MEMORY;
    }
    asked->consents = consents;
    asked->each_time = each_time;
    TAILQ_INIT(&asked->waiters);
    TAILQ_INSERT_TAIL(&consents->cases, asked, link);
    consents->n_cases++;
    *askedp = asked;
    return 0;
}

static struct cs_consent_case *find_case(
    const struct cs_consents *consents, const struct cs_subject *subject)
{
    struct cs_consent_case *asked;

    TAILQ_FOREACH(asked, &consents->cases, link)
    if (!asked->each_time && subject->program[0] && cs_subject_is_shown_as(subject, asked->subject))
        break;
    return asked;
}

/* Without asking: 1, a code, or 0 if a person has to be asked. */
static int answer(struct cs_consents *consents, const struct cs_subject *subject, bool each_time,
    const struct cs_caller *caller, char *text, size_t size)
{
    struct cs_grant *grant = cs_grant_find(&consents->grants, subject, uv_now(consents->loop));
    struct cs_environment environment;
    int r;

    if (grant && !grant->until && !each_time) {
        grant->uses++;
        return 1;
    }
    r = refuse(consents, subject, text, size);
    if (r < 0)
        return r;
    get_environment(consents, caller, &environment);
    if (!consents->config->prompt || (!has_place(&environment) && !has_session())) {
        snprintf(text, size, "%s",
            consents->config->prompt ? "there is no display or terminal to ask at"
                                     : "the configuration says prompt = never");
        return CS_ERR_LOCKED;
    }
    if (consents->n_cases >= CS_LIMIT_CONSENTS) {
        snprintf(text, size, "too many questions wait for an answer already");
        return CS_ERR_BUSY;
    }
    return 0;
}

bool cs_consent_has(struct cs_consents *consents, const struct cs_subject *subject)
{
    const struct cs_grant *grant =
        cs_grant_find(&consents->grants, subject, uv_now(consents->loop));

    return grant && !grant->until;
}

int cs_consent_wait(struct cs_consents *consents, const struct cs_subject *subject, bool each_time,
    struct cs_consent_waiter *waiter, char *text, size_t size)
{
    struct cs_consent_case *asked = each_time ? NULL : find_case(consents, subject);
    int r = asked ? 0 : answer(consents, subject, each_time, waiter->caller, text, size);

    if (r == 0 && !asked)
        r = case_new(consents, subject, each_time, &asked);
    if (r != 0)
        return r;
    waiter->asked = asked;
    TAILQ_INSERT_TAIL(&asked->waiters, waiter, link);
    ask_next(consents);
    return 0;
}

bool cs_consents_are_none(struct cs_consents *consents)
{
    cs_grants_expire(&consents->grants, uv_now(consents->loop));
    return consents->n_cases == 0 && consents->grants.n == 0;
}

void cs_consent_leave(struct cs_consent_waiter *waiter)
{
    struct cs_consent_case *asked = waiter->asked;
    struct cs_consents *consents;

    if (!asked)
        return;
    remove_waiter(waiter);
    if (!TAILQ_EMPTY(&asked->waiters))
        return;
    consents = asked->consents;
    if (asked->question)
        cs_question_withdraw(asked->question);
    case_free(asked);
    ask_next(consents);
}

/* Answers that are remembered */

static void forget(struct cs_consents *consents, struct cs_grant *grant, const char *why,
    const struct cs_caller *caller)
{
    struct cs_audit *audit = consents->audit;

    if (!grant->until) {
        cs_info("consent %u for %s ends: %s", grant->number, grant->subject->name, why);
        cs_audit_begin(audit, "consent-end", caller);
        cs_audit_put_hex(audit, "identity", CS_BYTES(grant->subject->id, CS_ID_SIZE));
        cs_audit_put(audit, "label", cs_bytes_of(grant->subject->label));
        cs_audit_put(audit, "of", cs_bytes_of(grant->subject->name));
        cs_audit_put(audit, "why", cs_bytes_of(why));
        cs_audit_end(audit, NULL, NULL);
    }
    cs_grant_drop(&consents->grants, grant);
}

int cs_consent_revoke(struct cs_consents *consents, uint32_t number, const struct cs_caller *caller)
{
    struct cs_grant *grant, *next;
    int n = 0;

    for (grant = TAILQ_FIRST(&consents->grants.list); grant; grant = next) {
        next = TAILQ_NEXT(grant, link);
        if (grant->until || (number && grant->number != number))
            continue;
        forget(consents, grant, "revoked", caller);
        n++;
    }
    return n == 0 && number ? CS_ERR_NOT_FOUND : n;
}

void cs_consents_put(const struct cs_consents *consents, struct cs_buf *buf)
{
    const struct cs_grant *grant;
    size_t at = buf->len;
    uint32_t n = 0;

    cs_buf_put_u32(buf, 0);
    TAILQ_FOREACH(grant, &consents->grants.list, link)
    {
        const struct cs_subject *subject = grant->subject;

        if (grant->until)
            continue;
        cs_msg_consent_put(buf, &(const struct cs_msg_consent){.number = grant->number,
                                    .program = cs_bytes_of(subject->name),
                                    .id = CS_BYTES(subject->id, CS_ID_SIZE),
                                    .label = cs_bytes_of(subject->label),
                                    .token = cs_bytes_of(subject->token),
                                    .what = cs_bytes_of(subject->what),
                                    .server = cs_bytes_of(subject->server),
                                    .since = grant->since,
                                    .uses = grant->uses});
        n++;
    }
    cs_buf_set_u32(buf, at, n);
}

/* A no also holds while a host is being replaced, and when the token is locked, or who was refused
 * could ask for a refresh, or lock the token, and then ask again. */
static void forget_of_token(struct cs_consents *consents, const struct cs_event *event)
{
    bool pulled =
        event->kind == CS_EVENT_TOKEN_REMOVED && cs_supervisor_is_settled(consents->supervisor);
    struct cs_grant *grant, *next;

    for (grant = TAILQ_FIRST(&consents->grants.list); grant; grant = next) {
        next = TAILQ_NEXT(grant, link);
        if (grant->until && !pulled)
            continue;
        if (cs_bytes_equal(event->subject, cs_bytes_of(grant->subject->token_uri)))
            forget(consents, grant, event->text, NULL);
    }
}

static void withdraw_of_token(struct cs_consents *consents, const struct cs_event *event)
{
    struct cs_consent_waiters told = TAILQ_HEAD_INITIALIZER(told);
    const char *text = describe(CS_ERR_TOKEN_ABSENT, false, event->text);
    struct cs_consent_case *asked, *next;

    for (asked = TAILQ_FIRST(&consents->cases); asked; asked = next) {
        next = TAILQ_NEXT(asked, link);
        if (!cs_bytes_equal(event->subject, cs_bytes_of(asked->subject->token_uri)))
            continue;
        if (asked->question)
            cs_question_withdraw(asked->question);
        close_case(asked, CS_ERR_TOKEN_ABSENT, false, text, &told);
    }
    go_on(consents, &told, CS_ERR_TOKEN_ABSENT, text);
}

static void on_event(void *user, const struct cs_event *event)
{
    struct cs_consents *consents = user;

    if (event->kind != CS_EVENT_TOKEN_LOCKED && event->kind != CS_EVENT_TOKEN_REMOVED)
        return;
    forget_of_token(consents, event);
    if (event->kind == CS_EVENT_TOKEN_REMOVED && cs_supervisor_is_settled(consents->supervisor))
        withdraw_of_token(consents, event);
}

void cs_consents_start(struct cs_consents *consents, struct cs_watchers *watchers)
{
    TAILQ_INIT(&consents->cases);
    cs_grants_init(&consents->grants);
    cs_caller_own_display(&consents->display);
    consents->watcher = (struct cs_watcher){.event = on_event, .user = consents};
    TAILQ_INSERT_TAIL(watchers, &consents->watcher, link);
}

void cs_consents_stop(struct cs_consents *consents)
{
    struct cs_consent_case *asked;
    struct cs_consent_waiter *waiter;

    while ((asked = TAILQ_FIRST(&consents->cases))) {
        while ((waiter = TAILQ_FIRST(&asked->waiters)))
            remove_waiter(waiter);
        if (asked->question)
            cs_question_withdraw(asked->question);
        case_free(asked);
    }
    cs_grants_deinit(&consents->grants);
}
