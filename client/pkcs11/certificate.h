/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a certificate that PKCS #11 shows, as they stand in its DER. */
#ifndef CS_PKCS11_CERTIFICATE_H
#define CS_PKCS11_CERTIFICATE_H

#include "base/buf.h"

struct cs_certificate {
    struct cs_bytes der;
    struct cs_bytes serial, issuer, subject, spki; /* whole elements */
    struct cs_bytes not_before, not_after;         /* "yyyymmdd" is within; whole elements */
    struct cs_bytes common_name;                   /* the last in subject, or empty */
    bool is_authority;
};

/* CS_ERR_PROTOCOL when it is none. */
int cs_certificate_read(struct cs_certificate *certificate, struct cs_bytes der);

#endif
