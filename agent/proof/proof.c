/* SPDX-License-Identifier: Apache-2.0 */
/* Which proof a message is. The three forms exclude each other by their first bytes: 0x20, 0x01,
 * 0x30. */
#include "proof/proof.h"

struct cs_proof cs_proof_of_message(struct cs_bytes message, const struct cs_proof_key *key)
{
    struct cs_proof proof = {.kind = CS_PROOF_DATA};

    if (cs_proof_tls13(message))
        proof.kind = CS_PROOF_TLS13_CLIENT;
    else if (cs_proof_tls12(message, key, &proof))
        proof.kind = CS_PROOF_TLS12_CLIENT;
    else if (cs_proof_csr(message, key, &proof))
        proof.kind = CS_PROOF_CSR;
    return proof;
}

const char *cs_proof_name(enum cs_proof_kind kind)
{
    switch (kind) {
    case CS_PROOF_DATA:
        return "data";
    case CS_PROOF_DIGEST:
        return "digest";
    case CS_PROOF_TLS13_CLIENT:
        return "tls13-client";
    case CS_PROOF_TLS12_CLIENT:
        return "tls12-client";
    case CS_PROOF_CSR:
        return "csr";
    }
    return "data";
}
