/* SPDX-License-Identifier: Apache-2.0 */
/* The issuers that a server accepts, as a person names them. */
#ifndef CS_CLI_ISSUERS_H
#define CS_CLI_ISSUERS_H

#include "base/error.h"

#include <countersign/countersign.h>

struct cs_issuers {
    struct countersign_bytes *names; /* DER */
    size_t n;
};

/*
 * Adds what text stands for: the subjects of all certificates in a file, PEM or DER; else a
 * distinguished name, RFC 2253 ("CN=Office CA,O=Corp"). CS_ERR_INVALID when it is neither.
 */
int cs_issuers_add(struct cs_issuers *issuers, const char *text, struct cs_fault *fault);
void cs_issuers_deinit(struct cs_issuers *issuers);

#endif
