/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of what there is, in wire form. */
#ifndef CS_AGENT_PAGE_H
#define CS_AGENT_PAGE_H

#include "inventory/inventory.h"

void cs_page_put_tokens(struct cs_buf *buf, const struct cs_inventory *inventory, uint32_t first);
void cs_page_put_identities(
    struct cs_buf *buf, const struct cs_inventory *inventory, uint32_t first, time_t now);
void cs_page_put_certificates(
    struct cs_buf *buf, const struct cs_inventory *inventory, uint32_t first);

#endif
