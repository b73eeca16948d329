/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate says, for people. */
#ifndef CS_CLI_X509_H
#define CS_CLI_X509_H

#include "base/buf.h"
#include "base/cleanup.h"

#define CS_X509_USAGES_MAX 16

struct cs_x509 {
    char *subject, *issuer; /* RFC 2253, as nginx tells them; printable UTF-8 */
    char *serial;           /* hex */
    char *names;            /* subjectAltName, or NULL */
    char sha256[65];        /* of the certificate, hex */
    int64_t not_before, not_after;
    bool self_signed;
    size_t n_usages;
    const char *usages[CS_X509_USAGES_MAX]; /* keyUsage and extendedKeyUsage, short names */
    bool any_usage;                         /* neither extension is there */
};

/* CS_ERR_INVALID when it is no certificate, CS_ERR_MEMORY. */
int cs_x509_new(struct cs_x509 **x509p, struct cs_bytes der);
void cs_x509_free(struct cs_x509 *x509);
CS_DEFINE_CLEANUP(struct cs_x509 *, cs_x509_free);

#endif
