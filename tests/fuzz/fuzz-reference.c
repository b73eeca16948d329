/* SPDX-License-Identifier: Apache-2.0 */
/* base/pem: the body of a PEM block, decoded, and the key reference in it. */
#include "fuzz.h"

#include "base/pem.h"

#include <countersign/error.h>
#include <string.h>

/* What is written is read back. */
static void check_again(struct cs_bytes uri)
{
    char *string = cs_bytes_dup(uri);
    struct cs_buf der = CS_BUF_INIT(2 * uri.len + 256);
    struct cs_bytes again;

    FUZZ_CHECK(string && strlen(string) == uri.len && uri.len > 0);
    cs_pem_reference_put(&der, string);
    FUZZ_CHECK(der.error == 0);
    FUZZ_CHECK(cs_pem_reference_get(cs_buf_bytes(&der), &again) == 0);
    FUZZ_CHECK(cs_bytes_equal(again, uri));
    cs_buf_deinit(&der);
    free(string);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_buf der = CS_BUF_INIT(size + 3);
    struct cs_bytes uri;
    int r = cs_pem_decode(&der, CS_BYTES(data, size));

    FUZZ_CHECK(r == 0 || r == CS_ERR_PROTOCOL);
    if (r == 0 && cs_pem_reference_get(cs_buf_bytes(&der), &uri) == 0)
        check_again(uri);
    cs_buf_deinit(&der);
    return 0;
}
