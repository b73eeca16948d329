/* SPDX-License-Identifier: Apache-2.0 */
/* EMSA-PSS (RFC 8017, 9.1.1) as TLS wants it: MGF1 with the same hash, a salt as long as that. */
#ifndef CS_TOKEN_HOST_PSS_H
#define CS_TOKEN_HOST_PSS_H

#include "base/buf.h"
#include "base/scheme.h"

/* What a key of so many bits is to sign as it is: (bits + 7) / 8 octets at out. False if there is
 * no room for the digest, or for want of memory or randomness. */
bool cs_pss_encode(enum cs_hash hash, struct cs_bytes digest, uint32_t bits, uint8_t *out);

#endif
