/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as OpenSSL reads them, without the time that it takes to decode keys. */
#ifndef CS_AGENT_CERTIFICATE_H
#define CS_AGENT_CERTIFICATE_H

#include "base/buf.h"
#include "base/cleanup.h"

#include <openssl/x509.h>

CS_DEFINE_CLEANUP(X509 *, X509_free);
CS_DEFINE_CLEANUP(X509_NAME *, X509_NAME_free);

/* NULL if it is none, or has something behind it. X509_get0_pubkey knows only the keys of those
 * that may issue others. */
X509 *cs_certificate_parse(struct cs_bytes der);

/* A subject or an issuer; NULL if it is none. */
X509_NAME *cs_certificate_name_parse(struct cs_bytes der);
/* Whether both mean the same, however they are written. */
bool cs_certificate_names_equal(struct cs_bytes a, struct cs_bytes b);

#endif
