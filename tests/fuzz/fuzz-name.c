/* SPDX-License-Identifier: Apache-2.0 */
/* agent/inventory/name and uri, base/duration: what a client or a configuration gives as a name or
 * a time. There is one token with one identity. */
#include "fuzz.h"

#include "base/duration.h"
#include "fake-service.h"
#include "inventory/name.h"
#include "inventory/uri.h"

#include <string.h>

#define NOW 1800000000

static void try_uri(const char *text)
{
    P11KitUri *uri = NULL;
    struct cs_fault fault = {0};

    if (cs_uri_parse(text, &uri, &fault) < 0) {
        FUZZ_CHECK(!uri && fault.text[0]);
        return;
    }
    cs_uri_names_object(uri);
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
        FUZZ_CHECK(match.identity || match.leaf);
    fault = (struct cs_fault){0};
    if (cs_name_find_token(inventory, text, &token, &fault) < 0)
        FUZZ_CHECK(!token && fault.text[0]);
    else
        FUZZ_CHECK(token);
}

static void try_pattern(const struct cs_inventory *inventory, const char *text)
{
    struct cs_name_pattern *pattern = NULL;
    struct cs_fault fault = {0};

    if (cs_name_pattern_new(text, &pattern, &fault) < 0) {
        FUZZ_CHECK(!pattern && fault.text[0]);
        return;
    }
    cs_name_pattern_is_plain(pattern);
    cs_name_pattern_names_key(pattern);
    cs_name_pattern_fits(pattern, inventory->identities[0]);
    cs_name_pattern_free(pattern);
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
    static const struct cs_service *service;
    char *text = malloc(size + 1);

    FUZZ_CHECK(text);
    if (!service)
        service = fake_service_start();
    memcpy(text, data, size);
    text[size] = '\0';
    try_uri(text);
    try_name(&service->inventory, text);
    try_pattern(&service->inventory, text);
    try_duration(text);
    free(text);
    return 0;
}
