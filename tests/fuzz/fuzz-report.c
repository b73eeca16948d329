/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/hosts/report, agent/inventory: a token host that lies. Whatever frames it sends, the
 * inventory holds together, can be searched, shown and chosen from, and is empty when the host is
 * gone. The input is what comes on the host's socket.
 */
#include "fuzz.h"

#include "hosts/report.h"
#include "inventory/chain.h"
#include "inventory/change.h"
#include "inventory/choice.h"
#include "inventory/name.h"
#include "inventory/page.h"

#include <countersign/error.h>
#include <string.h>

#define CHOICES 3

/* A time at which the first certificate is valid: without one nothing is chosen. */
static time_t find_now(const struct cs_inventory *inventory)
{
    for (size_t i = 0; i < inventory->n_identities; i++)
        if (inventory->identities[i]->n_certificates > 0)
            return inventory->identities[i]->certificates[0]->not_before + 1;
    return 1;
}

static void check_names(const struct cs_inventory *inventory, time_t now)
{
    static const char *const names[] = {"alice", "pkcs11:object=alice", "00000000"};
    struct cs_fault fault = {0};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct cs_name_match match;
        int r = cs_name_resolve(inventory, names[i], CS_EXPECT_ANY, now, &match, &fault);

        FUZZ_CHECK(r < 0 || match.identity || match.leaf);
    }
    for (size_t i = 0; i < inventory->n_identities; i++) {
        const struct cs_identity *identity = inventory->identities[i];

        FUZZ_CHECK(identity->key->spki.len > 0);
        FUZZ_CHECK(
            cs_inventory_identity(inventory, CS_BYTES(identity->key->id, CS_ID_SIZE)) != NULL);
    }
}

static void check_chain(
    const struct cs_inventory *inventory, const struct cs_object *leaf, time_t now)
{
    const struct cs_object *chain[CS_LIMIT_CHAIN];
    size_t n = cs_chain_build(inventory, leaf, now, chain, CS_LIMIT_CHAIN);

    FUZZ_CHECK(n > 0 && n <= CS_LIMIT_CHAIN && chain[0] == leaf);
}

static void check_choices(
    const struct cs_inventory *inventory, const struct cs_criteria *criteria, time_t now)
{
    struct cs_choice choices[CHOICES];
    struct cs_fault fault = {0};
    char why[CS_TEXT_MAX * 3];
    size_t n = cs_choice_list(inventory, criteria, now, choices, CHOICES);

    FUZZ_CHECK(n <= CHOICES);
    for (size_t i = 0; i < n; i++)
        check_chain(inventory, choices[i].certificate, now);
    if (n > 0) {
        cs_choice_explain(choices, n, criteria, why, sizeof(why));
        FUZZ_CHECK(why[0]);
        FUZZ_CHECK(cs_choice_distinct(choices, n) <= n);
    } else {
        FUZZ_CHECK(cs_choice_none(inventory, criteria, now, &fault) == CS_ERR_NOT_FOUND);
        FUZZ_CHECK(fault.text[0]);
    }
}

/* Any server, and one that trusts who issued the seeds' certificates. */
static void check_all_choices(const struct cs_inventory *inventory, time_t now)
{
    static const uint8_t issuers[] = {0, 0, 0, 18, 0x30, 0x10, 0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03,
        0x55, 0x04, 0x03, 0x0c, 0x05, 'a', 'l', 'i', 'c', 'e'};
    static const uint8_t schemes[] = {0x04, 0x03, 0x08, 0x04};
    const struct cs_criteria any = {0};
    const struct cs_criteria some = {.host = cs_bytes_of("api.example"),
        .n_issuers = 1,
        .issuers = CS_BYTES(issuers, sizeof(issuers)),
        .schemes = CS_BYTES(schemes, sizeof(schemes))};

    check_choices(inventory, &any, now);
    check_choices(inventory, &some, now);
}

static void check_pages(const struct cs_inventory *inventory, time_t now)
{
    struct cs_buf page = CS_BUF_INIT(CS_FRAME_MAX);

    cs_page_put_tokens(&page, inventory, 0);
    cs_page_put_identities(&page, inventory, 0, now);
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
    time_t now;

    cs_inventory_init(&inventory);
    while (cs_frame_parse(left, &frame, &taken) == 1 && cs_reports_take(&reports, &frame) == 0) {
        left = CS_BYTES(left.data + taken, left.len - taken);
        FUZZ_CHECK(reports.n_tokens == inventory.n_tokens);
        FUZZ_CHECK(reports.n_tokens + reports.n_begun <= CS_LIMIT_TOKENS_PER_HOST);
        cs_change_look(&change, &inventory, &watchers);
    }
    now = find_now(&inventory);
    check_names(&inventory, now);
    check_all_choices(&inventory, now);
    check_pages(&inventory, now);
    cs_reports_drop(&reports);
    cs_memory_deinit(&reports.memory);
    FUZZ_CHECK(inventory.n_tokens == 0 && inventory.n_identities == 0);
    FUZZ_CHECK(inventory.n_certificates == 0);
    cs_change_deinit(&change);
    cs_inventory_deinit(&inventory);
    return 0;
}
