/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FIND and CHOOSE: which identity a server is to see. Where several suit, CHOOSE has a person say
 * which, one after the other, and the answer is a consent like others: it holds for the server and
 * whatever program, and is listed and revoked with them. Where the configuration names one by a
 * label that is hidden until the login, CHOOSE unlocks. FIND tells the answer and asks nobody.
 */
#include "request/request.h"
#include "request/request-state.h"
#include "inventory/certificate.h"
#include "base/log.h"
#include "text.h"

#include <countersign/error.h>
#include <string.h>
#include <time.h>

#define ANY_PROGRAM "*"

struct question {
    struct cs_subject subject;
    char label[CS_TEXT_MAX], host[CS_TEXT_MAX], certificate[CS_TEXT_MAX];
};

static void put_name(struct cs_bytes der, char *text, int size)
{
    CS_AUTO(X509_NAME_freep) X509_NAME *name = cs_certificate_name_parse(der);

    if (name)
        X509_NAME_oneline(name, text, size);
}

static void describe(const struct cs_choice *choice, char *text, size_t size)
{
    char subject[128] = "", issuer[128] = "", date[16] = "";
    struct tm tm;

    put_name(choice->certificate->subject, subject, sizeof(subject));
    put_name(choice->certificate->issuer, issuer, sizeof(issuer));
    if (localtime_r(&choice->certificate->not_after, &tm))
        strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    snprintf(text, size, "%s, until %s, issued by %s", subject, date, issuer);
}

static void make_question(
    struct question *question, const struct cs_request *request, const struct cs_choice *choice)
{
    const struct cs_identity *identity = choice->identity;

    describe(choice, question->certificate, sizeof(question->certificate));
    question->subject = (struct cs_subject){
        /* No yes is kept for a server that cannot be told from others. */
        .program = request->criteria.host.len ? ANY_PROGRAM : "",
        .name = cs_caller_name(request->caller),
        .label = cs_text_clean(identity->source->label, question->label, sizeof(question->label)),
        .token = identity->token->name,
        .token_uri = identity->token->uri,
        .server = cs_text_clean(request->criteria.host, question->host, sizeof(question->host)),
        .certificate = question->certificate,
        .what = CS_SUBJECT_SHOW,
    };
    memcpy(question->subject.id, identity->key->id, CS_ID_SIZE);
}

static bool was_refused(const struct cs_request *request, const struct cs_choice *choice)
{
    for (size_t i = 0; i < request->n_refused; i++)
        if (memcmp(request->refused[i], choice->identity->key->id, CS_ID_SIZE) == 0)
            return true;
    return false;
}

/* The place of the one that a person chose before; n if there is none. */
static size_t find_chosen(
    const struct cs_request *request, const struct cs_choice *choices, size_t n)
{
    struct question question;
    size_t i;

    for (i = 0; i < n; i++) {
        make_question(&question, request, &choices[i]);
        if (request->chosen && memcmp(request->id, question.subject.id, CS_ID_SIZE) == 0)
            break;
        if (cs_consent_has(&request->service->consents, &question.subject))
            break;
    }
    return i;
}

/* The place of the one to show: n for none of them. CS_DECIDE_LATER while a person is asked. */
static int ask(struct cs_request *request, const struct cs_choice *choices, size_t n, size_t *atp)
{
    struct question question;
    char text[256];

    request->consent.caller = request->caller;
    for (size_t i = 0; i < n; i++) {
        int r;

        if (was_refused(request, &choices[i]))
            continue;
        make_question(&question, request, &choices[i]);
        memcpy(request->id, choices[i].identity->key->id, CS_ID_SIZE);
        r = cs_consent_wait(&request->service->consents, &question.subject, false,
            &request->consent, text, sizeof(text));
        if (r == 0)
            return CS_DECIDE_LATER;
        if (r == CS_ERR_DENIED)
            continue;
        *atp = r > 0 ? i : 0; /* nobody can be asked: the best */
        return 0;
    }
    *atp = n;
    return 0;
}

static void reply_choice(
    struct cs_request *request, const struct cs_choice *choices, size_t n, bool chosen)
{
    struct cs_reply reply = {.text = ""};
    char why[CS_TEXT_MAX * 3];

