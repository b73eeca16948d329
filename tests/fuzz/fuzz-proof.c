/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/proof: what is said about the bytes to be signed lies within them, whatever they are. The
 * input: scheme (u16), SubjectPublicKeyInfo (u32 length, octets), message.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "proof/proof.h"

static bool owns(const void *context, struct cs_bytes certificate)
{
    (void)context;
    return certificate.len > 0;
}

static bool names(struct cs_bytes certificate, struct cs_bytes server)
{
    FUZZ_CHECK(certificate.len > 0 && server.len > 0);
    return true;
}

static void check_within(struct cs_bytes part, struct cs_bytes whole)
{
    if (part.len == 0)
        return;
    FUZZ_CHECK(part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_reader reader = cs_reader_of(CS_BYTES(data, size));
    struct cs_proof_key key = {.owns = owns, .names = names};
    struct cs_bytes message;
    struct cs_proof proof;

    key.scheme = cs_get_u16(&reader);
    key.spki = cs_get_bytes(&reader);
    if (reader.error)
        return 0;
    message = cs_get_raw(&reader, reader.left);
    proof = cs_proof_of_message(message, &key);
    FUZZ_CHECK(cs_proof_name(proof.kind) != NULL);
    FUZZ_CHECK(proof.kind != CS_PROOF_DIGEST);
    check_within(proof.server_name, message);
    check_within(proof.server_certificate, message);
    check_within(proof.issuers, message);
    check_within(proof.subject, message);
    return 0;
}
