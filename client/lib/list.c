/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists. The agent's picture comes in pages; they are one picture only if all of them tell the
 * same generation, so a change between two pages starts the list over.
 */
#include "lib/list.h"
#include "base/cleanup.h"
#include "base/consent-message.h"
#include "lib/certificate.h"
#include "lib/client.h"
#include "lib/identity.h"
#include "lib/pack.h"
#include "lib/token.h"

#include <string.h>

#define ENTRIES_MAX 100000 /* far beyond any token: an agent that claims more is broken */
#define RESTARTS_MAX 32

struct kind {
    uint16_t type; /* of the request */
    int (*read)(struct cs_reader *reader, void **entryp);
};

struct countersign_list {
    const struct kind *kind;
    size_t n;
    void *entries[];
};

CS_DEFINE_CLEANUP(struct countersign_list *, countersign_list_free);

static int read_token(struct cs_reader *reader, void **entryp)
{
    struct cs_msg_token m;

    cs_msg_token_read(reader, &m);
    return reader->error ? reader->error : cs_token_new((struct countersign_token **)entryp, &m);
}

static int read_identity(struct cs_reader *reader, void **entryp)
{
    struct cs_msg_resolved m = {.has_identity = true};

    cs_msg_identity_read(reader, &m.identity);
    if (reader->error)
        return reader->error;
    return cs_identity_new((struct countersign_identity **)entryp, &m, NULL);
}

static int read_certificate(struct cs_reader *reader, void **entryp)
{
    struct cs_msg_certificate m;

    cs_msg_certificate_read(reader, &m);
    if (reader->error)
        return reader->error;
    return cs_certificate_new((struct countersign_certificate **)entryp, &m);
}

static int read_label(struct cs_reader *reader, void **entryp)
{
    struct cs_bytes label = cs_get_string(reader);

    if (reader->error)
        return reader->error;
    *entryp = cs_bytes_dup(label);
    return *entryp ? 0 : CS_ERR_MEMORY;
}

static int read_consent(struct cs_reader *reader, void **entryp)
{
    struct cs_msg_consent m;
    struct countersign_consent *consent;
    struct cs_pack pack;

    cs_msg_consent_read(reader, &m);
    if (reader->error)
        return reader->error;
    consent = cs_pack_new(&pack, sizeof(*consent),
        m.program.len + m.label.len + m.token.len + m.what.len + m.server.len + 5);
    if (!consent)
        return CS_ERR_MEMORY;
    *consent = (struct countersign_consent){
        .number = m.number,
        .program = cs_pack_string(&pack, m.program),
        .label = cs_pack_string(&pack, m.label),
        .token = cs_pack_string(&pack, m.token),
        .what = cs_pack_string(&pack, m.what),
        .server = cs_pack_string(&pack, m.server),
        .since = m.since,
        .uses = m.uses,
    };
    memcpy(consent->id, m.id.data, sizeof(consent->id));
    *entryp = consent;
    return 0;
}

static int read_use(struct cs_reader *reader, void **entryp)
{
    struct cs_msg_use m;
    struct countersign_use *use;
    struct cs_pack pack;

    cs_msg_use_read(reader, &m);
    if (reader->error)
        return reader->error;
    use = cs_pack_new(&pack, sizeof(*use), m.program.len + 1);
    if (!use)
        return CS_ERR_MEMORY;
    *use = (struct countersign_use){
        .program = cs_pack_string(&pack, m.program),
        .signatures = m.signatures,
        .proven = m.proven,
        .denied = m.denied,
    };
    *entryp = use;
    return 0;
}

static const struct kind tokens = {CS_MSG_TOKENS, read_token};
static const struct kind identities = {CS_MSG_IDENTITIES, read_identity};
static const struct kind certificates = {CS_MSG_CERTIFICATES, read_certificate};
static const struct kind labels = {0, read_label};
static const struct kind consents = {CS_MSG_CONSENTS, read_consent};
static const struct kind uses = {CS_MSG_USES, read_use};

void countersign_list_free(struct countersign_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->n; i++)
        free(list->entries[i]);
    free(list);
}

static int list_new(struct countersign_list **listp, const struct kind *kind, size_t room)
{
    struct countersign_list *list;

    if (room > ENTRIES_MAX)
        return CS_ERR_TOO_LARGE;
    list = calloc(1, sizeof(*list) + room * sizeof(list->entries[0]));
    if (!list)
        return CS_ERR_MEMORY;
    list->kind = kind;
    *listp = list;
    return 0;
}

static int read_entries(struct countersign_list *list, struct cs_reader *reader, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int r = list->kind->read(reader, &list->entries[list->n]);

        if (r < 0)
            return r;
        list->n++;
    }
    return cs_reader_end(reader);
}

static int read_whole(
    struct countersign_list **listp, const struct kind *kind, struct cs_bytes body)
{
    CS_AUTO(countersign_list_freep) struct countersign_list *list = NULL;
    struct cs_reader reader = cs_reader_of(body);
    uint32_t n = cs_get_count(&reader, 4);
    int r;

    r = list_new(&list, kind, n);
    if (r == 0)
        r = read_entries(list, &reader, n);
    if (r < 0)
        return r;
    *listp = cs_steal(&list);
    return 0;
}

