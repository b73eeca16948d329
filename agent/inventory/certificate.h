/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as OpenSSL reads them, without the time that it takes to decode keys. */
#ifndef CS_AGENT_CERTIFICATE_H
#define CS_AGENT_CERTIFICATE_H

#include "base/buf.h"

#include <openssl/x509.h>

/* NULL if it is none, or has something behind it. X509_get0_pubkey knows only the keys of those
 * that may issue others. */
X509 *cs_certificate_parse(struct cs_bytes der);

#endif
