/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3, client CertificateVerify (RFC 8446, 4.4.3): 64 spaces, the context string, a zero, and
 * the transcript hash, which is SHA-256's or SHA-384's. A server's has another context string.
 */
#include "proof/proof.h"

#include <string.h>

#define SPACES 64

static const char context[] = "TLS 1.3, client CertificateVerify"; /* its zero counts */

bool cs_proof_tls13(struct cs_bytes message)
{
    size_t head = SPACES + sizeof(context);

    if (message.len != head + 32 && message.len != head + 48)
        return false;
    for (size_t i = 0; i < SPACES; i++)
        if (message.data[i] != ' ')
            return false;
    return memcmp(message.data + SPACES, context, sizeof(context)) == 0;
}
