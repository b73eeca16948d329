/* SPDX-License-Identifier: Apache-2.0 */
/* SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) of the keys that sign in TLS, without libcrypto. */
#ifndef CS_BASE_SPKI_H
#define CS_BASE_SPKI_H

#include "base/buf.h"

#include <countersign/protocol.h>

struct cs_spki {
    enum cs_key_type type;
    unsigned bits;
    const char *group;    /* the curve as OpenSSL names it, NULL for other keys */
    struct cs_bytes key;  /* what the BIT STRING holds */
    struct cs_bytes n, e; /* RSA: big-endian */
};

/* CS_ERR_PROTOCOL when it is no key of a type that we know. Its form is judged strictly; that a
 * point lies on its curve, and what the parameters of RSA-PSS say, is not. The result points into
 * der. */
int cs_spki_parse(struct cs_bytes der, struct cs_spki *spki);

#endif
