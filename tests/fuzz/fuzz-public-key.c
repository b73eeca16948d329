/* SPDX-License-Identifier: Apache-2.0 */
/* base/der, base/spki: a SubjectPublicKeyInfo and the RSA key in it lie within the input. */
#include "fuzz.h"

#include "base/der.h"
#include "base/spki.h"

#include <countersign/error.h>

static void check_within(struct cs_bytes part, struct cs_bytes whole)
{
    FUZZ_CHECK(part.len <= whole.len);
    FUZZ_CHECK(part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_bytes spki = CS_BYTES(data, size), key, n, e;
    struct cs_bytes left = spki;
    struct cs_der element;
    struct cs_spki parsed;

    while (cs_der_next(&left, &element) == 0) {
        check_within(element.whole, spki);
        check_within(element.content, element.whole);
    }
    if (cs_spki_parse(spki, &parsed) == 0) {
        check_within(parsed.key, spki);
        FUZZ_CHECK(parsed.bits >= 256 && parsed.bits <= 16384);
        FUZZ_CHECK((parsed.type == CS_KEY_EC) == (parsed.group != NULL));
    }
    if (cs_der_spki_key(spki, &key) < 0)
        return 0;
    check_within(key, spki);
    if (cs_der_rsa_public_key(key, &n, &e) < 0)
        return 0;
    check_within(n, key);
    check_within(e, key);
    return 0;
}