int cs_list_of_labels(struct countersign_list **listp, struct cs_bytes body)
{
    return read_whole(listp, &labels, body);
}

/* A list that comes in one piece. */
static int ask_whole(struct countersign_client *client, const struct kind *kind,
    struct countersign_list **listp, struct cs_fault *fault)
{
    struct cs_request request;
    struct cs_reply reply;
    int r;

    cs_request_init(&request, kind->type);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = read_whole(listp, kind, reply.body);
    return cs_client_end(client, &request, &reply, r, fault);
}

/* Where a list stands between two pages; without a list it begins. */
struct paging {
    struct countersign_list *list;
    uint64_t generation;
    uint32_t total;
};

static int take_page(struct paging *paging, const struct kind *kind, struct cs_bytes body)
{
    struct cs_reader reader = cs_reader_of(body);
    struct cs_msg_page page;
    int r;

    cs_msg_page_read(&reader, &page);
    if (reader.error)
        return reader.error;
    if (paging->list && page.generation != paging->generation) {
        countersign_list_free(paging->list);
        paging->list = NULL;
        return 0;
    }
    if (!paging->list) {
        paging->generation = page.generation;
        paging->total = page.total;
        r = list_new(&paging->list, kind, page.total);
        if (r < 0)
            return r;
    }
    if (page.total != paging->total || page.n > page.total - paging->list->n ||
        (page.n == 0 && paging->list->n < page.total))
        return CS_ERR_PROTOCOL;
    return read_entries(paging->list, &reader, page.n);
}

static int ask_page(struct countersign_client *client, struct paging *paging,
    const struct kind *kind, struct cs_fault *fault)
{
    struct cs_request request;
    struct cs_reply reply;
    int r;

    cs_request_init(&request, kind->type);
    cs_msg_first_put(&request.frame, paging->list ? (uint32_t)paging->list->n : 0);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0)
        r = take_page(paging, kind, reply.body);
    return cs_client_end(client, &request, &reply, r, fault);
}

static int list_all(struct countersign_client *client, const struct kind *kind,
    struct countersign_list **listp, struct cs_fault *fault)
{
    struct paging paging = {0};
    int r, restarts = 0;

    do {
        r = ask_page(client, &paging, kind, fault);
        if (r == 0 && !paging.list && ++restarts > RESTARTS_MAX)
            r = cs_fail(
                fault, CS_ERR_BUSY, "the tokens change all the time: try again in a moment");
    } while (r == 0 && (!paging.list || paging.list->n < paging.total));
    if (r < 0) {
        countersign_list_free(paging.list);
        return r;
    }
    *listp = paging.list;
    return 0;
}

int countersign_list_tokens(struct countersign_client *client, struct countersign_list **listp,
    struct countersign_fault *fault)
{
    return list_all(client, &tokens, listp, cs_client_fault(fault));
}

int countersign_list_identities(struct countersign_client *client, struct countersign_list **listp,
    struct countersign_fault *fault)
{
    return list_all(client, &identities, listp, cs_client_fault(fault));
}

int countersign_list_certificates(struct countersign_client *client,
    struct countersign_list **listp, struct countersign_fault *fault)
{
    return list_all(client, &certificates, listp, cs_client_fault(fault));
}

int countersign_list_consents(struct countersign_client *client, struct countersign_list **listp,
    struct countersign_fault *fault)
{
    return ask_whole(client, &consents, listp, cs_client_fault(fault));
}

int countersign_list_uses(struct countersign_client *client, struct countersign_list **listp,
    struct countersign_fault *fault)
{
    return ask_whole(client, &uses, listp, cs_client_fault(fault));
}

size_t countersign_list_n(const struct countersign_list *list)
{
    return list ? list->n : 0;
}

static const void *entry(const struct countersign_list *list, const struct kind *kind, size_t index)
{
    return list && list->kind == kind && index < list->n ? list->entries[index] : NULL;
}

const struct countersign_token *countersign_list_token(
    const struct countersign_list *list, size_t index)
{
    return entry(list, &tokens, index);
}

const struct countersign_identity *countersign_list_identity(
    const struct countersign_list *list, size_t index)
{
    return entry(list, &identities, index);
}

const struct countersign_certificate *countersign_list_certificate(
    const struct countersign_list *list, size_t index)
{
    return entry(list, &certificates, index);
}

const char *countersign_list_label(const struct countersign_list *list, size_t index)
{
    return entry(list, &labels, index);
}

const struct countersign_consent *countersign_list_consent(
    const struct countersign_list *list, size_t index)
{
    return entry(list, &consents, index);
}

const struct countersign_use *countersign_list_use(
    const struct countersign_list *list, size_t index)
{
    return entry(list, &uses, index);
}

int countersign_refresh(struct countersign_client *client, struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    struct cs_request request;
    struct cs_reply reply;
    int r;

    cs_request_init(&request, CS_MSG_REFRESH);
    r = cs_client_ask(client, &request, &reply, fault);
    if (r == 0 && reply.body.len > 0)
        r = CS_ERR_PROTOCOL;
    return cs_client_end(client, &request, &reply, r, fault);
}