    request->criteria.chosen = chosen;
    cs_choice_explain(choices, n, &request->criteria, why, sizeof(why));
    cs_info("%s is to present %s", cs_caller_name(request->caller), why);
    reply.match =
        (struct cs_name_match){.identity = choices[0].identity, .leaf = choices[0].certificate};
    reply.why = why;
    cs_request_finish(request, &reply);
}

static void reply_none(struct cs_request *request, size_t n)
{
    struct cs_fault fault = {0};
    int r;

    if (n == 0)
        r = cs_choice_none(&request->service->inventory, &request->criteria, time(NULL), &fault);
    else
        r = cs_fail(&fault, CS_ERR_DENIED,
            "the user wants to show none of the %zu certificates that suit this server", n);
    cs_info("%s found no identity: %s", cs_caller_name(request->caller), fault.text);
    cs_request_fail(request, r, &fault);
}

/* The token that may hide what a [host] section names, unless it has been tried. */
static const struct cs_token *find_hiding(const struct cs_request *request)
{
    const struct cs_preference *preference = request->criteria.preference;

    if (!request->presents || request->logged_in || !preference || !preference->key)
        return NULL;
    return cs_pattern_hiding(preference->key, &request->service->inventory);
}

/* Begins anew after each answer, because tokens may have come and gone meanwhile. */
static void find(struct cs_request *request)
{
    struct cs_choice choices[CS_LIMIT_CANDIDATES];
    const struct cs_token *hiding;
    size_t n, at = 0, n_asked;
    bool chosen = false;

    request->criteria.preference =
        cs_preferences_find(&request->service->config->preferences, request->criteria.host);
    n = cs_choice_list(
        &request->service->inventory, &request->criteria, time(NULL), choices, CS_LIMIT_CANDIDATES);
    n_asked = cs_choice_distinct(choices, n);
    if (n == 0 && cs_request_await_hosts(request, find))
        return;
    hiding = n == 0 ? find_hiding(request) : NULL;
    if (hiding) {
        cs_request_unlock_to_look(request, hiding, find);
        return;
    }
    if (n_asked > 1) {
        at = find_chosen(request, choices, n_asked);
        chosen = at < n_asked;
        if (!chosen)
            at = 0;
        if (!chosen && request->may_ask && ask(request, choices, n_asked, &at) != 0)
            return;
    }
    if (at >= n_asked)
        reply_none(request, n_asked);
    else
        reply_choice(request, &choices[at], n, chosen);
}

static void on_answer(struct cs_consent_waiter *waiter, int code, const char *text)
{
    struct cs_request *request = waiter->user;

    (void)text;
    request->chosen = code == 0;
    if (code == CS_ERR_DENIED && request->n_refused < CS_LIMIT_CANDIDATES)
        memcpy(request->refused[request->n_refused++], request->id, CS_ID_SIZE);
    else if (code < 0 && code != CS_ERR_TOKEN_ABSENT)
        request->may_ask = false; /* nobody answers: the best is taken */
    cs_request_when_settled(request, find);
}

/* Keeps a copy of the bytes in data, where they stay as long as the request. */
static size_t keep(struct cs_request *request, struct cs_bytes bytes)
{
    size_t at = request->data.len;

    cs_buf_put(&request->data, bytes.data, bytes.len);
    return at;
}

void cs_request_find(struct cs_request *request, const struct cs_msg_find *m, bool may_ask)
{
    size_t host = keep(request, m->host);
    size_t issuers = keep(request, m->issuers);
    size_t schemes = keep(request, m->schemes);

    if (request->data.error) {
        cs_request_fail(request, request->data.error, NULL);
        return;
    }
    request->criteria = (struct cs_criteria){
        .host = CS_BYTES(request->data.data + host, m->host.len),
        .n_issuers = m->n_issuers,
        .issuers = CS_BYTES(request->data.data + issuers, m->issuers.len),
        .schemes = CS_BYTES(request->data.data + schemes, m->schemes.len),
    };
    request->presents = may_ask;
    request->may_ask = may_ask && request->service->config->choose;
    request->consent.done = on_answer;
    request->consent.user = request;
    cs_request_when_settled(request, find);
}
