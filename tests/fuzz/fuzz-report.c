/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/hosts/report, agent/inventory: a token host that lies. Whatever frames it sends, the
 * inventory holds together, can be searched, shown and chosen from, and is empty when the host is
 * gone. The input is what comes on the host's socket.
 */
#include "fuzz.h"

#include "hosts/report.h"
#include "inventory/change.h"
#include "inventory/choice.h"
#include "inventory/name.h"
#include "inventory/page.h"

#include <countersign/error.h>
#include <string.h>

#define NOW 1800000000
#define CHOICES 3

static void check_names(const struct cs_inventory *inventory)
{
    static const char *const names[] = {"alice", "pkcs11:object=alice", "00000000"};
    struct cs_fault fault = {0};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct cs_name_match match;
        int r = cs_name_resolve(inventory, names[i], CS_EXPECT_ANY, NOW, &match, &fault);

        FUZZ_CHECK(r < 0 || match.identity || match.leaf);
    }
    for (size_t i = 0; i < inventory->n_identities; i++) {
        const struct cs_identity *identity = inventory->identities[i];

        FUZZ_CHECK(identity->key->spki.len > 0);
        FUZZ_CHECK(
            cs_inventory_identity(inventory, CS_BYTES(identity->key->id, CS_ID_SIZE)) != NULL);
    }
}

static void check_choices(const struct cs_inventory *inventory)
{
    const struct cs_criteria any = {0};
    struct cs_choice choices[CHOICES];
    struct cs_fault fault = {0};
    char why[CS_TEXT_MAX * 3];
    size_t n = cs_choice_list(inventory, &any, NOW, choices, CHOICES);

    FUZZ_CHECK(n <= CHOICES);
    if (n > 0)
        cs_choice_explain(choices, n, &any, why, sizeof(why));
    else
        FUZZ_CHECK(cs_choice_none(inventory, &any, NOW, &fault) == CS_ERR_NOT_FOUND);
}

static void check_pages(const struct cs_inventory *inventory)
{
    struct cs_buf page = CS_BUF_INIT(CS_FRAME_MAX);

    cs_page_put_tokens(&page, inventory, 0);
    cs_page_put_identities(&page, inventory, 0, NOW);
    cs_page_put_certificates(&page, inventory, 0);
    cs_buf_deinit(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_inventory inventory;
    struct cs_watchers watchers = TAILQ_HEAD_INITIALIZER(watchers);
    struct cs_change change = {0};
    struct cs_reports reports = {.module = "made", .inventory = &inventory};
    struct cs_bytes left = CS_BYTES(data, size);
    struct cs_frame frame;
    size_t taken = 0;

    cs_inventory_init(&inventory);
    while (cs_frame_parse(left, &frame, &taken) == 1 && cs_reports_take(&reports, &frame) == 0) {
        left = CS_BYTES(left.data + taken, left.len - taken);
        FUZZ_CHECK(reports.n_tokens == inventory.n_tokens);
        FUZZ_CHECK(reports.n_tokens + reports.n_begun <= CS_LIMIT_TOKENS_PER_HOST);
        cs_change_look(&change, &inventory, &watchers);
    }
    check_names(&inventory);
    check_choices(&inventory);
    check_pages(&inventory);
    cs_reports_drop(&reports);
    FUZZ_CHECK(inventory.n_tokens == 0 && inventory.n_identities == 0);
    FUZZ_CHECK(inventory.n_certificates == 0);
    cs_change_deinit(&change);
    cs_inventory_deinit(&inventory);
    return 0;
}
