/* SPDX-License-Identifier: Apache-2.0 */
/* agent/uri, agent/duration: what a client or a configuration gives as a name or a time. */
#include "fuzz.h"

#include "base/duration.h"
#include "inventory/uri.h"

#include <string.h>

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
    char *text = malloc(size + 1);

    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    try_uri(text);
    try_duration(text);
    free(text);
    return 0;
}
