/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The picture. It arrives page by page, which are kept as they came; then the objects are made,
 * token by token, and borrow from the pages. Labels and ids are the token's own unless they would
 * not tell things apart. Called by link.c.
 */
#include "pkcs11/view.h"
#include "pkcs11/label.h"

#include <countersign/error.h>
#include <string.h>

#define ENTRIES_MAX 100000 /* far beyond any token: an agent that claims more is broken */
#define TOKEN_LABEL 32     /* CK_TOKEN_INFO */

struct cs_view *cs_view_new(void)
{
    return calloc(1, sizeof(struct cs_view));
}

struct cs_view *cs_view_ref(struct cs_view *view)
{
    view->n_more_refs++;
    return view;
}

void cs_view_free(struct cs_view *view)
{
    if (!view || view->n_more_refs-- > 0)
        return;
    cs_memory_free(&view->memory);
    free(view);
}

/* The first page of a list tells how many entries there will be. */
static int begin_list(struct cs_view *view, enum cs_view_list list, uint32_t total)
{
    static const size_t sizes[CS_VIEW_LISTS] = {
        [CS_VIEW_TOKENS] = sizeof(struct cs_view_token),
        [CS_VIEW_IDENTITIES] = sizeof(struct cs_msg_identity),
        [CS_VIEW_CERTIFICATES] = sizeof(struct cs_msg_certificate),
    };
    void *entries;

    if (total > ENTRIES_MAX)
        return CS_ERR_PROTOCOL;
    entries = cs_memory_take(&view->memory, total * sizes[list]);
    if (!entries)
        return CS_ERR_MEMORY;
    if (list == CS_VIEW_TOKENS)
        view->tokens = entries;
    else if (list == CS_VIEW_IDENTITIES)
        view->identities = entries;
    else
        view->certificates = entries;
    view->progress[list] = (struct cs_view_progress){.begun = true, .total = total};
    return 0;
}

static void read_entry(
    struct cs_view *view, enum cs_view_list list, uint32_t at, struct cs_reader *reader)
{
    if (list == CS_VIEW_TOKENS)
        cs_msg_token_read(reader, &view->tokens[at].m);
    else if (list == CS_VIEW_IDENTITIES)
        cs_msg_identity_read(reader, &view->identities[at]);
    else
        cs_msg_certificate_read(reader, &view->certificates[at]);
}

static bool is_begun(const struct cs_view *view)
{
    for (int list = 0; list < CS_VIEW_LISTS; list++)
        if (view->progress[list].begun)
            return true;
    return false;
}

int cs_view_add_page(struct cs_view *view, enum cs_view_list list, struct cs_bytes body)
{
    struct cs_view_progress *progress = &view->progress[list];
    struct cs_bytes copy = cs_memory_copy(&view->memory, body);
    struct cs_reader reader = cs_reader_of(copy);
    struct cs_msg_page page;
    int r;

    if (!copy.data)
        return CS_ERR_MEMORY;
    cs_msg_page_read(&reader, &page);
    if (reader.error)
        return reader.error;
    if (is_begun(view) && page.generation != view->generation)
        return CS_ERR_BUSY;
    view->generation = page.generation;
    if (!progress->begun) {
        r = begin_list(view, list, page.total);
        if (r < 0)
            return r;
    }
    if (page.total != progress->total || page.n > page.total - progress->n ||
        (page.n == 0 && progress->n < page.total))
        return CS_ERR_PROTOCOL;
    for (uint32_t i = 0; i < page.n; i++)
        read_entry(view, list, progress->n++, &reader);
    return cs_reader_end(&reader);
}

bool cs_view_wants(const struct cs_view *view, enum cs_view_list list, uint32_t *firstp)
{
    const struct cs_view_progress *progress = &view->progress[list];

    *firstp = progress->n;
    return !progress->begun || progress->n < progress->total;
}

bool cs_view_is_whole(const struct cs_view *view)
{
    uint32_t first;

    for (int list = 0; list < CS_VIEW_LISTS; list++)
        if (cs_view_wants(view, (enum cs_view_list)list, &first))
            return false;
    return true;
}

