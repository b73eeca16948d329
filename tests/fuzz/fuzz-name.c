/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/inventory/name, pattern and uri, base/duration: what a client or a configuration gives as a
 * name or a time. It is looked up where there is nothing, where there is one identity, and where
 * many tokens look alike.
 */
#include "fuzz.h"

#include "base/duration.h"
#include "hosts/report.h"
#include "inventory/name.h"
#include "inventory/pattern.h"
#include "inventory/uri.h"

#include <stdio.h>
#include <string.h>

#define NOW 1800000000
#define CROWD 16 /* more than a sentence lists */

static struct cs_inventory nothing, one, crowd;

/* One more token, a seed of fuzz-report. */
static void put(struct cs_inventory *inventory, const char *seed)
{
    struct cs_reports *reports = calloc(1, sizeof(*reports)); /* a host of its own, for ever */
    uint8_t octets[8192];
    struct cs_bytes left;
    struct cs_frame frame;
    size_t taken = 0;
    char path[4096];
    FILE *file;

    FUZZ_CHECK(reports);
    *reports = (struct cs_reports){
        .host = (struct cs_host *)reports, .module = "made", .inventory = inventory};
    snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/report/%s", CS_SOURCE_ROOT, seed);
    file = fopen(path, "rb");
    FUZZ_CHECK(file);
    left = CS_BYTES(octets, fread(octets, 1, sizeof(octets), file));
    fclose(file);
    while (cs_frame_parse(left, &frame, &taken) == 1) {
        FUZZ_CHECK(cs_reports_take(reports, &frame) == 0);
        left = CS_BYTES(left.data + taken, left.len - taken);
    }
    FUZZ_CHECK(left.len == 0);
}

static void start(void)
{
    static const char *const seeds[] = {
        "leaf", "two-leaves", "certificate-alone", "chain", "secretive", "same-key-twice", "gone"};

    cs_inventory_init(&nothing);
    nothing.failed = "made";
    cs_inventory_init(&one);
    put(&one, "leaf");
    cs_inventory_init(&crowd);
    for (size_t i = 0; i < CROWD; i++)
        put(&crowd, seeds[i % (sizeof(seeds) / sizeof(seeds[0]))]);
    FUZZ_CHECK(one.n_tokens == 1 && crowd.n_tokens == CROWD);
}

static void try_uri(const char *text)
{
    P11KitUri *uri = NULL;
    struct cs_fault fault = {0};

    if (cs_uri_parse(text, &uri, &fault) < 0) {
        FUZZ_CHECK(!uri && fault.text[0]);
        return;
    }
    cs_uri_has_label(uri);
    cs_uri_has_id(uri);
    p11_kit_uri_free(uri);
}

/* Whatever the name is, what is found or not has its sentence. */
static void try_name(const struct cs_inventory *inventory, const char *text)
{
    struct cs_name_match match = {0};
    const struct cs_token *token = NULL;
    struct cs_fault fault = {0};

    if (cs_name_resolve(inventory, text, CS_EXPECT_ANY, NOW, &match, &fault) < 0)
        FUZZ_CHECK(!match.identity && fault.text[0]);
    else
        FUZZ_CHECK((match.identity || match.leaf) && !match.hiding);
    fault = (struct cs_fault){0};
    if (cs_name_find_token(inventory, text, &token, &fault) < 0)
        FUZZ_CHECK(!token && fault.text[0]);
    else
        FUZZ_CHECK(token);
}

static void try_pattern(const char *text)
{
    struct cs_pattern *pattern = NULL;
    struct cs_fault fault = {0};

    if (cs_pattern_new(text, &pattern, &fault) < 0) {
        FUZZ_CHECK(!pattern && fault.text[0]);
        return;
    }
    cs_pattern_is_plain(pattern);
    cs_pattern_names_key(pattern);
    for (size_t i = 0; i < crowd.n_identities; i++)
        FUZZ_CHECK(!cs_pattern_fits(pattern, crowd.identities[i]) ||
                   !cs_pattern_may_fit(pattern, crowd.identities[i]));
    cs_pattern_hiding(pattern, &crowd);
    cs_pattern_free(pattern);
}

static void try_duration(const char *text)
{
    uint64_t milliseconds = 0;
    char out[64];

    if (cs_duration_parse(text, &milliseconds) < 0)
        return;
    FUZZ_CHECK(milliseconds <= CS_DURATION_MAX);
    FUZZ_CHECK(cs_duration_text(milliseconds, out, sizeof(out)) == out && out[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    char *text = malloc(size + 1);

    FUZZ_CHECK(text);
    if (!started)
        start();
    started = true;
    memcpy(text, data, size);
    text[size] = '\0';
    try_uri(text);
    try_name(&nothing, text);
    try_name(&one, text);
    try_name(&crowd, text);
    try_pattern(text);
    try_duration(text);
    free(text);
    return 0;
}
