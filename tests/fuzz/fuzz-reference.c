/* SPDX-License-Identifier: Apache-2.0 */
/* base/pem: the body of a PEM block, decoded, and the key reference in it. */
#include "fuzz.h"

#include "base/pem.h"

#include <countersign/error.h>
#include <string.h>

/* What is written is read back. */
static void check_again(const struct cs_pem_reference *reference)
{
    struct cs_buf der = CS_BUF_INIT(2 * (reference->uri.len + reference->spki.len) + 256);
    struct cs_pem_reference again;

    FUZZ_CHECK(reference->uri.len > 0 && !memchr(reference->uri.data, 0, reference->uri.len));
    FUZZ_CHECK((reference->id.len == 0) == (reference->spki.len == 0));
    cs_pem_reference_put(&der, reference);
    FUZZ_CHECK(der.error == 0);
    FUZZ_CHECK(cs_pem_reference_get(cs_buf_bytes(&der), &again) == 0);
    FUZZ_CHECK(cs_bytes_equal(again.uri, reference->uri));
    FUZZ_CHECK(cs_bytes_equal(again.id, reference->id));
    FUZZ_CHECK(cs_bytes_equal(again.spki, reference->spki));
    cs_buf_deinit(&der);
}

static void try_reference(struct cs_bytes der)
{
    struct cs_pem_reference reference;

    if (cs_pem_reference_get(der, &reference) == 0)
        check_again(&reference);
}

/* As it is in a file, and as if it had been decoded, which changes more easily. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_buf der = CS_BUF_INIT(size + 3);
    int r = cs_pem_decode(&der, CS_BYTES(data, size));

    FUZZ_CHECK(r == 0 || r == CS_ERR_PROTOCOL);
    if (r == 0)
        try_reference(cs_buf_bytes(&der));
    try_reference(CS_BYTES(data, size));
    cs_buf_deinit(&der);
    return 0;
}