/* Tokens that nothing is on yet, and the second of two that one URI stands for, are not shown. */
static int choose_tokens(struct cs_view *view)
{
    struct cs_labels labels = {.memory = &view->memory}, uris = {.memory = &view->memory};

    for (uint32_t i = 0; i < view->progress[CS_VIEW_TOKENS].total; i++) {
        struct cs_view_token *token = &view->tokens[view->n_tokens];
        struct cs_bytes wanted;

        token->m = view->tokens[i].m;
        if (!(token->m.flags & CS_TOKEN_INITIALIZED) || cs_labels_n(&uris, token->m.uri) > 0)
            continue;
        wanted = token->m.label.len   ? token->m.label
                 : token->m.model.len ? token->m.model
                                      : cs_bytes_of("token");
        wanted = cs_label_clean(&view->memory, wanted, false);
        if (!wanted.data || cs_labels_count(&uris, token->m.uri) < 0 ||
            cs_labels_give(&labels, wanted, TOKEN_LABEL, &token->label) < 0)
            return CS_ERR_MEMORY;
        view->n_tokens++;
    }
    return 0;
}

/* What a token's objects are made with. */
struct maker {
    struct cs_view *view;
    struct cs_view_token *token;
    struct cs_labels labels, ids;
};

static struct cs_object *add_object(struct maker *maker, CK_OBJECT_CLASS class)
{
    struct cs_object *object = &maker->token->objects[maker->token->n_objects++];

    *object = (struct cs_object){.class = class};
    maker->view->n_objects++;
    return object;
}

/* The label that it has, or one made of its certificate or its id; then unlike all others. */
static int give_label(struct maker *maker, struct cs_bytes label,
    const struct cs_certificate *certificate, struct cs_bytes *given)
{
    struct cs_bytes wanted = label.len ? label
                             : certificate && certificate->common_name.len
                                 ? certificate->common_name
                                 : maker->token->label;

    wanted = cs_label_clean(&maker->view->memory, wanted, true);
    return wanted.data ? cs_labels_give(&maker->labels, wanted, 0, given) : CS_ERR_MEMORY;
}

/* label: as the token has it. *given, if it is empty, gets the label of the first certificate. */
static int add_certificate(struct maker *maker, struct cs_bytes der, struct cs_bytes label,
    const struct cs_msg_identity *identity, struct cs_bytes id, struct cs_bytes *given)
{
    struct cs_bytes own = {0};
    struct cs_certificate certificate;
    struct cs_object *object;

    if (cs_certificate_read(&certificate, der) < 0)
        return 0; /* nobody could use it */
    if (give_label(maker, label, &certificate, &own) < 0)
        return CS_ERR_MEMORY;
    if (given->len == 0)
        *given = own;
    object = add_object(maker, CKO_CERTIFICATE);
    object->certificate = certificate;
    object->identity = identity;
    object->label = own;
    object->id = id;
    return 0;
}

/* Key and certificates of an identity find one another by CKA_ID. */
static int add_identity(struct maker *maker, const struct cs_msg_identity *identity)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    struct cs_reader reader = cs_reader_of(identity->certificates);
    struct cs_bytes label = {0}, id = identity->cka_id;
    struct cs_object key = {0}, *first = maker->token->objects + maker->token->n_objects;

    if (cs_object_set_key(&key, identity) < 0)
        return 0;
    if (id.len == 0 || cs_labels_n(&maker->ids, id) > 1)
        id = identity->id;
    for (uint32_t i = 0; i < identity->n_certificates; i++)
        if (add_certificate(maker, cs_get_bytes(&reader), identity->label, identity, id, &label) <
            0)
            return CS_ERR_MEMORY;
    if (label.len > 0)
        key.certificate = first->certificate;
    else if (give_label(maker, identity->label, NULL, &label) < 0)
        return CS_ERR_MEMORY;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        struct cs_object *object = add_object(maker, classes[i]);

        key.class = object->class;
        *object = key;
        object->label = label;
        object->id = id;
    }
    return 0;
}

