/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of lists. A page ends at the first entry beyond CS_PAGE_MAX, so every page has one at least
 * if there is one. Called by reply.c. */
#include "inventory/page.h"
#include "inventory/uri.h"

struct page {
    struct cs_buf *buf;
    size_t at;
    struct cs_msg_page head;
};

static struct page begin(struct cs_buf *buf, const struct cs_inventory *inventory, size_t total)
{
    struct page page = {.buf = buf, .at = buf->len};

    page.head.generation = inventory->generation;
    page.head.total = (uint32_t)total;
    cs_msg_page_put(buf, &page.head);
    return page;
}

/* Counts the entry just put; whether there is room for one more. */
static bool count(struct page *page)
{
    page->head.n++;
    cs_buf_set_u32(page->buf, page->at + 12, page->head.n);
    return page->buf->len - page->at <= CS_PAGE_MAX;
}

void cs_page_put_tokens(struct cs_buf *buf, const struct cs_inventory *inventory, uint32_t first)
{
    struct page page = begin(buf, inventory, inventory->n_tokens);

    for (size_t i = first; i < inventory->n_tokens; i++) {
        struct cs_msg_token m;

        cs_token_describe(inventory->tokens[i], &m);
        cs_msg_token_put(buf, &m);
        if (!count(&page))
            break;
    }
}

void cs_page_put_identities(
    struct cs_buf *buf, const struct cs_inventory *inventory, uint32_t first, time_t now)
{
    CS_AUTO(cs_buf_deinit) struct cs_buf space = CS_BUF_INIT(CS_PAGE_MAX);
    struct page page = begin(buf, inventory, inventory->n_identities);

    for (size_t i = first; i < inventory->n_identities; i++) {
        struct cs_msg_identity m;

        cs_identity_describe(inventory->identities[i], now, &space, &m);
        cs_msg_identity_put(buf, &m);
        if (!count(&page))
            break;
    }
}

void cs_page_put_certificates(
    struct cs_buf *buf, const struct cs_inventory *inventory, uint32_t first)
{
    struct page page = begin(buf, inventory, inventory->n_certificates);

    for (size_t i = first; i < inventory->n_certificates; i++) {
        const struct cs_plain_certificate *entry = &inventory->certificates[i];
        const struct cs_object *object = entry->object;
        CS_AUTO(cs_freep)
        char *uri = cs_uri_of_object(entry->token, object->label, object->cka_id, "cert");
        const struct cs_msg_certificate m = {
            .uri = cs_bytes_of(uri),
            .token = cs_bytes_of(entry->token->uri),
            .label = object->label,
            .cka_id = object->cka_id,
            .der = object->value,
        };

        cs_msg_certificate_put(buf, &m);
        if (!count(&page))
            break;
    }
}