/* One that has the id of a key that it does not belong to would be taken for that key's. */
static int add_plain(struct maker *maker, const struct cs_msg_certificate *m)
{
    struct cs_bytes id = m->cka_id, given = {0};

    if (cs_labels_n(&maker->ids, id) > 0)
        id = CS_BYTES("", 0);
    return add_certificate(maker, m->der, m->label, NULL, id, &given);
}

static int add_objects(struct maker *maker)
{
    const struct cs_view *view = maker->view;
    const struct cs_bytes uri = maker->token->m.uri;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < view->progress[CS_VIEW_IDENTITIES].total; i++)
        if (cs_bytes_equal(view->identities[i].token, uri))
            r = cs_labels_count(&maker->ids, view->identities[i].cka_id);
    for (uint32_t i = 0; r == 0 && i < view->progress[CS_VIEW_IDENTITIES].total; i++)
        if (cs_bytes_equal(view->identities[i].token, uri))
            r = add_identity(maker, &view->identities[i]);
    for (uint32_t i = 0; r == 0 && i < view->progress[CS_VIEW_CERTIFICATES].total; i++)
        if (cs_bytes_equal(view->certificates[i].token, uri))
            r = add_plain(maker, &view->certificates[i]);
    if (r == 0)
        add_object(maker, CKO_PROFILE)->label = cs_bytes_of("");
    return r;
}

static int by_handle(const void *a, const void *b)
{
    CK_OBJECT_HANDLE x = (*(struct cs_object *const *)a)->handle;
    CK_OBJECT_HANDLE y = (*(struct cs_object *const *)b)->handle;

    return (x > y) - (x < y);
}

/* Two things with one number are all but impossible; the second gets the next one. */
static void give_handles(struct cs_view *view)
{
    bool again = true;

    for (size_t t = 0; t < view->n_tokens; t++)
        for (size_t i = 0; i < view->tokens[t].n_objects; i++)
            view->tokens[t].objects[i].handle =
                cs_object_handle(&view->tokens[t].objects[i], view->tokens[t].m.uri);
    for (size_t i = 0; i < view->n_objects; i++)
        view->by_handle[i] = &view->objects[i];
    while (again) {
        again = false;
        qsort(view->by_handle, view->n_objects, sizeof(view->by_handle[0]), by_handle);
        for (size_t i = 1; i < view->n_objects; i++)
            if (view->by_handle[i]->handle <= view->by_handle[i - 1]->handle) {
                view->by_handle[i]->handle = view->by_handle[i - 1]->handle + 1;
                again = true;
            }
    }
}

int cs_view_finish(struct cs_view *view)
{
    size_t room = view->progress[CS_VIEW_CERTIFICATES].total;
    int r = choose_tokens(view);

    for (uint32_t i = 0; i < view->progress[CS_VIEW_IDENTITIES].total; i++)
        room += 2 + view->identities[i].n_certificates;
    room += view->n_tokens;
    view->objects = cs_memory_take(&view->memory, room * sizeof(view->objects[0]));
    view->by_handle = cs_memory_take(&view->memory, room * sizeof(view->by_handle[0]));
    if (r < 0 || !view->objects || !view->by_handle)
        return CS_ERR_MEMORY;
    for (size_t t = 0; r == 0 && t < view->n_tokens; t++) {
        struct maker maker = {.view = view,
            .token = &view->tokens[t],
            .labels = {.memory = &view->memory},
            .ids = {.memory = &view->memory}};

        maker.token->objects = view->objects + view->n_objects;
        r = add_objects(&maker);
    }
    if (r == 0)
        give_handles(view);
    return r;
}

const struct cs_object *cs_view_object(
    const struct cs_view *view, const struct cs_view_token *token, CK_OBJECT_HANDLE handle)
{
    struct cs_object key = {.handle = handle}, *wanted = &key, **found;

    if (view->n_objects == 0)
        return NULL;
    found =
        bsearch(&wanted, view->by_handle, view->n_objects, sizeof(view->by_handle[0]), by_handle);
    if (!found || *found < token->objects || *found >= token->objects + token->n_objects)
        return NULL;
    return *found;
}
